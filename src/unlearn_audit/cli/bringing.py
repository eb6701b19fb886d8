"""`run --predictions` and `evidence check`: what was made elsewhere is read, checked and judged here."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from unlearn_audit.errors import ExitCode, UsageError
from unlearn_audit.escaping import show_text
from unlearn_audit.evidence import SPLITS, Evidence
from unlearn_audit.pipeline.external import Predictions
from unlearn_audit.records import CheckResult, Outcome, Signer

if TYPE_CHECKING:
    from unlearn_audit.cases import ExternalOriginal
    from unlearn_audit.pipeline.external_models import ExternalModels
    from unlearn_audit.policy import CaseFile, KnownNames, Network, Policy

ROLES = ("original", "unlearned", "retrained")
_TRAINING = ("method", "compare", "no_remedy", "no_retrain", "cache", "references", "jobs", "backend", "cluster")
_DATA = ("data", "offline", "threads")
_MODELS = (*ROLES, "model")
_TRAINING_FACTS = ("unlearn", "compare", "retrain", "recipe")
_MODEL_FACTS = ("network", "preprocessing")
_DATA_FACTS = ("split_column", "data", "dataset", "images")
_QUICK = 1_000
_WIDEST = 60


def read_case(path: Path | None, known: "KnownNames") -> tuple["CaseFile | None", Path]:
    """Return the case file and the folder that its paths are relative to.

    Raises:
        PolicyError: a case file that cannot be used.
    """
    from unlearn_audit.policy import load_case

    return (load_case(path, known), path.parent) if path is not None else (None, Path())


def find_predictions(options: Mapping[str, Any], case: "CaseFile | None", folder: Path) -> Predictions | None:
    """Return the predictions that options or case file name, None where there are none.

    Raises:
        UsageError: options that something else has a use for, or a share to forget.
    """
    files = options["predictions"] or tuple(folder / name for name in (case.predictions if case else ()))
    if not files:
        return None
    told = [name for name in (*_TRAINING_FACTS, *_DATA_FACTS, *_MODEL_FACTS) if _tells(case, name)]
    told += [f"models.{name}.file" for name, model in (case.models if case else {}).items() if model.file]
    _validate_used(
        options, (*_TRAINING, *_DATA, *_MODELS), told, "with predictions no data is read and no model is asked"
    )
    return Predictions(files, case, _find_list(options["forget"], case, folder), options["scores"])


def find_models(  # noqa: PLR0917 - one call site
    policy: "Policy", options: Mapping[str, Any], case: "CaseFile | None", folder: Path, signer: Signer, created: str
) -> "ExternalModels | ExternalOriginal | None":
    """Return the models that options or case file name, None where all models are to be trained.

    Without an unlearned model the original is unlearned here.

    Raises:
        UsageError: no original, options that only training has a use for, a share to forget, no network.
    """
    from unlearn_audit.cases import choose_split_column, read_image_rules
    from unlearn_audit.models import Preprocessing
    from unlearn_audit.pipeline.external_models import ExternalModels
    from unlearn_audit.policy import CaseFile, Network

    told = {name: folder / model.file for name, model in (case.models if case else {}).items() if model.file}
    files = told | {name: options[name] for name in ROLES if options.get(name)}
    if not files:
        _validate_no_model_facts(options, case)
        return None
    said = case or CaseFile(schema_="unlearn-audit/case/v1", name=f"{policy.id}: {policy.title}")
    network = Network(factory=options["model"]) if options["model"] else said.network
    if "original" not in files:
        raise UsageError(
            f"expected the original model beside {', '.join(files)}, found none",
            hint="add --original FILE, or 'models: {original: {file: FILE}}' in the case file",
        )
    if "unlearned" not in files:
        return _find_original(options, said, files, network)
    idle = [name for name in (*_TRAINING_FACTS, "columns", "about_data") if _tells(case, name)]
    _validate_used(options, _TRAINING, idle, "with models that were made elsewhere none is made here")
    usual = policy.reference_case.dataset if policy.reference_case else "own-data"
    return ExternalModels(
        files=files,
        allow_code=bool(options.get("allow_code")),
        dataset=said.dataset or usual,
        case=said.name,
        created=created,
        data=options["data"] or (folder / said.data if said.data else None),
        forget=_find_list(options["forget"], case, folder),
        network=network,
        preprocessing=Preprocessing(**said.preprocessing.model_dump()),
        scores=options["scores"] or said.scores or "logits",
        outputs=said.classes,
        about=said.models,
        observations=said.observations,
        split_column=choose_split_column(policy, case),
        offline=options["offline"],
        threads=options["threads"],
        images=read_image_rules(case),
        signer=signer,
    )


def _find_original(
    options: Mapping[str, Any], said: "CaseFile", files: Mapping[str, Path], network: "Network | None"
) -> "ExternalOriginal":
    """Return the original alone: its unlearned model is made here, by the method that policy, case or option name."""
    from unlearn_audit.cases import ExternalOriginal
    from unlearn_audit.models import Preprocessing

    if more := sorted(files.keys() - {"original", "retrained"}):
        raise UsageError(
            f"expected the unlearned model beside {', '.join(more)}, found none", hint="add --unlearned FILE"
        )
    idle = [name for name in ("scores", "columns", "about_data", "observations") if _tells(said, name)]
    _validate_used(
        options, ("scores",), idle, "an original that is unlearned here gives logits, and is described above"
    )
    if network is None:
        raise UsageError(
            "expected the network of the original, since it is unlearned here; found none",
            hint="add --model module:factory with weights, or bring the unlearned model as well (--unlearned FILE)",
        )
    preprocessing = Preprocessing(**said.preprocessing.model_dump())
    return ExternalOriginal(dict(files), network, preprocessing, said.classes, dict(said.models))


def _tells(case: "CaseFile | None", name: str) -> bool:
    return case is not None and name in case.model_fields_set


def _validate_used(options: Mapping[str, Any], names: Sequence[str], told: Sequence[str], why: str) -> None:
    """No option that does nothing: it might have been meant."""
    idle = [f"--{name.replace('_', '-')}" for name in names if options.get(name)]
    if idle or told:
        named = ", ".join([*idle, *(f"'{name}' of the case file" for name in told)])
        raise UsageError(f"{named} would do nothing: {why}", hint="leave it out")


def _validate_no_model_facts(options: Mapping[str, Any], case: "CaseFile | None") -> None:
    facts = ("scores", "classes", "columns", "models", "about_data", "observations", *_MODEL_FACTS)
    told = [name for name in facts if _tells(case, name)]
    _validate_used(options, ("scores", "model"), told, "neither predictions nor models are brought along")


def _find_list(option: str | Path | None, case: "CaseFile | None", folder: Path) -> Path | None:
    asked = option if option is not None else (case.forget if case else None)
    if asked is None:
        return None
    try:
        share = float(str(asked))
    except ValueError:
        return Path(option) if option is not None else folder / str(asked)
    raise UsageError(
        f"expected a list of the ids that were forgotten, found the share {share:g}",
        hint="the models are made already: which records they had to forget is a fact, and cannot be drawn here",
    )


def check_files(files: Sequence[Path], policy_name: str, options: Mapping[str, Any]) -> int:
    """Print what the files hold and which checks can be measured; return 0, or 3 where a required one cannot."""
    from unlearn_audit.pipeline.audit import name_known, reach_verdicts
    from unlearn_audit.policy import find_policy, load_policy

    known = name_known()
    policy = load_policy(find_policy(policy_name), known)
    evidence = _read_evidence(files, policy, options, known)
    _print_contents(evidence)
    # Whether a check can be measured does not depend on the number of resamples, and what it says is not shown.
    quick = policy.protocol.model_copy(update={"resamples": _QUICK})
    verdicts = reach_verdicts(policy.model_copy(update={"protocol": quick}), evidence)
    missing = [check for check in verdicts[0].checks if check.outcome is Outcome.NOT_RUN]
    _print_checks(verdicts[0].checks)
    for line in dict.fromkeys(_suggest(check, policy) for check in missing):
        click.echo(f"To bring: {show_text(line)}")
    lost = [check for check in missing if check.required]
    click.echo(
        f"\n{len(lost)} of {sum(c.required for c in verdicts[0].checks)} required checks cannot be measured: the "
        "verdict would be inconclusive or fail, never pass."
        if lost
        else "\nEvery required check can be measured."
    )
    return ExitCode.INCONCLUSIVE if lost else ExitCode.PASS


def _read_evidence(
    files: Sequence[Path], policy: "Policy", options: Mapping[str, Any], known: "KnownNames"
) -> Evidence:
    """Evidence that this tool wrote is read as such; anything else is predictions."""
    from unlearn_audit.evidence.parquet import is_evidence, read_evidence

    if len(files) == 1 and is_evidence(files[0]):
        given = [f"--{name}" for name in ("case", "forget", "scores") if options[name]]
        if given:
            raise UsageError(f"{', '.join(given)} with evidence, which says all of it itself", hint="leave it out")
        return read_evidence(files[0])
    case, folder = read_case(options["case"], known)
    brought = find_predictions({"predictions": tuple(files), **options}, case, folder)
    if brought is None:
        raise UsageError("expected files of predictions, found none")
    return brought.read(policy, "not collected yet")


def _print_contents(evidence: Evidence) -> None:
    provenance = evidence.provenance
    for card in provenance.models:
        click.echo(
            f"Model    {show_text(card.name)}: {show_text(card.title)}"
            + ("" if card.role == card.name else f" ({card.role})")
        )
    for name in SPLITS:
        inside = evidence.select(name)
        click.echo(f"Records  {name}: {int(inside.sum())}, of them positive {int(evidence.is_positive[inside].sum())}")
    positive = ", ".join(evidence.classes[index] for index in evidence.positive)
    click.echo(f"Classes  {show_text(', '.join(evidence.classes))}; positive: {show_text(positive)}")
    click.echo(f"Groups   {show_text(', '.join(evidence.groups)) or 'none'}")
    for note in provenance.notes:
        click.echo(f"Note     {show_text(note)}")


def _print_checks(checks: Sequence[CheckResult]) -> None:
    click.echo()
    width = min(_WIDEST, max(len(check.title) for check in checks))
    for check in checks:
        note = "" if check.required else " (not required)"
        said = check.reason.removeprefix("Not measured: ") if check.outcome is Outcome.NOT_RUN else "can be measured"
        mark = "-" if check.outcome is Outcome.NOT_RUN else "+"
        click.echo(f"{mark} {show_text(check.title):<{width}}  {show_text(said)}{note}")


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
