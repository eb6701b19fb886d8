"""The relearning attack: show a model half of what it forgot, and look at the half that it is not shown.

Memory that was hidden comes back with a little training on its neighbours; what was forgotten does not. Training on
anything moves a model, so what counts is the distance from the retrained model under the same treatment.

Source: after Hu et al. 2024, "Jogging the memory of unlearned models", arXiv 2406.13356, for classifiers.
"""

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.cases import Case
from unlearn_audit.policy import Relearning
from unlearn_audit.records import ModelCard, derive_integer, derive_rng

if TYPE_CHECKING:
    from unlearn_audit.cases.workbench import Made

PREFIX = "relearned-"
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


def add_relearned(case: Case, relearning: Relearning) -> Case:
    """Return the case with a relearned copy of the retrained model and of each model named, beside the models.

    The group column `relearned` says of each forgotten record whether it was shown; '' for all others.
    """
    forget = np.flatnonzero(case.split == "forget")
    shown = draw_shown(np.isin(case.dataset.label[forget], case.positive), case.bench.seed)
    column = np.full(len(case.split), "", dtype="<U6")
    column[forget] = np.where(shown, SHOWN, HIDDEN)
    case = replace(case, dataset=replace(case.dataset, groups={**case.dataset.groups, GROUP: column}))
    for name in ("retrained", *relearning.of):
        if name in case.made:
            case = case.with_model(_relearn(case, case.made[name], shown, relearning), case.ensemble)
    return case


def _relearn(case: Case, made: "Made", shown: NDArray[np.bool_], relearning: Relearning) -> "Made":
    from unlearn_audit.cases.workbench import Made
    from unlearn_audit.models import encode_weights
    from unlearn_audit.training import adapt, fit

    bench, name = case.bench, PREFIX + made.card.name
    recipe = adapt(bench.recipe, epochs=relearning.epochs, learning_rate=relearning.learning_rate)
    seed, started = derive_integer(bench.seed, "relearn"), time.perf_counter()
    model = fit(made.model, bench.forget.select(shown), recipe, seed, task="relearn")
    card = ModelCard(
        name=name,
        role="compared",
        method="relearning",
        title=f"{made.card.title}, relearned",
        parameters=relearning.model_dump(mode="json", exclude={"of"}),
        seed=seed,
        seconds=round(time.perf_counter() - started, 3),
    )
    return Made(model, encode_weights(model), card)
