"""The relearning attack: trains a model on half of what it forgot and measures membership of the other half.

Memory that was hidden comes back with a little training on its neighbours; what was forgotten does not. Training on
anything moves a model, so what counts is the distance from the retrained model under the same treatment.

Source: after the idea of Hu, Fu, Wu and Smith 2024, arXiv 2406.13356, who relearn language models; that half of each
class of the forgotten records is shown, and the other half looked at, is this package's choice for classifiers.
"""

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.cases import Case
from unlearn_audit.policy import RELEARNED, Relearning
from unlearn_audit.records import ModelCard, derive_integer, derive_rng

if TYPE_CHECKING:
    from unlearn_audit.cases.model_builder import CaseModel

PREFIX = RELEARNED
GROUP = "relearned"
SHOWN, HIDDEN = "shown", "hidden"
"""Values of the group column: the forgotten records that the attack trains on, and those that it looks for."""


def draw_shown(positive: NDArray[np.bool_], seed: int) -> NDArray[np.bool_]:
    """Return (n,) which of n forgotten records are shown: half of each class, the smaller half where it is odd."""
    shown = np.zeros(len(positive), dtype=np.bool_)
    rng = derive_rng(seed, "relearn")
    for value in (False, True):
        members = np.flatnonzero(positive == value)
        shown[rng.permutation(members)[: len(members) // 2]] = True
    return shown


def mark_shown(case: Case) -> Case:
    """Return the case with a group column `relearned`: of each forgotten record whether it is shown; '' for others."""
    column = np.full(len(case.split), "", dtype="<U6")
    column[case.split == "forget"] = np.where(_draw(case), SHOWN, HIDDEN)
    return replace(case, dataset=replace(case.dataset, groups={**case.dataset.groups, GROUP: column}))


def list_relearned(case: Case, relearning: Relearning) -> tuple[str, ...]:
    """Return which models are attacked: the retrained one, as the measure of all others, and those named."""
    return tuple(name for name in ("retrained", *relearning.of) if name in case.made)


def add_relearned(case: Case, name: str, relearning: Relearning) -> Case:
    """Return the case with a relearned copy of the model `name` beside it; every model is treated the same.

    Raises:
        CaseError: too few forgotten records to show one, training that diverged.
    """
    return case.with_model(_relearn(case, case.made[name], relearning), case.ensemble)


def _draw(case: Case) -> NDArray[np.bool_]:
    forget = np.flatnonzero(case.split == "forget")
    return draw_shown(np.isin(case.dataset.label[forget], case.positive), case.builder.seed)


def _relearn(case: Case, made: "CaseModel", relearning: Relearning) -> "CaseModel":
    from unlearn_audit.cases.model_builder import CaseModel
    from unlearn_audit.models import encode_weights
    from unlearn_audit.training import adapt, fit

    builder, name = case.builder, PREFIX + made.card.name
    recipe = adapt(builder.recipe, epochs=relearning.epochs, learning_rate=relearning.learning_rate)
    seed, started = derive_integer(builder.seed, "relearn"), time.perf_counter()
    model = fit(made.model, builder.forget.select(_draw(case)), recipe, seed, task="relearn")
    card = ModelCard(
        name=name,
        role="compared",
        method="relearning",
        title=f"{made.card.title}, relearned",
        parameters=relearning.model_dump(mode="json", exclude={"of"}),
        seed=seed,
        seconds=round(time.perf_counter() - started, 3),
    )
    return CaseModel(model, encode_weights(model), card)
