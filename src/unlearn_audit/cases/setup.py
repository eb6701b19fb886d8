"""Prepares a case: splits of the records, network, preprocessing, cache keys, and the builder of its models."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.cases.data_preparation import choose_forgotten, choose_groups, prepare_data, validate_nothing_dropped
from unlearn_audit.cases.external_original import ExternalOriginal
from unlearn_audit.cases.model_builder import ModelBuilder
from unlearn_audit.cases.networks import find_network
from unlearn_audit.cases.request import CaseRequest, Plan, read_table_columns
from unlearn_audit.cases.user_functions import ImageConverter
from unlearn_audit.data import Dataset, Forgotten, LoadOptions, Task, digest_rows, load_dataset, map_task
from unlearn_audit.data.group_columns import Columns
from unlearn_audit.methods.user_supplied import USER_SUPPLIED
from unlearn_audit.models import Architecture
from unlearn_audit.models.cache import ModelCache
from unlearn_audit.policy import Network, Policy
from unlearn_audit.records import Disjoint, ProgressCallback, choose_seed, digest_of
from unlearn_audit.reference_models.pool import show_inputs, to_inputs

if TYPE_CHECKING:
    from torch import Tensor

    from unlearn_audit.training import Inputs


@dataclass(frozen=True, eq=False)
class PreparedCase:
    """A case before any model of it is made.

    Attributes:
        loaded: the data as they came, in the splits that the policy asks for.
        groups: the columns that policy or case name; no other enters the evidence.
        disjoint: what was left out so that no group stands in two splits.
        task: the data as the models see them.
        forgotten: the records to forget.
        split: (n,) retain, forget, validation or test per record.
        inputs: (n, ...) what models are given.
        convert: from stored records to inputs.
        builder: makes the models.
    """

    loaded: Dataset
    groups: Columns
    disjoint: Disjoint | None
    task: Task
    forgotten: Forgotten
    split: NDArray[np.str_]
    inputs: "Inputs"
    convert: "Callable[[NDArray[Any]], Tensor]"
    builder: ModelBuilder


def prepare_case(policy: Policy, request: CaseRequest, plan: Plan, progress: ProgressCallback) -> PreparedCase:
    """Load the data, choose the records to forget, and set up what makes the models.

    Raises:
        DataError: data that is absent, malformed or does not fit the policy.
        CaseError: a forget request that cannot be met.
        UsageError: a network that cannot be found.
    """
    import torch

    progress("load data", 0, 1)
    seed = choose_seed(policy.protocol.seed, request.seals)
    split_seed = seed if request.split_seed is None else request.split_seed
    options = LoadOptions(
        request.cache, plan.images, None if request.original else split_seed, read_table_columns(request.case)
    )
    loaded = load_dataset(
        plan.reference.dataset, plan.data, download=not request.offline, progress=progress, options=options
    )
    loaded, disjoint = prepare_data(loaded, policy, plan.split_column)
    groups = choose_groups(loaded, policy, request.case)
    external = request.original
    if external:
        validate_nothing_dropped(disjoint)
    names = (policy.task.negative_name, policy.task.positive_name)
    task = map_task(loaded, policy.task.positive, policy.task.head, names)
    forgotten = choose_forgotten(loaded, task, plan.forget, seed, disjoint)
    split = _name_splits(task.dataset, forgotten)
    if request.threads is not None or task.dataset.x.dtype != np.uint8:
        torch.set_num_threads(request.threads or 1)  # networks on a few features lose time with more
    progress("load data", 1, 1)
    convert = choose_converter(plan, external)
    inputs = show_inputs(task.dataset.x, convert)
    builder = set_up_builder(policy, request, plan, task, split, inputs, progress)
    builder = external.fit_builder(builder, loaded, task) if external else builder
    return PreparedCase(loaded, groups, disjoint, task, forgotten, split, inputs, convert, builder)


def _name_splits(dataset: Dataset, forgotten: Forgotten) -> NDArray[np.str_]:
    split = np.where(dataset.split == "train", "retain", dataset.split)
    return np.where(forgotten.mask, "forget", split)


def set_up_builder(  # noqa: PLR0917 - one call site; the arguments are what a builder is made of
    policy: Policy,
    request: CaseRequest,
    plan: Plan,
    task: Task,
    split: NDArray[np.str_],
    inputs: "Inputs",
    progress: ProgressCallback,
) -> ModelBuilder:
    """Return what makes the models of the case: records, network, recipe and the user's own functions.

    Raises:
        UsageError: a network that cannot be found.
    """
    import torch

    from unlearn_audit.training import Records

    dataset = task.dataset
    architecture, code = find_network(plan.network or Network(factory=plan.reference.model), request.case_folder)
    functions = replace(plan.functions, factory=code)
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
        architecture=architecture,
        architecture_name=_name_architecture(architecture, plan),
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
        functions=functions,
        compute=plan.compute,
        user_parameters=_find_user_parameters(plan),
    )


def _name_architecture(architecture: Architecture, plan: Plan) -> str:
    """Return what stands for the network, and for what is done to its inputs, in the key of a finished model."""
    parameters = plan.network.parameters if plan.network else {}
    description = [dict(parameters), repr(plan.preprocessing)] if parameters or plan.preprocessing else []
    return f"{architecture.name} {digest_of(description)}" if description else architecture.name


def _find_user_parameters(plan: Plan) -> Mapping[str, Any]:
    """Return the parameters with which the user's own method is tried: the first that the case gives it."""
    choices = [choice for choice in (plan.audited, *plan.compared) if choice.method == USER_SUPPLIED]
    return choices[0].parameters if choices else {}


def choose_converter(plan: Plan, external: ExternalOriginal | None) -> "Callable[[NDArray[Any]], Tensor]":
    """Return what makes inputs of stored records: the user's function, declared steps, or scaling to [-1, 1]."""
    if plan.functions.preprocess:
        return ImageConverter(plan.functions.preprocess)
    if external:
        return external.preprocessing.prepare
    return plan.preprocessing.prepare if plan.preprocessing else to_inputs
