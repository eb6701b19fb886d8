"""Targeted restart: begin anew in the layers that the forget set would move most, and train on the retain set.

Source: this project, after Ash and Adams 2020, "On warm-starting neural network training", arXiv 1910.08475 (shrink and
perturb), and the saliency of Fan et al. 2024, arXiv 2310.12508, taken by layers.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

from pydantic import Field

from unlearn_audit.records import derive_integer
from unlearn_audit.training import Method, Parameters, Records, Setting, find_slope, fit, shorten, validate_ranked

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from torch import Tensor, nn


class TargetedRestartParameters(Parameters):
    """How many layers begin anew, how much of them stays, and how long is trained."""

    layers_share: float = Field(default=0.3, gt=0, le=1, description="share of the layers, those that would move most")
    keep_weight: float = Field(
        default=0.0, ge=0, lt=1, description="a in a * original + (1 - a) * fresh, in these layers alone"
    )
    epochs_share: float = Field(default=0.25, gt=0, le=1, description="epochs as a share of the original training's")


def targeted_restart(
    original: nn.Module, retain: Records, forget: Records, parameters: TargetedRestartParameters, setting: Setting
) -> nn.Module:
    """Return the original with its most moved layers begun anew, after a short training of all layers on `retain`.

    A layer is a module with weights of its own. It would be moved by |gradient of the loss summed over `forget`| /
    |weights|, both as Euclidean norms, so that neither its size nor the scale of its weights decides. All other layers
    start as they are: what they remember is left to the training.

    Source: Ash and Adams 2020, arXiv 1910.08475.

    Raises:
        CaseError: gradients that are all zero.
    """
    layers = select_moved(original, find_slope(original, forget), parameters.layers_share)
    fresh = setting.build(derive_integer(setting.seed, "initialisation"))
    start = restart_layers(original, fresh, layers, parameters.keep_weight)
    recipe = shorten(setting.recipe, parameters.epochs_share)
    return fit(start, retain, recipe, setting.seed, setting.progress, task="targeted restart")


def select_moved(model: nn.Module, slope: Mapping[str, Tensor], share: float) -> list[str]:
    """Return the round(share * L) of the L layers that `slope` would move most, at least one, in the model's order.

    Raises:
        CaseError: gradients that are all zero.
    """
    validate_ranked(slope)
    moves = {name: _find_move(layer, name, slope) for name, layer in _list_layers(model, slope).items()}
    ranked = sorted(moves, key=lambda name: -moves[name])
    chosen = ranked[: max(1, round(share * len(ranked)))]
    return [name for name in moves if name in chosen]


def restart_layers(original: nn.Module, fresh: nn.Module, layers: Collection[str], keep: float) -> nn.Module:
    """Return a copy of `original` in which each of `layers` is keep * original + (1 - keep) * fresh.

    Running statistics of such a layer are the fresh ones; weights that are frozen stay.
    """
    import torch

    model = deepcopy(original)
    with torch.no_grad():
        for name in layers:
            ours, drawn = model.get_submodule(name), fresh.get_submodule(name)
            for own, weight in ours.named_parameters(recurse=False):
                if not weight.requires_grad:
                    continue
                weight.copy_(keep * weight + (1 - keep) * drawn.get_parameter(own).to(weight.device))
            for own, value in ours.named_buffers(recurse=False):
                value.copy_(drawn.get_buffer(own).to(value.device))
    return model


def _list_layers(model: nn.Module, slope: Mapping[str, Tensor]) -> dict[str, nn.Module]:
    return {
        name: layer
        for name, layer in model.named_modules()
        if any(_join(name, own) in slope for own, _ in layer.named_parameters(recurse=False))
    }


def _find_move(layer: nn.Module, name: str, slope: Mapping[str, Tensor]) -> float:
    """Return |gradient| / |weights| of one layer; infinite where weights of zero have a gradient."""
    import math

    import torch

    own = [(_join(name, key), weight) for key, weight in layer.named_parameters(recurse=False)]
    pairs = [(slope[full], weight.detach()) for full, weight in own if full in slope]
    gradient, size = (
        float(torch.cat([part.flatten().cpu() for part in parts]).double().norm()) for parts in zip(*pairs, strict=True)
    )
    if size > 0:
        return gradient / size
    return math.inf if gradient > 0 else 0.0


def _join(module: str, weight: str) -> str:
    return f"{module}.{weight}" if module else weight


TARGETED_RESTART = Method(
    name="targeted-restart",
    title="Targeted restart",
    source="Ash and Adams 2020, arXiv 1910.08475",
    parameters=TargetedRestartParameters,
    function=targeted_restart,
    needs=("retain", "forget"),
    cost="a quarter of a whole training, by default, and one gradient over the forget set",
)
