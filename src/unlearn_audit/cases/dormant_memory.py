"""Dormant memory: the judged models and the retrained one after a short training on retained records."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.errors import CaseError
from unlearn_audit.evidence import Evidence
from unlearn_audit.records import ModelCard, derive_integer

if TYPE_CHECKING:
    from torch import nn

    from unlearn_audit.cases.build import Case
    from unlearn_audit.cases.model_builder import CaseModel, ModelBuilder
    from unlearn_audit.policy.dormant_memory import DormantMemory
    from unlearn_audit.training import Setting

_BUILT_BY_CHECK = 1
"""How often a network is built to compare the returned one with."""


def ask_relearned(case: "Case", known: Evidence | None) -> dict[str, NDArray[np.float64]]:
    """Return per model what it says about all records after relearning; nothing where the policy asks for none.

    Every model gets the same draws, so that two of them differ by where they start alone. The original is left out: it
    has nothing to bring back. Where the original was trained by a function of the user's own, that trains here too. One
    that does not begin with the network that it is given relearns nothing: no model is then in the answer.

    Raises:
        CaseError: training diverged.
    """
    from unlearn_audit.training import lend_model, predict_log_probs

    if case.relearning is None:
        return {}
    answers = dict(known.relearned) if known else {}
    for name, made in case.made.items():
        if name not in answers and made.card.role != "original":
            try:
                relearned = _relearn(case.builder, made, case.relearning)
            except _OwnStartError:
                return {}
            with lend_model(relearned.model, case.builder.compute.take(0)) as lent:
                answers[name] = predict_log_probs(lent, case.inputs)
    return answers


def _relearn(builder: "ModelBuilder", made: "CaseModel", rule: "DormantMemory") -> "CaseModel":
    from unlearn_audit.training import adapt

    card = ModelCard(
        name=f"relearned-{made.card.name}",
        role="compared",
        method="relearn",
        title=f"{made.card.title}, relearned",
        seed=derive_integer(builder.seed, "dormant memory"),
    )
    key = {
        "kind": "relearned",
        **rule.model_dump(mode="json"),
        "of": made.card.sha256,
        "forget": builder.forget_identity,
    }
    setting = builder.make_setting(card.seed or 0, card.title)
    recipe = adapt(builder.recipe, epochs=rule.epochs, learning_rate=rule.learning_rate)
    return builder.make(card, lambda: _train_on(builder, made.model, replace(setting, recipe=recipe)), key)


def _train_on(builder: "ModelBuilder", model: "nn.Module", setting: "Setting") -> "nn.Module":
    """Return `model` trained further on the retained records."""
    from unlearn_audit.training import fit, use

    if builder.functions.train is not None:
        return _train_on_by_user(builder, model, setting)
    compute = builder.compute.take(0)
    with use(compute):
        there, retain = deepcopy(model).to(compute.device), builder.retain
        retain = retain if compute.device == "cpu" else retain.to(compute.device)
        return fit(there, retain, setting.recipe, setting.seed, setting.progress, task="relearn").to("cpu")


def _train_on_by_user(builder: "ModelBuilder", model: "nn.Module", setting: "Setting") -> "nn.Module":
    """Return `model` trained further by the user's function, whose `setting.build` gives the model's weights.

    Raises:
        _OwnStartError: the function never asked for that network.
    """
    own = setting.own
    begin = _Begin(setting.build if own is None else own.build, model)
    given = replace(setting, build=begin) if own is None else replace(setting, own=own._replace(build=begin))
    trained = builder.train_model(builder.retain, given)
    if len(begin.asked) <= _BUILT_BY_CHECK:
        raise _OwnStartError("the training function never asked for the network to begin with")
    return trained


@dataclass(frozen=True)
class _Begin:
    """A `build` that gives the weights of `model`, whatever the seed, and counts how often it was asked."""

    build: Callable[[int], "nn.Module"]
    model: "nn.Module"
    asked: list[int] = field(default_factory=list)

    def __call__(self, seed: int) -> "nn.Module":
        self.asked.append(seed)
        network = self.build(seed)
        network.load_state_dict(self.model.state_dict())
        return network


class _OwnStartError(CaseError):
    """A training function begins with a network of its own."""
