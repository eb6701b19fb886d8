"""`run --predictions` and `evidence check`: what was made elsewhere is read, checked and judged here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unlearn_audit.errors import UsageError
from unlearn_audit.records import Evidence, Say, Signer, choose_seed

if TYPE_CHECKING:
    from unlearn_audit.auditing import Audit
    from unlearn_audit.cases import BroughtOriginal, GivenModels
    from unlearn_audit.policy import CaseFile, KnownNames, Network, Policy
    from unlearn_audit.predictions import Facts

ROLES = ("original", "unlearned", "retrained")
_TRAINING = ("method", "compare", "no_remedy", "no_retrain", "cache", "references", "jobs", "backend", "cluster")
_DATA = ("data", "offline", "threads")
_MODELS = (*ROLES, "model")
_TRAINING_FACTS = ("unlearn", "compare", "retrain", "recipe")
_MODEL_FACTS = ("network", "preparation")
_DATA_FACTS = ("split_column", "data", "dataset", "images")


@dataclass(frozen=True)
class Predictions:
    """Files of predictions, and what is said about them."""

    files: tuple[Path, ...]
    case: "CaseFile | None"
    forget: Path | None
    scores: str | None
    classes: tuple[str, ...] = ()

    def read(self, policy: "Policy", created: str, signer: Signer | None = None) -> Evidence:
        """Return them as evidence for `policy`."""
        from unlearn_audit.predictions import read_predictions

        return read_predictions(self.files, policy, self._tell(policy, created, signer))

    def _tell(self, policy: "Policy", created: str, signer: Signer | None) -> "Facts":
        from unlearn_audit.predictions import Facts

        facts = replace(Facts.from_case(policy, self.case, created), forget=self.forget, signer=signer)
        facts = replace(facts, classes=self.classes or facts.classes)
        return replace(facts, scores=self.scores) if self.scores else facts  # type: ignore[arg-type]


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
    _refuse_idle(
        options, (*_TRAINING, *_DATA, *_MODELS), told, "with predictions no data is read and no model is asked"
    )
    forget = _find_list(options["forget"], case, folder)
    return Predictions(files, case, forget, options["scores"], read_classes(options.get("classes")))


def read_classes(text: str | None) -> tuple[str, ...]:
    """Return the names that --classes lists.

    Raises:
        UsageError: fewer than two, or one of them twice.
    """
    names = tuple(name.strip() for name in (text or "").split(",") if name.strip())
    if text is not None and (len(names) < 2 or len(set(names)) < len(names)):  # noqa: PLR2004 - a class and another
        raise UsageError(f"--classes: expected two names or more, each once, found '{text}'")
    return names


def find_models(  # noqa: PLR0917 - one call site
    policy: "Policy", options: Mapping[str, Any], case: "CaseFile | None", folder: Path, signer: Signer, created: str
) -> "GivenModels | BroughtOriginal | None":
    """Return the models that options or case file name, None where all models are to be trained.

    Without an unlearned model the original is unlearned here.

    Raises:
        UsageError: no original, options that only training has a use for, a share to forget, no network.
    """
    from unlearn_audit.cases import GivenModels, choose_split_column, read_image_rules, read_table_columns
    from unlearn_audit.models import Preprocessing
    from unlearn_audit.policy import CaseFile, Network

    told = {name: folder / model.file for name, model in (case.models if case else {}).items() if model.file}
    files = told | {name: options[name] for name in ROLES if options.get(name)}
    if not files:
        _refuse_without_models(options, case)
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
    idle = [name for name in (*_TRAINING_FACTS, "labels", "about_data") if _tells(case, name)]
    _refuse_idle(options, _TRAINING, idle, "with models that were made elsewhere none is made here")
    usual = policy.reference_case.dataset if policy.reference_case else "own-data"
    return GivenModels(
        files=files,
        dataset=said.dataset or usual,
        case=said.name,
        created=created,
        data=options["data"] or (folder / said.data if said.data else None),
        forget=_find_list(options["forget"], case, folder),
        network=network,
        preparing=Preprocessing(**said.preparation.model_dump()),
        scores=options["scores"] or said.scores,
        outputs=read_classes(options.get("classes")) or said.classes,
        about=said.models,
        columns=said.columns,
        table=read_table_columns(case),
        observations=said.observations,
        split_column=choose_split_column(policy, case),
        offline=options["offline"],
        threads=options["threads"],
        images=read_image_rules(case),
        signer=signer,
    )


def _find_original(
    options: Mapping[str, Any], said: "CaseFile", files: Mapping[str, Path], network: "Network | None"
) -> "BroughtOriginal":
    """Return the original alone: its unlearned model is made here, by the method that policy, case or option name."""
    from unlearn_audit.cases import BroughtOriginal
    from unlearn_audit.models import Preprocessing

    if more := sorted(files.keys() - {"original", "retrained"}):
        raise UsageError(
            f"expected the unlearned model beside {', '.join(more)}, found none", hint="add --unlearned FILE"
        )
    idle = [name for name in ("scores", "labels", "about_data", "observations") if _tells(said, name)]
    _refuse_idle(options, ("scores",), idle, "an original that is unlearned here gives logits, and is described above")
    if network is None:
        raise UsageError(
            "expected the network of the original, since it is unlearned here; found none",
            hint="add --model module:factory with weights, or bring the unlearned model as well (--unlearned FILE)",
        )
    preparing = Preprocessing(**said.preparation.model_dump())
    outputs = read_classes(options.get("classes")) or said.classes
    return BroughtOriginal(dict(files), network, preparing, outputs, dict(said.models))


def _tells(case: "CaseFile | None", name: str) -> bool:
    return case is not None and name in case.model_fields_set


def _refuse_idle(options: Mapping[str, Any], names: Sequence[str], told: Sequence[str], why: str) -> None:
    """No option that does nothing: it might have been meant."""
    idle = [f"--{name.replace('_', '-')}" for name in names if options.get(name)]
    if idle or told:
        named = ", ".join([*idle, *(f"'{name}' of the case file" for name in told)])
        raise UsageError(f"{named} would do nothing: {why}", hint="leave it out")


def _refuse_without_models(options: Mapping[str, Any], case: "CaseFile | None") -> None:
    facts = ("scores", "classes", "labels", "models", "about_data", "observations", *_MODEL_FACTS)
    told = [name for name in facts if _tells(case, name)]
    _refuse_idle(options, ("scores", "model", "classes"), told, "neither predictions nor models are brought along")


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


def judge_predictions(  # noqa: PLR0917 - one call site
    policy: "Policy",
    brought: Predictions,
    signer: Signer | None,
    created: str,
    told: Mapping[str, Any],
    say: Say,
) -> "Audit":
    """Return the finished audit of predictions; it has no models, tries no remedy. `told`: waivers, seals, ..."""
    say("read the predictions", 0, 1)
    evidence = brought.read(policy, created, signer)
    say("read the predictions", 1, 1)
    return _judge(policy, evidence, brought.case, told, say)


def _judge(policy: "Policy", evidence: Evidence, case: "CaseFile | None", told: Mapping[str, Any], say: Say) -> "Audit":
    from unlearn_audit.auditing import Audit, judge

    more: dict[str, Any] = {"device": case.device, "deviations": case.deviations} if case else {}
    more["seed"] = choose_seed(policy.protocol.seed, told["seals"])
    provenance = evidence.provenance.model_copy(update={**more, **told})
    evidence = replace(evidence, provenance=provenance)
    return Audit(judge(policy, evidence, say), evidence, {})


def judge_models(
    policy: "Policy", given: "GivenModels", case: "CaseFile | None", told: Mapping[str, Any], say: Say
) -> "Audit":
    """Return the finished audit of models that were made elsewhere; it tries no remedy and copies no model."""
    from unlearn_audit.cases import ask_models

    return _judge(policy, ask_models(policy, given, say), case, told, say)
