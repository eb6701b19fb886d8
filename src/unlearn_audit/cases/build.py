"""Builds a case from a policy and a request: data, split, original, unlearned, retrained; remedies on demand."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from unlearn_audit import __version__
from unlearn_audit.cases.data_preparation import choose_forgotten, prepare_data, validate_nothing_dropped
from unlearn_audit.cases.environment import describe_environment
from unlearn_audit.cases.model_builder import CaseModel, ModelBuilder
from unlearn_audit.cases.request import CaseRequest, Plan, make_plan
from unlearn_audit.data import (
    DATASETS,
    Dataset,
    Forgotten,
    Intake,
    Task,
    build_request,
    digest_rows,
    draw_salt,
    find_overlaps,
    load_dataset,
    map_positive,
    map_task,
    note_unsearched,
)
from unlearn_audit.methods import METHODS
from unlearn_audit.models import MODELS
from unlearn_audit.models.cache import ModelCache
from unlearn_audit.policy import MethodChoice, Policy, Remedy
from unlearn_audit.records import (
    DataCard,
    HyperparameterSearch,
    ProgressCallback,
    Provenance,
    SplitCount,
    choose_seed,
    digest_of,
)
from unlearn_audit.reference_models.ensemble import Ensemble, make_ensemble, note_other_references
from unlearn_audit.reference_models.jobs import ModelSpec
from unlearn_audit.reference_models.pool import Pool, show_inputs, to_inputs
from unlearn_audit.reference_models.workers import Workers

if TYPE_CHECKING:
    from torch import nn

    from unlearn_audit.training import Inputs


@dataclass(frozen=True, eq=False)
class Case:
    """What is audited this time.

    Attributes:
        dataset: as the models see it (classes mapped by the policy).
        split: (n,) retain, forget, validation or test per record.
        positive: indices of the positive classes.
        inputs: (n, ...) what the models are given, normalised; in a file where the data are.
        made: the models with their weights and cards, by name in the evidence.
        provenance: where all of it comes from.
        bench: makes further models of the same case.
        ensemble: reference models; None where none were asked for.
    """

    dataset: Dataset
    split: NDArray[np.str_]
    positive: tuple[int, ...]
    inputs: "Inputs"
    made: Mapping[str, CaseModel]
    provenance: Provenance
    builder: ModelBuilder
    ensemble: Ensemble | None = None

    @property
    def models(self) -> dict[str, "nn.Module"]:
        """The models by name."""
        return {name: made.model for name, made in self.made.items()}

    @property
    def files(self) -> dict[str, bytes]:
        """Weights (safetensors) by path inside the bundle."""
        return {f"models/{name}.safetensors": made.weights for name, made in self.made.items()}

    def with_model(self, made: CaseModel, ensemble: Ensemble | None) -> "Case":
        """Return the case with one more candidate, and with the ensemble to which its method was applied."""
        known = {
            "models": (*self.provenance.models, made.card),
            "references": ensemble.describe() if ensemble else None,
        }
        return replace(
            self,
            made={**self.made, made.card.name: made},
            provenance=self.provenance.model_copy(update=known),
            ensemble=ensemble,
        )

    def with_search(self, search: HyperparameterSearch) -> "Case":
        """Return the case with the account of how a remedy's setting was chosen."""
        searches = (*self.provenance.searches, search)
        return replace(self, provenance=self.provenance.model_copy(update={"searches": searches}))


def build_case(policy: Policy, request: CaseRequest, progress: ProgressCallback) -> Case:
    """Make (or find in the cache) every model of the case that `policy` and `request` describe.

    Raises:
        DataError: data that is absent, malformed or does not fit the policy.
        CaseError: a forget request that cannot be met, training that diverged.
        UsageError: a policy without reference case, an unknown method to compare.
    """
    plan = make_plan(policy, request)
    case = begin_case(policy, request, plan, progress)
    choices = {"unlearned": plan.audited, **{f"compared-{choice.method}": choice for choice in plan.compared}}
    for name, choice in choices.items():
        case = add_model(case, choice, name=name, role="unlearned" if name == "unlearned" else "compared")
    return add_references(case, plan.references, choices, request.workers) if plan.references else case


def begin_case(policy: Policy, request: CaseRequest, plan: Plan, progress: ProgressCallback) -> Case:
    """Make (or find) data, split, original and, where the plan has one, the retrained reference; nothing is unlearned.

    Raises:
        DataError: data that is absent, malformed or does not fit the policy.
        CaseError: a forget request that cannot be met, training that diverged.
    """
    import torch

    progress("load data", 0, 1)
    seed = choose_seed(policy.protocol.seed, request.seals)
    split_seed = seed if request.split_seed is None else request.split_seed
    intake = Intake(request.cache, plan.images, None if request.original else split_seed)
    loaded = load_dataset(
        plan.reference.dataset, plan.data, download=not request.offline, progress=progress, intake=intake
    )
    loaded, disjoint = prepare_data(loaded, policy, plan.split_column)
    if request.original:
        validate_nothing_dropped(disjoint)
    task = map_task(
        loaded, policy.task.positive, policy.task.head, (policy.task.negative_name, policy.task.positive_name)
    )
    forgotten = choose_forgotten(loaded, task.dataset, plan.forget, seed, disjoint)
    split = _name_splits(task.dataset, forgotten)
    if request.threads is not None or task.dataset.x.dtype != np.uint8:
        torch.set_num_threads(request.threads or 1)  # networks on a few features lose time with more
    progress("load data", 1, 1)
    brought = request.original
    inputs = show_inputs(task.dataset.x, brought.preprocessing.prepare if brought else to_inputs)
    builder = _set_up(policy, request, plan, task, split, inputs, progress)
    builder = brought.fit_builder(builder, loaded, task) if brought else builder
    models = [brought.take(builder, "original") if brought else builder.train_original()]
    if brought and "retrained" in brought.files:
        models.append(brought.take(builder, "retrained"))
    elif plan.retrain:
        models.append(builder.retrain_reference())
    provenance = Provenance(
        version=__version__,
        created=request.created,
        seed=seed,
        case=plan.name,
        data=_describe_data(loaded, task.dataset, task.positive, split, policy).model_copy(
            update={"disjoint": disjoint}
        ),
        forget=build_request(task.dataset, forgotten, task.positive, draw_salt()),
        models=tuple(made.card for made in models),
        recipe={"model": builder.architecture.name, **plan.recipe.model_dump(mode="json")},
        environment=describe_environment(),
        signer=request.signer,
        seals=request.seals,
        notes=(
            *forgotten.notes,
            *_note_missing_clusters(policy, task.dataset),
            *note_other_references(policy, plan.references),
        ),
        device=request.case.device if request.case else None,
        waivers=request.waivers,
        deviations=request.case.deviations if request.case else (),
        earlier_runs=request.earlier_runs,
    )
    return Case(
        dataset=task.dataset,
        split=split,
        positive=task.positive,
        inputs=inputs,
        made={made.card.name: made for made in models},
        provenance=provenance,
        builder=builder,
    )


def add_model(case: Case, choice: MethodChoice, *, name: str, role: str) -> Case:
    """Return the case with the original unlearned by `choice`, as one more candidate.

    Raises:
        CaseError: the method diverged or cannot be applied.
    """
    made = case.builder.unlearn(case.made["original"], choice, name=name, role=role)
    return case.with_model(made, case.ensemble.unlearn(name, choice) if case.ensemble else None)


def add_references(case: Case, models: int, choices: Mapping[str, MethodChoice], workers: Workers) -> Case:
    """Return the case with `models` reference models, to which the methods of the candidates in `choices` are applied.

    Raises:
        CaseError: too few candidates, training that diverged, a cache or workers that fail.
    """
    pool = Pool(case.dataset.x, case.dataset.label, np.isin(case.dataset.label, case.positive))
    builder = case.builder
    spec = ModelSpec(builder.architecture, builder.shape, builder.classes, builder.recipe)
    ensemble = make_ensemble(pool, case.split, models, spec, builder.seed, builder.cache, workers, builder.progress)
    for name, choice in choices.items():
        ensemble = ensemble.unlearn(name, choice)
    provenance = case.provenance.model_copy(update={"references": ensemble.describe()})
    return replace(case, ensemble=ensemble, provenance=provenance)


def list_remedies(policy: Policy, case: Case) -> tuple[Remedy, ...]:
    """Return the policy's remedies in their order, without the one that would make the audited model once more."""
    audited = case.made["unlearned"].card
    return tuple(
        choice
        for choice in policy.remediation
        if choice.search
        or (choice.method, METHODS[choice.method].parse(choice.parameters).model_dump(mode="json"))
        != (audited.method, audited.parameters)
    )


def add_remedy(case: Case, choice: MethodChoice) -> Case:
    """Return the case with the original remedied by `choice`, as one more candidate."""
    return add_model(case, choice, name=f"remedied-{choice.method}", role="remedied")


def _note_missing_clusters(policy: Policy, dataset: Dataset) -> tuple[str, ...]:
    column = policy.protocol.cluster
    if column is None or column in dataset.groups:
        return ()
    effect = "nothing is measured" if policy.protocol.cluster_required else "bounds and intervals are too narrow"
    return (f"The policy clusters records by '{column}', which the data does not have: {effect}.",)


def _name_splits(dataset: Dataset, forgotten: Forgotten) -> NDArray[np.str_]:
    split = np.where(dataset.split == "train", "retain", dataset.split)
    return np.where(forgotten.mask, "forget", split)


def _set_up(  # noqa: PLR0917 - one call site; the arguments are what a model builder is made of
    policy: Policy,
    request: CaseRequest,
    plan: Plan,
    task: Task,
    split: NDArray[np.str_],
    inputs: "Inputs",
    progress: ProgressCallback,
) -> ModelBuilder:
    import torch

    from unlearn_audit.training import Records

    dataset, name = task.dataset, plan.reference.model
    everything = Records(
        x=inputs,
        y=torch.from_numpy(dataset.label.astype(np.int64)),
        positive=torch.from_numpy(np.isin(dataset.label, task.positive)),
    )
    retain, forget = split == "retain", split == "forget"
    train = retain | forget
    shown = [
        digest_rows(dataset.x, train),
        dataset.label[train].tolist(),
        [int(c) for c in task.positive],
    ]
    return ModelBuilder(
        architecture=MODELS[name],
        architecture_name=name,
        shape=tuple(inputs.shape[1:]),
        classes=len(dataset.classes),
        retain=everything.select(retain),
        forget=everything.select(forget),
        train=everything.select(train),
        recipe=plan.recipe,
        seed=choose_seed(policy.protocol.seed, request.seals),
        cache=ModelCache(request.cache),
        train_identity=digest_of(shown),
        forget_identity=hashlib.sha256(np.packbits(forget[train]).tobytes()).hexdigest(),
        progress=progress,
    )


def _describe_data(
    loaded: Dataset, mapped: Dataset, positive: tuple[int, ...], split: NDArray[np.str_], policy: Policy
) -> DataCard:
    is_positive = np.isin(mapped.label, positive)
    return DataCard(
        name=DATASETS[loaded.name].title if loaded.name in DATASETS else loaded.name,
        source=loaded.source,
        licence=loaded.licence,
        sha256=loaded.sha256,
        official=loaded.official,
        classes=mapped.classes,
        positive=tuple(loaded.classes[index] for index in map_positive(loaded, policy.task.positive)),
        positive_asked=policy.task.positive,
        splits={
            name: SplitCount(n=int((split == name).sum()), positive=int(is_positive[split == name].sum()))
            for name in ("retain", "forget", "validation", "test")
        },
        overlaps=find_overlaps(loaded),
        cluster=policy.protocol.cluster,
        notes=(*loaded.notes, *note_unsearched(loaded)),
    )
