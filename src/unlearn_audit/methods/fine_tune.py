"""Fine-tuning: train on without the forget set.

Source: Golatkar, Achille and Soatto 2020, arXiv 1911.04933 ("Finetune"); Warnecke et al. 2023, arXiv 2108.11577.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from unlearn_audit.training import Method, Parameters, Records, Setting, Start, adapt, fit

if TYPE_CHECKING:
    from torch import nn


class FineTuneParameters(Parameters):
    """How hot and how long. A cold rate (.02 and below) barely forgets and makes the baseline look useless."""

    learning_rate: float = Field(default=0.1, gt=0, le=10, description="peak of the one-cycle schedule")
    epochs: int = Field(default=5, ge=1, le=1_000)


def prepare_fine_tuning(original: nn.Module, parameters: FineTuneParameters, setting: Setting) -> Start:
    """Return the original as it is, and its recipe with another rate and other epochs."""
    recipe = adapt(setting.recipe, epochs=parameters.epochs, learning_rate=parameters.learning_rate)
    return Start(original, recipe)


def fine_tune(
    original: nn.Module, retain: Records, _forget: Records, parameters: FineTuneParameters, setting: Setting
) -> nn.Module:
    """Return the original trained on with `retain` alone, by its own recipe but for rate and epochs.

    What is learned from the forget set is overwritten, not removed: whether it is gone is for the audit to measure.

    Source: Golatkar, Achille and Soatto 2020, arXiv 1911.04933.
    """
    start = prepare_fine_tuning(original, parameters, setting)
    return fit(start.model, retain, start.recipe, setting.seed, setting.progress, task="fine-tune")


FINE_TUNE = Method(
    name="fine-tune",
    title="Fine-tuning",
    source="Golatkar, Achille and Soatto 2020, arXiv 1911.04933",
    parameters=FineTuneParameters,
    function=fine_tune,
    needs=("retain",),
    prepare=prepare_fine_tuning,
    cost="its epochs on the retain set",
)
