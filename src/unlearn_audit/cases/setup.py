"""From a plan to the builder of its models: the records by split, the network, what is done to inputs, the keys."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.cases.external_original import ExternalOriginal
from unlearn_audit.cases.model_builder import ModelBuilder
from unlearn_audit.cases.networks import find_network
from unlearn_audit.cases.request import CaseRequest, Plan
from unlearn_audit.cases.user_functions import ImageConverter
from unlearn_audit.data import Task, digest_rows
from unlearn_audit.methods.user_supplied import USER_SUPPLIED
from unlearn_audit.models import Architecture
from unlearn_audit.models.cache import ModelCache
from unlearn_audit.policy import Network, Policy
from unlearn_audit.records import ProgressCallback, choose_seed, digest_of
from unlearn_audit.reference_models.pool import to_inputs

if TYPE_CHECKING:
    from torch import Tensor

    from unlearn_audit.training import Inputs


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
    told = [dict(parameters), repr(plan.preprocessing)] if parameters or plan.preprocessing else []
    return f"{architecture.name} {digest_of(told)}" if told else architecture.name


def _find_user_parameters(plan: Plan) -> Mapping[str, Any]:
    """Return the parameters with which the user's own method is tried: the first that the case gives it."""
    choices = [choice for choice in (plan.audited, *plan.compared) if choice.method == USER_SUPPLIED]
    return choices[0].parameters if choices else {}


def choose_converter(plan: Plan, brought: ExternalOriginal | None) -> "Callable[[NDArray[Any]], Tensor]":
    """Return what makes inputs of stored records: the user's function, declared steps, or scaling to [-1, 1]."""
    if plan.functions.preprocess:
        return ImageConverter(plan.functions.preprocess)
    if brought:
        return brought.preprocessing.prepare
    return plan.preprocessing.prepare if plan.preprocessing else to_inputs
