"""Weight noise: add Gaussian noise to every weight, and train on the retain set.

Source: Siddiqui, Weller, Krueger, Dziugaite, Mozer and Triantafillou 2025, "From dormant to deleted: tamper-resistant
unlearning through weight-space regularization", arXiv 2505.22310, and the authors' code ("weight distortion"). The
training differs: it is one-cycle at the original's own peak rate, as warm restart's is.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

from pydantic import Field

from unlearn_audit.training import Method, Parameters, Records, Setting, Start, fit, make_generator, shorten

if TYPE_CHECKING:
    from torch import Generator, nn


class WeightNoiseParameters(Parameters):
    """How much noise, and how long is trained after it."""

    deviation: float = Field(
        default=0.1, gt=0, le=100, description="standard deviation of the noise, the same for every weight"
    )
    epochs_share: float = Field(default=0.25, gt=0, le=1, description="epochs as a share of the original training's")


def disturb_weights(original: nn.Module, deviation: float, generator: Generator) -> nn.Module:
    """Return a copy of `original` with independent N(0, deviation^2) added to every trainable weight, scales too."""
    import torch

    model = deepcopy(original)
    with torch.no_grad():
        for weight in (weight for weight in model.parameters() if weight.requires_grad):
            # drawn on the processor, so that the draws are the same on any device
            weight.add_(deviation * torch.randn(weight.shape, generator=generator).to(weight.device, weight.dtype))
    return model


def prepare_weight_noise(original: nn.Module, parameters: WeightNoiseParameters, setting: Setting) -> Start:
    """Return the disturbed original, and its recipe for a share of the epochs."""
    start = disturb_weights(original, parameters.deviation, make_generator(setting.seed, "noise"))
    return Start(start, shorten(setting.recipe, parameters.epochs_share))


def add_weight_noise(
    original: nn.Module, retain: Records, _forget: Records, parameters: WeightNoiseParameters, setting: Setting
) -> nn.Module:
    """Return the original with Gaussian noise on all its weights, after a short training on `retain`.

    The noise is absolute, as in the source: whether a deviation is much depends on the size of the network's weights.
    The default is five times the source's 0.02, which left single records recognised in every seed on three of four
    data sets (docs/study.md). The forget set is not read.

    Source: Siddiqui et al. 2025, arXiv 2505.22310.
    """
    start = prepare_weight_noise(original, parameters, setting)
    return fit(start.model, retain, start.recipe, setting.seed, setting.progress, task="weight noise")


WEIGHT_NOISE = Method(
    name="weight-noise",
    title="Weight noise",
    source="Siddiqui et al. 2025, arXiv 2505.22310",
    parameters=WeightNoiseParameters,
    function=add_weight_noise,
    needs=("retain",),
    prepare=prepare_weight_noise,
    cost="a quarter of a whole training, by default",
)
