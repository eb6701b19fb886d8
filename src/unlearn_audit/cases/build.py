"""Builds a case from a policy and a request: data, split, original, unlearned, retrained; remedies on demand."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unlearn_audit import __version__
from unlearn_audit.cases.data_preparation import keep_groups
from unlearn_audit.cases.environment import describe_environment
from unlearn_audit.cases.expectation import meet_expectation
from unlearn_audit.cases.model_builder import CaseModel, ModelBuilder
from unlearn_audit.cases.request import CaseRequest, Plan, make_plan
from unlearn_audit.cases.setup import prepare_case
from unlearn_audit.cases.user_functions import try_functions
from unlearn_audit.data import (
    DATASETS,
    Dataset,
    build_request,
    draw_salt,
    find_overlaps,
    map_positive,
    note_unsearched,
)
from unlearn_audit.policy import MethodChoice, Policy, Remedy
from unlearn_audit.policy.dormant_memory import DormantMemory
from unlearn_audit.records import (
    DataCard,
    HyperparameterSearch,
    Message,
    ProgressCallback,
    Provenance,
    ReissuedThreshold,
    SplitCount,
    choose_seed,
    write_message,
)
from unlearn_audit.records.intake import join_intake
from unlearn_audit.reference_models.ensemble import Ensemble, make_ensemble, note_other_references
from unlearn_audit.reference_models.pool import Pool, to_inputs
from unlearn_audit.reference_models.workers import Workers

if TYPE_CHECKING:
    from torch import Tensor, nn

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
        builder: makes further models of the same case.
        ensemble: reference models; None where none were asked for.
        relearning: how models are trained further on retained records; None where they are not.
        convert: from stored records to inputs of models.
    """

    dataset: Dataset
    split: NDArray[np.str_]
    positive: tuple[int, ...]
    inputs: "Inputs"
    made: Mapping[str, CaseModel]
    provenance: Provenance
    builder: ModelBuilder
    ensemble: Ensemble | None = None
    relearning: DormantMemory | None = None
    convert: "Callable[[NDArray[Any]], Tensor]" = to_inputs

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
    if not plan.references:
        return case
    if policy.membership.recognition and "retrained" in case.made:
        choices["retrained"] = MethodChoice(method="retrain")  # the control that a test of single records must pass
    return add_references(case, plan.references, choices, request.workers, policy.protocol.cluster)


def begin_case(policy: Policy, request: CaseRequest, plan: Plan, progress: ProgressCallback) -> Case:
    """Make (or find) data, split, original and, where the plan has one, the retrained reference; nothing is unlearned.

    Raises:
        DataError: data that is absent, malformed or does not fit the policy.
        CaseError: a forget request that cannot be met, training that diverged.
    """
    from unlearn_audit.training import lend_model

    prepared = prepare_case(policy, request, plan, progress)
    task, builder, external = prepared.task, prepared.builder, request.original
    checks = try_functions(plan.functions, builder, task.dataset.x)
    models = [external.take(builder, "original") if external else builder.train_original()]
    if external and "retrained" in external.files:
        models.append(external.take(builder, "retrained"))
    elif plan.retrain:
        models.append(builder.retrain_reference())
    if plan.expect:
        with lend_model(models[0].model, builder.compute.take(0)) as original:
            meet_expectation(plan.expect, original, prepared.inputs, prepared.split, task.dataset.label)
    provenance = Provenance(
        version=__version__,
        created=request.created,
        seed=choose_seed(policy.protocol.seed, request.seals),
        case=plan.name,
        data=_describe_data(prepared.loaded, task.dataset, task.positive, prepared.split, policy).model_copy(
            update={"disjoint": prepared.disjoint}
        ),
        forget=build_request(task.dataset, prepared.forgotten, task.positive, draw_salt()),
        models=tuple(made.card for made in models),
        recipe=builder.spec.describe_recipe(),
        code=builder.functions.describe(checks),
        environment=describe_environment() | builder.compute.describe(),
        signer=request.signer,
        seals=request.seals,
        intake=join_intake(prepared.loaded.intake, prepared.groups.intake, *(made.intake for made in models)),
        notes=(
            *prepared.forgotten.notes,
            *_note_missing_clusters(policy, task.dataset),
            *note_other_references(policy, plan.references),
        ),
        device=request.case.device if request.case else None,
        waivers=request.waivers,
        waiver_seal=request.waiver_seal,
        deviations=request.case.deviations if request.case else (),
        earlier_runs=request.earlier_runs,
    )
    return Case(
        dataset=keep_groups(task.dataset, prepared.groups),
        split=prepared.split,
        positive=task.positive,
        inputs=prepared.inputs,
        made={made.card.name: made for made in models},
        provenance=provenance,
        builder=builder,
        relearning=policy.membership.relearning,
        convert=prepared.convert,
    )


def add_model(case: Case, choice: MethodChoice, *, name: str, role: str) -> Case:
    """Return the case with the original unlearned by `choice`, as one more candidate.

    Raises:
        CaseError: the method diverged or cannot be applied.
    """
    made = case.builder.unlearn(case.made["original"], choice, name=name, role=role)
    return case.with_model(made, case.ensemble.unlearn(name, choice) if case.ensemble else None)


def add_references(
    case: Case, models: int, choices: Mapping[str, MethodChoice], workers: Workers, cluster: str | None = None
) -> Case:
    """Return the case with `models` reference models, to which the methods of the candidates in `choices` are applied.

    `cluster` is the policy's column of what no half of the candidates may divide; without it in the data halves are
    drawn record by record.

    Raises:
        CaseError: too few candidates, training that diverged, a cache or workers that fail.
    """
    pool = Pool(case.dataset.x, case.dataset.label, np.isin(case.dataset.label, case.positive), case.convert)
    builder = case.builder
    if builder.compute.device.startswith("cuda"):
        workers = replace(workers, gpus=1)
    clusters = case.dataset.groups.get(cluster) if cluster else None
    ensemble = make_ensemble(
        pool, case.split, models, builder.spec, builder.seed, builder.cache, workers, builder.progress, clusters
    )
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
        or choice.threshold
        or (choice.method, case.builder.methods[choice.method].parse(choice.parameters).model_dump(mode="json"))
        != (audited.method, audited.parameters)
    )


def add_remedy(case: Case, choice: MethodChoice, remedy: Remedy) -> Case:
    """Return the case with the original remedied by `choice`, one setting of `remedy`, as one more candidate."""
    made = case.builder.unlearn(case.made["original"], choice, name=remedy.model_name, role="remedied")
    if remedy.threshold is not None:
        rule = ReissuedThreshold.model_validate(remedy.threshold.model_dump())
        changes = {"reissued": rule, "title": f"{made.card.title} + threshold"}
        made = replace(made, card=made.card.model_copy(update=changes))
    return case.with_model(made, case.ensemble.unlearn(remedy.model_name, choice) if case.ensemble else None)


def _note_missing_clusters(policy: Policy, dataset: Dataset) -> tuple[Message, ...]:
    column = policy.protocol.cluster
    if column is None or column in dataset.groups:
        return ()
    code = "data-lack-cluster-column" + ("" if policy.protocol.cluster_required else "-tolerated")
    return (write_message(code, column=column),)


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
