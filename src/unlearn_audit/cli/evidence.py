"""`evidence check`: lists what predictions or evidence hold, and which checks of a policy they can answer."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from unlearn_audit.cli.layout import OrderedGroup
from unlearn_audit.cli.options import CLASSES_HELP, FILE, POLICY_HELP, SCORES, CodeOptions, read_classes, with_code
from unlearn_audit.errors import ExitCode, UsageError
from unlearn_audit.escaping import show_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from unlearn_audit.cases import CaseRequest
    from unlearn_audit.evidence import Evidence
    from unlearn_audit.evidence.predictions.scores import Kind
    from unlearn_audit.policy import KnownNames, Policy
    from unlearn_audit.records import CheckResult

_QUICK = 1_000
_WIDEST = 60
_SCORES_HELP = "What predictions are.  [default: the case file's, else probabilities]"


@dataclass(frozen=True, kw_only=True)
class EvidenceCheckOptions(CodeOptions):
    """The options of `evidence check`, as they were given."""

    files: tuple[Path, ...]
    policy: str
    case: Path | None = None
    data: Path | None = None
    forget: Path | None = None
    scores: "Kind | None" = None
    classes: tuple[str, ...] = ()
    as_json: bool = False


@click.group("evidence", cls=OrderedGroup)
def command() -> None:
    """Look at evidence and predictions before they are judged."""


@command.command(
    name="check",
    short_help="Say which checks a file of predictions can answer.",
    epilog="""
\b
Exit codes:
  0  every required check of the policy can be measured, or the code holds to its contract
  2  usage or policy error
  3  some required check cannot be measured: the list says why, and what to bring
  5  the file cannot be used at all, or the code breaks its contract
""",
)
@click.argument("files", type=FILE, nargs=-1, metavar="[FILE...]")
@click.option("--policy", required=True, metavar="FILE", help=POLICY_HELP)
@click.option("--case", type=FILE, metavar="FILE", help="Case file: the predictions, and what is known beyond them.")
@click.option("--data", type=FILE, metavar="PATH", help="Data that your code is tried on, where no FILE is given.")
@with_code
@click.option("--forget", type=FILE, metavar="CSV", help="List of ids to forget, where the file says 'train'.")
@click.option("--scores", type=click.Choice(SCORES), help=_SCORES_HELP)
@click.option("--classes", metavar="NAMES", callback=read_classes, help=CLASSES_HELP)
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def check_evidence(**options: Any) -> int:
    """Say what is in evidence or predictions, what was assumed, and which checks they can answer. Judges nothing.

    Without FILE the predictions are those that the case file names. Where neither names any, the code that the case or
    --train, --unlearn and --preprocess name is tried on a few records.
    """
    return check_from_options(EvidenceCheckOptions(**options))


def check_from_options(options: EvidenceCheckOptions) -> int:
    """Print what the files hold and which checks can be measured; return 0, or 3 where a required one cannot."""
    from unlearn_audit.cli.code_trial import check_code
    from unlearn_audit.pipeline.audit import name_known, reach_verdicts
    from unlearn_audit.policy import find_policy, load_policy
    from unlearn_audit.records import Outcome

    known = name_known()
    policy = load_policy(find_policy(options.policy), known)
    if (trial := _read_trial(options, known)) is not None:
        if options.as_json:
            raise UsageError("--json is about predictions and evidence; code is tried here", hint="leave it out")
        return check_code(policy, trial)
    evidence = _read_evidence(options, policy, known)
    # Whether a check can be measured does not depend on the number of resamples, and what it says is not shown.
    quick = policy.protocol.model_copy(update={"resamples": _QUICK})
    verdicts = reach_verdicts(policy.model_copy(update={"protocol": quick}), evidence)
    checks = verdicts[0].checks
    lost = [check for check in checks if check.outcome is Outcome.NOT_RUN and check.required]
    code = ExitCode.INCONCLUSIVE if lost else ExitCode.PASS
    if options.as_json:
        click.echo(json.dumps(_list_facts(evidence, checks, policy, code), indent=2, ensure_ascii=False))
        return code
    _print_contents(evidence)
    _print_checks(checks)
    for line in dict.fromkeys(_suggest(check, policy) for check in checks if check.outcome is Outcome.NOT_RUN):
        click.echo(f"To bring: {show_text(line)}")
    click.echo(
        f"\n{len(lost)} of {sum(c.required for c in checks)} required checks cannot be measured: the "
        "verdict would be inconclusive or fail, never pass."
        if lost
        else "\nEvery required check can be measured."
    )
    return code


def _list_facts(
    evidence: "Evidence", checks: "Sequence[CheckResult]", policy: "Policy", code: ExitCode
) -> dict[str, Any]:
    """Return all that the table says, for programs."""
    from unlearn_audit.records import Outcome

    provenance = evidence.provenance
    return {
        "models": {card.name: card.role for card in provenance.models},
        "records": {name: count.model_dump() for name, count in provenance.data.splits.items()},
        "classes": list(evidence.classes),
        "positive": [evidence.classes[index] for index in evidence.positive],
        "groups": list(evidence.groups),
        "notes": [note.model_dump(mode="json") for note in provenance.notes],
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


def _read_trial(options: EvidenceCheckOptions, known: "KnownNames") -> "CaseRequest | None":
    """Return the request of a trial of the user's code, None where files are to be looked at."""
    from unlearn_audit.cases import CaseRequest
    from unlearn_audit.cli.modes import find_prediction_files, read_case, read_forget
    from unlearn_audit.data import find_cache
    from unlearn_audit.records.clock import read_clock

    case, folder = read_case(options.case, known)
    named = options.train or options.unlearn or options.preprocess or (case and case.functions)
    if options.files or find_prediction_files(case, folder) or not named:
        return None
    return CaseRequest(
        created=read_clock(),
        cache=find_cache(),
        case=case,
        case_folder=folder,
        data=options.data,
        forget=read_forget(str(options.forget) if options.forget else None),
        references=0,
        train=options.train,
        unlearn=options.unlearn,
        preprocess=options.preprocess,
        embeddings=options.embeddings,
        device=options.device,
    )


def _read_evidence(options: EvidenceCheckOptions, policy: "Policy", known: "KnownNames") -> "Evidence":
    """Evidence that this tool wrote is read as such; anything else is predictions."""
    from unlearn_audit.cli.modes import find_list, find_prediction_files, read_case
    from unlearn_audit.evidence.parquet import is_evidence, read_evidence
    from unlearn_audit.pipeline.external import Predictions

    if len(options.files) == 1 and is_evidence(options.files[0]):
        given = [f"--{name}" for name in ("case", "forget", "scores", "classes") if getattr(options, name)]
        if given:
            raise UsageError(f"{', '.join(given)} with evidence, which says all of it itself", hint="leave it out")
        return read_evidence(options.files[0])
    case, folder = read_case(options.case, known)
    files = options.files or find_prediction_files(case, folder)
    if not files:
        raise UsageError(
            "expected a file of predictions or evidence, or code to try; found neither",
            hint="name a FILE, or --train file.py:function, or a --case with 'predictions: [FILE]' or 'functions'",
        )
    forget = find_list(options.forget, case, folder)
    return Predictions(files, case, forget, options.scores, options.classes, folder=folder).read(policy)


def _print_contents(evidence: "Evidence") -> None:
    from unlearn_audit.cli.intake import print_intake
    from unlearn_audit.evidence import SPLITS

    provenance = evidence.provenance
    for card in provenance.models:
        role = "" if card.role == card.name else f" ({card.role})"
        click.echo(f"Model    {show_text(card.name)}: {show_text(card.title)}{role}")
    for name in SPLITS:
        inside = evidence.select(name)
        click.echo(f"Records  {name}: {int(inside.sum())}, of them positive {int(evidence.is_positive[inside].sum())}")
    positive = ", ".join(evidence.classes[index] for index in evidence.positive)
    click.echo(f"Classes  {show_text(', '.join(evidence.classes))}; positive: {show_text(positive)}")
    click.echo(f"Groups   {show_text(', '.join(evidence.groups)) or 'none'}")
    for note in provenance.notes:
        click.echo(f"Note     {show_text(str(note))}")
    print_intake(provenance.intake, everything=True)


def _print_checks(checks: "Sequence[CheckResult]") -> None:
    from unlearn_audit.records import Outcome

    click.echo()
    width = min(_WIDEST, max(len(check.title) for check in checks))
    for check in checks:
        note = "" if check.required else " (not required)"
        text = check.reason.removeprefix("Not measured: ") if check.outcome is Outcome.NOT_RUN else "can be measured"
        mark = "-" if check.outcome is Outcome.NOT_RUN else "+"
        click.echo(f"{mark} {show_text(check.title):<{width}}  {show_text(text)}{note}")


def _suggest(check: "CheckResult", policy: "Policy") -> str:
    """Return what would let the check be measured, by its reason."""
    reason = check.reason
    if "clusters by" in reason:
        return f"a group column '{policy.protocol.cluster}' (or a policy that says 'cluster_required: false')"
    if "no model" in reason:
        return f"predictions of the {check.key.against} model, on the same records"
    if "validation" in reason:
        return "predictions of the original (and all other models) on validation records, apart from test"
    if "very same score" in reason:
        return "logits, or probabilities with all their digits"
    if "smallest group" in reason or "at least" in reason:
        return f"more records, for '{check.id}': {reason.removeprefix('Not measured: ')}"
    return f"what '{check.id}' needs: {reason.removeprefix('Not measured: ')}"
