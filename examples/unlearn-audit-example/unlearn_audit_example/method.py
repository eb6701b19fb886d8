"""CF-k: train the last k layers on without the forget set, leave all others as they are.

Source: Goel, Prabhu, Sanyal, Lim, Torr and Kumaraguru 2022, arXiv 2201.06640 ("catastrophically forgetting the last k
layers").
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

from pydantic import Field

from unlearn_audit.training import Method, Parameters, Records, Setting, adapt, fit

if TYPE_CHECKING:
    from torch import nn


class CFkParameters(Parameters):
    """How many layers, how hot, how long."""

    layers: int = Field(default=1, ge=1, le=1_000, description="layers with weights, counted from the output")
    learning_rate: float = Field(default=0.05, gt=0, le=10, description="peak of the one-cycle schedule")
    epochs: int = Field(default=5, ge=1, le=1_000)


def forget_last_layers(
    original: nn.Module, retain: Records, _forget: Records, parameters: CFkParameters, setting: Setting
) -> nn.Module:
    """Return the original with its last layers trained on with `retain` alone; `original` is left as it was.

    What the earlier layers remember stays: whether the records are forgotten is for the audit to measure.

    Source: Goel et al. 2022, arXiv 2201.06640.
    """
    copy = deepcopy(original)
    layers = [module for module in copy.modules() if list(module.parameters(recurse=False))]
    for layer in layers[: -parameters.layers]:
        for weight in layer.parameters(recurse=False):
            weight.requires_grad_(False)
    recipe = adapt(setting.recipe, epochs=parameters.epochs, learning_rate=parameters.learning_rate)
    unlearned = fit(copy, retain, recipe, setting.seed, setting.progress, task="cf-k")
    return unlearned.requires_grad_(True)


CF_K = Method(
    name="cf-k",
    title="CF-k",
    source="Goel et al. 2022, arXiv 2201.06640",
    parameters=CFkParameters,
    function=forget_last_layers,
    needs=("retain",),
    cost="its epochs on the retain set, backwards through the last layers only",
)
