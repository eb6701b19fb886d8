"""Masked small gradients (MSG): start the weights anew that tell the two sets apart least, and train on the retain set.

Source: Cadet, Borovykh, Malekzadeh, Ahmadi-Abhari and Haddadi 2025, "Deep unlearn: benchmarking machine unlearning",
arXiv 2410.01276 (an entry of the NeurIPS 2023 unlearning competition), and the authors' code.

Departures from that code: fresh weights are drawn as the network draws its own, not always by He's rule, which starts
larger; the training is one-cycle at the original's own peak rate, as warm restart's is, so that the two differ in where
they start; and gradients are taken in evaluation mode. Where a network has no convolution, its linear layers stand in.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

from pydantic import Field

from unlearn_audit.errors import CaseError
from unlearn_audit.records import derive_integer
from unlearn_audit.training import (
    Method,
    Parameters,
    Records,
    Setting,
    find_slope,
    fit,
    make_generator,
    shorten,
    validate_ranked,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn


class MaskedSmallGradientsParameters(Parameters):
    """How much is started anew, how freely the rest moves, and how long is trained."""

    restart_share: float = Field(
        default=0.3, gt=0, le=1, description="share of each layer's weights, those of the smallest gradient difference"
    )
    gradient_scale: float = Field(
        default=0.1, ge=0, le=1, description="factor of the gradients of the other weights of these layers"
    )
    epochs_share: float = Field(default=0.25, gt=0, le=1, description="epochs as a share of the original training's")


def masked_small_gradients(
    original: nn.Module,
    retain: Records,
    forget: Records,
    parameters: MaskedSmallGradientsParameters,
    setting: Setting,
) -> nn.Module:
    """Return the original, partly started anew where retain and forget gradients differ least, trained on `retain`.

    The difference is that of the mean gradients over `forget` and over as many retained records, drawn at random. In
    each convolution the `restart_share` of weights with the smallest |difference| becomes a fresh draw; gradients of
    its other weights are scaled down. Normalisation, biases and the head train freely.

    Source: Cadet et al. 2025, arXiv 2410.01276.

    Raises:
        CaseError: a network without convolutions and linear layers, or gradients that are all zero.
    """
    import torch

    drawn = torch.randperm(len(retain), generator=make_generator(setting.seed, "compared"))[: len(forget)]
    compared = retain.select(drawn)
    kept, lost = find_slope(original, compared), find_slope(original, forget)
    layers = list_layers(original)
    difference = {name: kept[name] / len(compared) - lost[name] / len(forget) for name in layers}
    validate_ranked(difference)
    chosen = {name: select_smallest(value.abs(), parameters.restart_share) for name, value in difference.items()}
    fresh = setting.build(derive_integer(setting.seed, "initialisation"))
    start = restart_weights(original, fresh, chosen)
    scales = {name: torch.where(mask, 1.0, parameters.gradient_scale) for name, mask in chosen.items()}
    recipe = shorten(setting.recipe, parameters.epochs_share)
    return fit(start, retain, recipe, setting.seed, setting.progress, task="masked small gradients", scales=scales)


def list_layers(model: nn.Module) -> list[str]:
    """Return the names of the trainable weights of all convolutions, or of all linear layers where there is none.

    Raises:
        CaseError: there are neither.
    """
    from torch import nn

    trainable = {name for name, weight in model.named_parameters() if weight.requires_grad}
    for kinds in ((nn.Conv1d, nn.Conv2d, nn.Conv3d), (nn.Linear,)):
        named = [name for name, module in model.named_modules() if isinstance(module, kinds)]
        found = [weight for name in named if (weight := f"{name}.weight".lstrip(".")) in trainable]
        if found:
            return found
    raise CaseError(
        "method 'masked-small-gradients' starts weights of convolutions or linear layers anew, found neither in the "
        "network",
        hint="use a method that knows no layers, such as warm-restart",
    )


def select_smallest(values: Tensor, share: float) -> Tensor:
    """Return a mask of the round(share * n) smallest of `values`, at least one; ties go by position, earlier first."""
    import torch

    count = max(1, round(share * values.numel()))
    order = torch.argsort(values.flatten().cpu(), stable=True)
    mask = torch.zeros(values.numel(), dtype=torch.bool)
    mask[order[:count]] = True
    return mask.view(values.shape).to(values.device)


def restart_weights(original: nn.Module, fresh: nn.Module, chosen: Mapping[str, Tensor]) -> nn.Module:
    """Return a copy of `original` in which the chosen entries of each named weight are those of `fresh`."""
    import torch

    model, drawn = deepcopy(original), dict(fresh.named_parameters())
    with torch.no_grad():
        for name, mask in chosen.items():
            weight = model.get_parameter(name)
            weight.copy_(torch.where(mask, drawn[name].to(weight.device), weight))
    return model


MASKED_SMALL_GRADIENTS = Method(
    name="masked-small-gradients",
    title="Masked small gradients",
    source="Cadet et al. 2025, arXiv 2410.01276",
    parameters=MaskedSmallGradientsParameters,
    function=masked_small_gradients,
    needs=("retain", "forget"),
    cost="a quarter of a whole training, by default, and two gradients over as many records as are forgotten",
)
