"""Convolution transpose (CT): mirror each kernel on its diagonal, and train on the retain set.

Source: Cadet, Borovykh, Malekzadeh, Ahmadi-Abhari and Haddadi 2025, "Deep unlearn: benchmarking machine unlearning",
arXiv 2410.01276 (an entry of the NeurIPS 2023 unlearning competition), and the authors' code. The training differs: it
is one-cycle at the original's own peak rate, as warm restart's is, so that the two differ in where they start.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

from pydantic import Field

from unlearn_audit.errors import CaseError
from unlearn_audit.training import Method, Parameters, Records, Setting, fit, shorten

if TYPE_CHECKING:
    from torch import nn


class ConvolutionTransposeParameters(Parameters):
    """How long is trained."""

    epochs_share: float = Field(default=0.25, gt=0, le=1, description="epochs as a share of the original training's")


def convolution_transpose(
    original: nn.Module, retain: Records, _forget: Records, parameters: ConvolutionTransposeParameters, setting: Setting
) -> nn.Module:
    """Return the original with rows and columns of every convolution kernel exchanged, after training on `retain`.

    The disturbance is fixed and can be undone by doing it again: by itself it removes nothing, what forgets is the
    training after it. Kernels of one pixel stay as they are. The forget set is not read.

    Source: Cadet et al. 2025, arXiv 2410.01276.

    Raises:
        CaseError: a kernel that is not square, or no kernel of more than one pixel: nothing would be transposed.
    """
    recipe = shorten(setting.recipe, parameters.epochs_share)
    start = transpose_kernels(original)
    return fit(start, retain, recipe, setting.seed, setting.progress, task="convolution transpose")


def transpose_kernels(original: nn.Module) -> nn.Module:
    """Return a copy of `original` with the last two axes of every two-dimensional convolution's weight exchanged.

    Frozen ones stay: no training would bring them round.

    Raises:
        CaseError: a kernel that is not square, or none of more than one pixel.
    """
    import torch

    model, changed = deepcopy(original), 0
    for name, layer in model.named_modules():
        if not isinstance(layer, torch.nn.Conv2d) or not layer.weight.requires_grad:
            continue
        height, width = layer.weight.shape[2:]
        if height != width:
            raise CaseError(
                f"method 'convolution-transpose' needs square kernels, found one of {height} x {width} in '{name}'"
            )
        with torch.no_grad():
            layer.weight.copy_(layer.weight.transpose(2, 3).clone())
        changed += height > 1
    if not changed:
        raise CaseError(
            "method 'convolution-transpose' needs a two-dimensional convolution with a trainable kernel of more than "
            "one pixel, found none in the network",
            hint="use a method that knows no layers, such as warm-restart",
        )
    return model


CONVOLUTION_TRANSPOSE = Method(
    name="convolution-transpose",
    title="Convolution transpose",
    source="Cadet et al. 2025, arXiv 2410.01276",
    parameters=ConvolutionTransposeParameters,
    function=convolution_transpose,
    needs=("retain",),
    cost="a quarter of a whole training, by default",
)
