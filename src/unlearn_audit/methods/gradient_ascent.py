"""Gradient ascent: undo learning by climbing the loss of the forget set.

Source: Thudi, Deza, Chandrasekaran and Papernot 2022, "Unrolling SGD: understanding factors influencing machine
unlearning", EuroS&P, arXiv 2109.13398; the ascent itself is the "NegGrad" of Golatkar, Achille and Soatto 2020.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from unlearn_audit.training import Method, Parameters, Records, Setting, Stage, train_in_stages

if TYPE_CHECKING:
    from torch import Tensor, nn


class GradientAscentParameters(Parameters):
    """How far to climb. The loss has no top: too many steps or too high a rate destroy the model."""

    learning_rate: float = Field(default=0.001, gt=0, le=10, description="constant")
    epochs: int = Field(default=5, ge=1, le=1_000, description="passes over the forget set")


def gradient_ascent(
    original: nn.Module, _retain: Records, forget: Records, parameters: GradientAscentParameters, setting: Setting
) -> nn.Module:
    """Return the original after steps that increase the cross-entropy of `forget`; the retain set is not read.

    Nothing holds the rest of the model in place. On records that the model has memorised the gradient is almost
    zero at first and explodes later, so between doing nothing and wrecking the model there is little room.

    Source: Thudi et al. 2022, arXiv 2109.13398.
    """
    import torch

    def climb(part: Tensor, logits: Tensor) -> Tensor:
        return -torch.nn.functional.cross_entropy(logits, forget.y[part])

    stage = Stage(len(forget), forget.x.__getitem__, climb)
    epochs = parameters.epochs
    return train_in_stages(original, [[stage]] * epochs, [[len(forget)]] * epochs, parameters.learning_rate, setting)


GRADIENT_ASCENT = Method(
    name="gradient-ascent",
    title="Gradient ascent",
    source="Thudi et al. 2022, arXiv 2109.13398",
    parameters=GradientAscentParameters,
    function=gradient_ascent,
    needs=("forget",),
    cost="its epochs on the forget set",
)
