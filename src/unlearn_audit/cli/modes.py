"""The four ways to an audit: each says which options and which facts of the case file it reads, and parses them.

What a way does not read is refused where it is given, whatever it is: nothing that was asked for is passed over.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from unlearn_audit.errors import UsageError
from unlearn_audit.pipeline.external import Disclosures, Predictions
from unlearn_audit.records import Signer

if TYPE_CHECKING:
    from collections.abc import Callable

    from unlearn_audit.cases import CaseRequest
    from unlearn_audit.cli.run import RunOptions
    from unlearn_audit.pipeline.external_models import ExternalModels
    from unlearn_audit.policy import CaseFile, KnownNames, Network, Policy

ROLES = ("original", "unlearned", "retrained")
_MAKING = frozenset(
    {"data", "method", "compare", "no_remedy", "no_retrain", "offline", "threads", "references", "jobs", "cluster",
     "cache", "train", "unlearn", "preprocess", "embeddings", "device"}
)  # fmt: skip
_DATA_FACTS = frozenset({"dataset", "data", "images", "columns", "split_column", "embeddings"})
_MAKING_FACTS = _DATA_FACTS | {
    "unlearn",
    "compare",
    "retrain",
    "recipe",
    "functions",
    "compute",
    "network",
    "preprocessing",
}


@dataclass(frozen=True)
class Setting:
    """What every way starts from: options, policy, case file with the folder of its paths, and who signs when."""

    options: "RunOptions"
    policy: "Policy"
    case: "CaseFile | None"
    folder: Path
    created: str
    signer: Signer
    disclosures: Disclosures


@dataclass(frozen=True)
class Mode:
    """One way to an audit.

    Attributes:
        what: it does, as a refusal says it.
        options: that it reads, of those that not every way reads.
        facts: of the case file that it reads, of those that not every way reads.
        parse: turns a setting into the request that the library takes.
        needs_torch: whether models are run.
    """

    what: str
    options: frozenset[str]
    facts: frozenset[str]
    parse: "Callable[[Setting], CaseRequest | ExternalModels | Predictions]"
    needs_torch: bool = True


def choose_mode(options: "RunOptions", case: "CaseFile | None") -> Mode:
    """Return the way that options and case file ask for: by what they bring along.

    Raises:
        UsageError: models without their original, or an option or fact that this way does not read.
    """
    files = _find_files(options, case, Path())
    if options.predictions or (case and case.predictions):
        mode = PREDICTIONS
    elif not files:
        mode = TRAINING
    elif "original" not in files:
        raise UsageError(
            f"expected the original model beside {', '.join(files)}, found none",
            hint="add --original FILE, or 'models: {original: {file: FILE}}' in the case file",
        )
    else:
        mode = MODELS if "unlearned" in files else UNLEARNING
    _validate_read(mode, options, case)
    return mode


def _validate_read(mode: Mode, options: "RunOptions", case: "CaseFile | None") -> None:
    """No option that does nothing: it might have been meant."""
    idle = [f"--{name.replace('_', '-')}" for name in _OPTIONS - mode.options if getattr(options, name)]
    facts = {name for name in _FACTS - mode.facts if case is not None and name in case.model_fields_set}
    named = [*sorted(idle), *(f"'{name}' of the case file" for name in sorted(facts))]
    if mode is PREDICTIONS and case:
        named += [f"'models.{name}.file' of the case file" for name, model in case.models.items() if model.file]
    if named:
        raise UsageError(f"{', '.join(named)} would do nothing: {mode.what}", hint="leave it out")


def _parse_training(setting: Setting) -> "CaseRequest":
    from unlearn_audit.cases import CaseRequest
    from unlearn_audit.data import find_cache

    options = setting.options
    return CaseRequest(
        case=setting.case,
        case_folder=setting.folder,
        created=setting.created,
        cache=options.cache or find_cache(),
        data=options.data,
        forget=read_forget(options.forget),
        method=options.method,
        compare=tuple(name.strip() for name in (options.compare or "").split(",") if name.strip()),
        remedy=not options.no_remedy,
        retrain=False if options.no_retrain else None,
        offline=options.offline,
        threads=options.threads,
        signer=setting.signer,
        waivers=setting.disclosures.waivers,
        waiver_seal=setting.disclosures.waiver_seal,
        earlier_runs=setting.disclosures.earlier_runs,
        references=options.references,
        train=options.train,
        unlearn=options.unlearn,
        preprocess=options.preprocess,
        embeddings=options.embeddings,
        device=options.device,
        seals=setting.disclosures.seals,
    )


def _parse_unlearning(setting: Setting) -> "CaseRequest":
    """The original alone: its unlearned model is made here, by the method that policy, case or option name."""
    from dataclasses import replace

    from unlearn_audit.cases import ExternalOriginal
    from unlearn_audit.models import Preprocessing

    case = _take_case(setting)
    files = _find_files(setting.options, setting.case, setting.folder)
    if more := sorted(files.keys() - {"original", "retrained"}):
        raise UsageError(
            f"expected the unlearned model beside {', '.join(more)}, found none", hint="add --unlearned FILE"
        )
    network = _find_network(setting.options, case)
    if network is None:
        raise UsageError(
            "expected the network of the original, since it is unlearned here; found none",
            hint="add --model module:factory with weights, or bring the unlearned model as well (--unlearned FILE)",
        )
    preprocessing = Preprocessing(**case.preprocessing.model_dump())
    outputs = setting.options.classes or case.classes
    _validate_code_is_there(setting.options, files)
    original = ExternalOriginal(files, network, preprocessing, outputs, dict(case.models), setting.folder)
    return replace(_parse_training(setting), original=original)


def _validate_code_is_there(options: "RunOptions", files: dict[str, Path]) -> None:
    """Refuse --allow-code beside weights alone; a program is refused where it is read, for what it is."""
    from unlearn_audit.models import name_program

    if options.allow_code and not any(map(name_program, files.values())):
        raise UsageError("--allow-code would do nothing: no external model is code", hint="leave it out")


def _parse_models(setting: Setting) -> "ExternalModels":
    from unlearn_audit.cases import choose_split_column, read_image_rules, read_table_columns
    from unlearn_audit.models import Preprocessing
    from unlearn_audit.pipeline.external_models import ExternalModels

    options, policy, case = setting.options, setting.policy, _take_case(setting)
    usual = policy.reference_case.dataset if policy.reference_case else "own-data"
    return ExternalModels(
        files=_find_files(options, setting.case, setting.folder),
        dataset=case.dataset or usual,
        case=case.name,
        created=setting.created,
        data=options.data or (setting.folder / case.data if case.data else None),
        forget=find_list(options.forget, setting.case, setting.folder),
        network=_find_network(options, case),
        allow_code=options.allow_code,
        folder=setting.folder,
        preprocessing=Preprocessing(**case.preprocessing.model_dump()),
        scores=options.scores or case.scores,
        outputs=options.classes or case.classes,
        about=case.models,
        columns=case.columns,
        table=read_table_columns(setting.case),
        observations=case.observations,
        split_column=choose_split_column(policy, setting.case),
        offline=options.offline,
        threads=options.threads,
        images=read_image_rules(setting.case),
        signer=setting.signer,
        case_file=setting.case,
        disclosures=setting.disclosures,
    )


def _parse_predictions(setting: Setting) -> Predictions:
    options, case, folder = setting.options, setting.case, setting.folder
    return Predictions(
        files=options.predictions or find_prediction_files(case, folder),
        case=case,
        forget=find_list(options.forget, case, folder),
        scores=options.scores,
        classes=options.classes,
        created=setting.created,
        signer=setting.signer,
        disclosures=setting.disclosures,
        folder=folder,
    )


TRAINING = Mode("the models are made here, and nothing is external", _MAKING, _MAKING_FACTS, _parse_training)
UNLEARNING = Mode(
    "the original is unlearned here, gives logits and is described above",
    _MAKING | {"original", "retrained", "model", "allow_code", "classes"},
    _MAKING_FACTS | {"models", "classes"},
    _parse_unlearning,
)
MODELS = Mode(
    "with models that were made elsewhere none is made here",
    frozenset({*ROLES, "model", "allow_code", "scores", "classes", "data", "offline", "threads"}),
    _DATA_FACTS | {"models", "network", "preprocessing", "classes", "scores", "observations", "references"},
    _parse_models,
)
PREDICTIONS = Mode(
    "with predictions no data is read and no model is asked",
    frozenset({"predictions", "scores", "classes"}),
    frozenset(
        {"predictions", "scores", "classes", "columns", "labels", "models", "about_data", "observations", "references"}
    ),
    _parse_predictions,
    needs_torch=False,
)
MODES = (TRAINING, UNLEARNING, MODELS, PREDICTIONS)
_OPTIONS = frozenset(name for mode in MODES for name in mode.options)
_FACTS = frozenset(name for mode in MODES for name in mode.facts)


def read_case(path: Path | None, known: "KnownNames") -> "tuple[CaseFile | None, Path]":
    """Return the case file and the folder that its paths are relative to.

    Raises:
        PolicyError: a case file that cannot be used.
    """
    from unlearn_audit.policy import load_case

    return (load_case(path, known), path.parent) if path is not None else (None, Path())


def find_prediction_files(case: "CaseFile | None", folder: Path) -> tuple[Path, ...]:
    """Return the files of predictions that the case file names."""
    return tuple(folder / name for name in (case.predictions if case else ()))


def find_list(option: str | Path | None, case: "CaseFile | None", folder: Path) -> Path | None:
    """Return the list of ids that were forgotten, None where neither option nor case file name one.

    Raises:
        UsageError: a share is named: what was forgotten is a fact here.
    """
    asked = option if option is not None else (case.forget if case else None)
    if asked is None:
        return None
    if isinstance(asked, dict):
        found = ", ".join(f"{share:g} of {name}" for name, share in asked.items())
    else:
        try:
            found = f"{float(str(asked)):g}"
        except ValueError:
            return Path(option) if option is not None else folder / str(asked)
    raise UsageError(
        f"expected a list of the ids that were forgotten, found the share {found}",
        hint="the models are made already: which records they had to forget is a fact, and cannot be drawn here",
    )


def _find_files(options: "RunOptions", case: "CaseFile | None", folder: Path) -> dict[str, Path]:
    """Return the files of models by their role or name; options come before the case file."""
    named = {name: folder / model.file for name, model in (case.models if case else {}).items() if model.file}
    given = {"original": options.original, "unlearned": options.unlearned, "retrained": options.retrained}
    return named | {name: path for name, path in given.items() if path is not None}


def _take_case(setting: Setting) -> "CaseFile":
    from unlearn_audit.policy import CaseFile

    name = f"{setting.policy.id}: {setting.policy.title}"
    return setting.case or CaseFile(schema_="unlearn-audit/case/v1", name=name)


def _find_network(options: "RunOptions", case: "CaseFile") -> "Network | None":
    from unlearn_audit.policy import Network

    return Network(factory=options.model) if options.model else case.network


def read_forget(value: str | None) -> float | Path | None:
    """A number is a share; anything else is a file of ids."""
    if value is None:
        return None
    try:
        share = float(value)
    except ValueError:
        return Path(value)
    if not 0 < share < 1:
        near = f"; did you mean {share / 100:g}?" if 1 < share < 100 else ""  # noqa: PLR2004 - percent
        raise UsageError(f"--forget: expected a share between 0 and 1, found {value}", hint=f"a fraction{near}")
    return share
