"""`evidence check`: what files of predictions hold, what was assumed about them, which checks they can answer."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from unlearn_audit.cli.bringing import find_predictions, read_case
from unlearn_audit.cli.intake import print_intake
from unlearn_audit.errors import ExitCode, UsageError
from unlearn_audit.records import SPLITS, CheckResult, Evidence, Outcome

if TYPE_CHECKING:
    from unlearn_audit.policy import KnownNames, Policy

_QUICK = 1_000
_WIDEST = 60


def check_files(files: Sequence[Path], policy_name: str, options: Mapping[str, Any]) -> int:
    """Print what the files hold and which checks can be measured; return 0, or 3 where a required one cannot."""
    from unlearn_audit.auditing import name_known, reach_verdicts
    from unlearn_audit.policy import find_policy, load_policy

    known = name_known()
    policy = load_policy(find_policy(policy_name), known)
    evidence = _read_evidence(files, policy, options, known)
    # Whether a check can be measured does not depend on the number of resamples, and what it says is not shown.
    quick = policy.protocol.model_copy(update={"resamples": _QUICK})
    verdicts = reach_verdicts(policy.model_copy(update={"protocol": quick}), evidence)
    checks = verdicts[0].checks
    missing = [check for check in checks if check.outcome is Outcome.NOT_RUN]
    lost = [check for check in missing if check.required]
    code = ExitCode.INCONCLUSIVE if lost else ExitCode.PASS
    if options.get("as_json"):
        click.echo(json.dumps(_tell(evidence, checks, policy, code), indent=2, ensure_ascii=False))
        return code
    _print_contents(evidence)
    _print_checks(checks)
    for line in dict.fromkeys(_suggest(check, policy) for check in missing):
        click.echo(f"To bring: {line}")
    click.echo(
        f"\n{len(lost)} of {sum(c.required for c in checks)} required checks cannot be measured: the "
        "verdict would be inconclusive or fail, never pass."
        if lost
        else "\nEvery required check can be measured."
    )
    return code


def _tell(evidence: Evidence, checks: Sequence[CheckResult], policy: "Policy", code: ExitCode) -> dict[str, Any]:
    """Return all that the table says, for programs."""
    provenance = evidence.provenance
    return {
        "models": {card.name: card.role for card in provenance.models},
        "records": {name: count.model_dump() for name, count in provenance.data.splits.items()},
        "classes": list(evidence.classes),
        "positive": [evidence.classes[index] for index in evidence.positive],
        "groups": list(evidence.groups),
        "notes": list(provenance.notes),
        "intake": [entry.model_dump(mode="json") for entry in provenance.intake],
        "checks": [
            {
                "id": check.id,
                "required": check.required,
                "measurable": check.outcome is not Outcome.NOT_RUN,
                "to_bring": _suggest(check, policy) if check.outcome is Outcome.NOT_RUN else None,
            }
            for check in checks
        ],
        "exit_code": int(code),
    }


def _read_evidence(
    files: Sequence[Path], policy: "Policy", options: Mapping[str, Any], known: "KnownNames"
) -> Evidence:
    """Evidence that this tool wrote is read as such; anything else is predictions."""
    from unlearn_audit.evidence import is_evidence, read_evidence

    if len(files) == 1 and is_evidence(files[0]):
        given = [f"--{name}" for name in ("case", "forget", "scores", "classes") if options.get(name)]
        if given:
            raise UsageError(f"{', '.join(given)} with evidence, which says all of it itself", hint="leave it out")
        return read_evidence(files[0])
    case, folder = read_case(options["case"], known)
    brought = find_predictions({"predictions": tuple(files), **options}, case, folder)
    if brought is None:
        raise UsageError(
            "expected files of predictions, found none", hint="name them here, or under 'predictions' in the case file"
        )
    return brought.read(policy, "not collected yet")


def _print_contents(evidence: Evidence) -> None:
    provenance = evidence.provenance
    for card in provenance.models:
        click.echo(f"Model    {card.name}: {card.title}" + ("" if card.role == card.name else f" ({card.role})"))
    for name in SPLITS:
        inside = evidence.select(name)
        click.echo(f"Records  {name}: {int(inside.sum())}, of them positive {int(evidence.is_positive[inside].sum())}")
    positive = ", ".join(evidence.classes[index] for index in evidence.positive)
    click.echo(f"Classes  {', '.join(evidence.classes)}; positive: {positive}")
    click.echo(f"Groups   {', '.join(evidence.groups) or 'none'}")
    for note in provenance.notes:
        click.echo(f"Note     {note}")
    print_intake(provenance.intake, everything=True)


def _print_checks(checks: Sequence[CheckResult]) -> None:
    click.echo()
    width = min(_WIDEST, max(len(check.title) for check in checks))
    for check in checks:
        note = "" if check.required else " (not required)"
        said = check.reason.removeprefix("Not measured: ") if check.outcome is Outcome.NOT_RUN else "can be measured"
        click.echo(f"{'-' if check.outcome is Outcome.NOT_RUN else '+'} {check.title:<{width}}  {said}{note}")


def _suggest(check: CheckResult, policy: "Policy") -> str:
    """Return what would let the check be measured, by its reason."""
    reason = check.reason
    if "clusters by" in reason:
        return f"a group column '{policy.protocol.cluster}' (or a policy that says 'cluster_required: false')"
    if "no model" in reason:
        return f"predictions of the {check.against} model, on the same records"
    if "validation" in reason:
        return "predictions of the original (and all other models) on validation records, apart from test"
    if "very same score" in reason:
        return "logits, or probabilities with all their digits"
    if "smallest group" in reason or "at least" in reason:
        return f"more records, for '{check.id}': {reason.removeprefix('Not measured: ')}"
    return f"what '{check.id}' needs: {reason.removeprefix('Not measured: ')}"
