"""Asks external models about every record. Nothing is trained; none of them is changed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.cases.data_preparation import prepare_data, validate_nothing_dropped
from unlearn_audit.cases.environment import describe_environment
from unlearn_audit.data import (
    Dataset,
    ImageRules,
    LoadOptions,
    find_overlaps,
    load_dataset,
    note_unsearched,
    read_forget_ids,
)
from unlearn_audit.data.dataset import name_some
from unlearn_audit.data.load_options import TableColumns
from unlearn_audit.errors import CaseError
from unlearn_audit.evidence import Evidence
from unlearn_audit.evidence.predictions import Answers, Facts, assemble
from unlearn_audit.evidence.predictions.scores import Kind
from unlearn_audit.evidence.predictions.splits import ListedIds
from unlearn_audit.models import MODELS, ExternalModel, Preprocessing, call_factory, find_architecture, load_external
from unlearn_audit.models.architecture import describe_factory
from unlearn_audit.models.preprocessing import describe_preprocessing
from unlearn_audit.pipeline.external import Disclosures
from unlearn_audit.policy import CaseFile, ColumnNames, ExternalModelFacts, Network, Policy, Task
from unlearn_audit.records import Disjoint, ModelCard, ProgressCallback, Provenance, Signer, write_message
from unlearn_audit.records.intake import IntakeEntry, join_intake
from unlearn_audit.software import describe_software

_BATCH = 64
_FEW = 8
_NOISE = 0.02
"""Relative: half precision rounds within it, normalisation over a batch and dropout do not stay within it."""


@dataclass(frozen=True)
class ExternalModels:
    """Files of models, and all that is declared about them."""

    files: Mapping[str, Path]
    dataset: str
    case: str
    created: str
    data: Path | None = None
    forget: Path | None = None
    network: Network | None = None
    folder: Path = Path()
    """What a factory 'file.py:function' is relative to."""
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    scores: Kind | None = None
    """What outputs are; logits where nothing is said."""
    outputs: tuple[str, ...] = ()
    """Names of the outputs in their order; the data set's classes where nothing is said."""
    about: Mapping[str, ExternalModelFacts] = field(default_factory=dict)
    columns: ColumnNames = field(default_factory=ColumnNames)
    table: TableColumns = field(default_factory=TableColumns)
    """What a folder's table calls its columns."""
    observations: tuple[str, ...] = ()
    split_column: str | None = None
    offline: bool = False
    threads: int | None = None
    allow_code: bool = False
    """Whether programs (TorchScript, torch.export) may run; see `models.programs`."""
    images: ImageRules = field(default_factory=ImageRules)
    signer: Signer | None = None
    case_file: CaseFile | None = None
    """What else is said of device and deviations."""
    disclosures: Disclosures = field(default_factory=Disclosures)


def ask_models(policy: Policy, given: ExternalModels, progress: ProgressCallback) -> Evidence:
    """Return what the models given say about every record of the data, as evidence.

    A model with one output gives the positive class's score; with as many as the data set has classes, those; with
    two on a data set of more classes, negative and positive, in this order or as `outputs` names them.

    Raises:
        DataError: data that is absent, malformed or does not fit the policy.
        CaseError: a model that does not load, does not fit the data, or does not give one record one answer.
        EvidenceError: answers that cannot be judged, such as an original worse than chance.
    """
    import torch

    if given.threads is not None:
        torch.set_num_threads(given.threads)
    options = LoadOptions(images=given.images, columns=given.table)
    loaded = load_dataset(given.dataset, given.data, download=not given.offline, progress=progress, options=options)
    loaded, disjoint = prepare_data(loaded, policy, given.split_column)
    validate_nothing_dropped(disjoint)
    shape = tuple(given.preprocessing.prepare(loaded.x[:1]).shape[1:])
    models = {name: _load(name, given, shape, len(loaded.classes)) for name in given.files}
    validate_separate(models)
    scores = {name: _ask_all(name, model, loaded, given.preprocessing, progress) for name, model in models.items()}
    answers = Answers(
        where="the data of the models given",
        ids=loaded.ids,
        classes=_name_outputs(scores, loaded, policy.task, given.outputs),
        scores=scores,
        facts={"split": loaded.split, "label": np.array(loaded.classes, dtype=np.str_)[loaded.label]},
        groups=loaded.groups,
    )
    forget = None
    if given.forget is not None:
        request = read_forget_ids(given.forget, columns=loaded.groups, id_names=loaded.id_names)
        forget = ListedIds(given.forget, request)
    facts = Facts(
        case=given.case,
        created=given.created,
        scores=given.scores,
        usual="logits",
        classes=loaded.classes,
        columns=given.columns,
        models=given.about,
        observations=given.observations,
        signer=given.signer,
        caveat=write_message("models-are-external"),
        intake=loaded.intake,
    )
    return _describe(
        assemble(answers, policy, facts, loaded.sha256, loaded.source, forget), loaded, given, models, disjoint
    )


def _load(name: str, given: ExternalModels, shape: tuple[int, ...], classes: int) -> ExternalModel:
    path, key = given.files[name], given.about.get(name, ExternalModelFacts()).weights
    if given.network is None:
        return load_external(path, None, key, allow_code=given.allow_code)
    architecture = find_architecture(given.network.factory, MODELS, given.folder)
    build = partial(call_factory, architecture, given.network.parameters, shape, classes)
    return load_external(path, build, key, allow_code=given.allow_code)


def validate_separate(models: Mapping[str, ExternalModel]) -> None:
    """Refuse two models whose weights lie in one file of data: one of them speaks with the other's weights.

    Models that are the same in every byte are not refused here: that they are is said.

    Raises:
        CaseError: names both and the file.
    """
    for one, other in combinations(models, 2):
        ours, theirs = (dict(list(models[name].parts.items())[1:]) for name in (one, other))
        shared = sorted(name for name, digest in ours.items() if digest in theirs.values())
        if shared and models[one].sha256 != models[other].sha256:
            raise CaseError(
                f"models '{one}' and '{other}' have the same weights in {name_some(shared)}, a file beside the model, "
                "and differ otherwise: one of them speaks with the other's weights",
                hint="keep each model in a folder of its own, or save it as one file: "
                "onnx.save_model(model, path, save_as_external_data=False)",
            )


def _ask_all(
    name: str, model: ExternalModel, loaded: Dataset, preprocessing: Preprocessing, progress: ProgressCallback
) -> NDArray[np.float64]:
    """Return (n, k) outputs. Data is prepared batch by batch: the prepared whole may not fit into memory."""
    _validate_deterministic(name, model, preprocessing, loaded.x[:_FEW])
    values = np.empty((len(loaded), 0))
    for start in range(0, len(loaded), _BATCH):
        answers = _ask(name, model, preprocessing, loaded.x[start : start + _BATCH])
        if not start:
            values = np.empty((len(loaded), answers.shape[1]))
        if answers.shape[1] != values.shape[1]:
            raise CaseError(f"model '{name}': expected {values.shape[1]} outputs throughout, found {answers.shape[1]}")
        values[start : start + _BATCH] = answers  # into its place: see training.prediction
        progress(f"ask {name}", min(start + _BATCH, len(loaded)), len(loaded))
    bad = ~np.isfinite(values).all(axis=1)
    if bad.any():
        raise CaseError(
            f"model '{name}': expected finite outputs, found NaN or infinity for {int(bad.sum())} of {len(values)} "
            f"records: {name_some(loaded.ids[bad])}",
            hint="does 'preprocessing' in the case file scale the data as the model was trained on it?",
        )
    return values


def _ask(name: str, model: ExternalModel, preprocessing: Preprocessing, x: NDArray[Any]) -> NDArray[np.float64]:
    import torch

    batch = preprocessing.prepare(x)
    try:
        with torch.no_grad():
            output = model.ask(batch)
    except Exception as error:  # the model is the user's code and may raise anything
        text = f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0][:200]}"
        raise CaseError(
            f"model '{name}' ({model.kind}) refused a batch of shape {tuple(batch.shape)}: {text}",
            hint="does 'preprocessing' in the case file give it the size and channels it expects? A program must be "
            "exported with a batch size that may change",
        ) from error
    found = tuple(output.shape) if isinstance(output, torch.Tensor) else type(output).__name__
    if not isinstance(output, torch.Tensor) or output.ndim not in {1, 2} or len(output) != len(x):
        raise CaseError(f"model '{name}': expected outputs of shape ({len(x)}, classes), found {found}")
    values = output.detach().to(device="cpu", dtype=torch.float64).numpy()
    return values[:, np.newaxis] if values.ndim == 1 else values


def _validate_deterministic(name: str, model: ExternalModel, preprocessing: Preprocessing, x: NDArray[Any]) -> None:
    """Refuse a program that was saved with dropout or batch statistics at work: it has no one answer to a record."""
    first, again = (_ask(name, model, preprocessing, x) for _ in range(2))
    alone = _ask(name, model, preprocessing, x[:1])
    room = _NOISE * (1 + np.abs(first))
    hint = "save or export the model in evaluation mode: model.eval()"
    if (np.abs(first - again) > room).any():
        raise CaseError(f"model '{name}' answers the same records differently when it is asked again", hint=hint)
    if (np.abs(alone - first[:1]) > room[:1]).any():
        raise CaseError(f"model '{name}' answers a record differently when others stand beside it", hint=hint)


def _name_outputs(
    scores: Mapping[str, NDArray[np.float64]], loaded: Dataset, task: Task, declared: tuple[str, ...]
) -> tuple[str, ...]:
    widths = {name: values.shape[1] for name, values in scores.items()}
    k = next(iter(widths.values()))
    if set(widths.values()) != {k}:
        listed = ", ".join(f"'{name}' {width}" for name, width in widths.items())
        raise CaseError(f"expected as many outputs of every model, found {listed}")
    if k == 1:
        return ()
    two = (task.negative_name, task.positive_name)
    usual = loaded.classes if k == len(loaded.classes) else two
    if k != len(usual) or (declared and sorted(declared) not in (sorted(usual), sorted(two))):
        raise CaseError(
            f"expected 1, 2 or {len(loaded.classes)} outputs ({name_some(loaded.classes, 12)}) of the models, found {k}"
            + (f" and the declared classes {name_some(declared, 12)}" if declared else ""),
            hint="'classes' in the case file names the outputs in their order",
        )
    return declared or usual


def _describe(
    evidence: Evidence,
    loaded: Dataset,
    given: ExternalModels,
    models: Mapping[str, ExternalModel],
    disjoint: Disjoint | None,
) -> Evidence:
    """Return the evidence with what is known of data and models beyond their answers."""
    from dataclasses import replace

    provenance = evidence.provenance
    data = provenance.data.model_copy(
        update={
            "name": loaded.name,
            "licence": loaded.licence,
            "official": loaded.official,
            "overlaps": (
                *find_overlaps(loaded),
                *(o for o in provenance.data.overlaps if o.splits == ("retain", "forget")),
            ),
            "notes": (*loaded.notes, *note_unsearched(loaded)),
            "disjoint": disjoint,
        }
    )
    cards = tuple(_describe_model(card, given.files[card.name], models[card.name]) for card in provenance.models)
    intake = join_intake(provenance.intake, _describe_intake(given), *(model.intake for model in models.values()))
    changed = {
        "data": data,
        "models": cards,
        "environment": describe_environment() | describe_software(("onnxruntime",)),
        "intake": intake,
    }
    return replace(evidence, provenance=Provenance.model_validate(provenance.model_copy(update=changed)))


def _describe_model(card: ModelCard, path: Path, model: ExternalModel) -> ModelCard:
    read = write_message("model-read-from", file=path.name, kind=model.kind)
    notes = (read, *model.notes, *card.notes)
    return card.model_copy(update={"sha256": model.sha256, "parts": dict(model.parts), "notes": notes})


def _describe_intake(given: ExternalModels) -> tuple[IntakeEntry, ...]:
    """Return what was done to data before the models saw it, and whose code made the network."""
    entries = [describe_preprocessing(given.preprocessing)]
    if given.network is not None and ":" in given.network.factory:
        entries.append(describe_factory(given.network.factory, given.folder))
    return tuple(entries)
