"""Warm restart: move part of the way back to a fresh initialisation, then train shortly on the retain set alone.

Source: Ash and Adams 2020, "On warm-starting neural network training", arXiv 1910.08475 (shrink and perturb), used
here for unlearning.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

from pydantic import Field

from unlearn_audit.errors import CaseError
from unlearn_audit.records import derive_integer
from unlearn_audit.training import Method, Parameters, Records, Setting, Start, fit, shorten

if TYPE_CHECKING:
    from torch import nn


class WarmRestartParameters(Parameters):
    """How much of the original stays, and how long is trained after it."""

    keep_weight: float = Field(
        default=0.1, ge=0, lt=1, description="a in a * original + (1 - a) * fresh; a smaller one forgets more"
    )
    epochs_share: float = Field(default=0.25, gt=0, le=1, description="epochs as a share of the original training's")


def mix_weights(original: nn.Module, fresh: nn.Module, keep: float) -> nn.Module:
    """Return a copy of `fresh` whose weights are keep * original + (1 - keep) * fresh, normalisation scales included.

    Running statistics stay the fresh ones: they hold nothing of the forget set and are estimated anew in training.

    Raises:
        CaseError: the two are not of one architecture; the first layer that differs is named.
    """
    import torch

    mixed = deepcopy(fresh)
    old = dict(original.named_parameters())
    if differing := sorted(old.keys() ^ dict(mixed.named_parameters()).keys()):
        raise CaseError(
            f"expected a fresh model of the original's architecture, found a difference at '{differing[0]}'"
        )
    with torch.no_grad():
        for name, weight in mixed.named_parameters():
            if old[name].shape != weight.shape:
                raise CaseError(
                    f"expected a fresh model of the original's architecture: layer '{name}': expected shape "
                    f"{tuple(old[name].shape)}, found {tuple(weight.shape)}"
                )
            weight.copy_(keep * old[name] + (1 - keep) * weight)
    return mixed


def prepare_warm_restart(original: nn.Module, parameters: WarmRestartParameters, setting: Setting) -> Start:
    """Return the original mixed with a fresh initialisation, and its recipe for a share of the epochs."""
    fresh = setting.build(derive_integer(setting.seed, "initialisation"))
    start = mix_weights(original, fresh, parameters.keep_weight)
    return Start(start, shorten(setting.recipe, parameters.epochs_share))


def warm_restart(
    original: nn.Module, retain: Records, _forget: Records, parameters: WarmRestartParameters, setting: Setting
) -> nn.Module:
    """Return the original, mixed with a fresh initialisation, after a short training on `retain`.

    One-cycle at the original training's own peak rate, all weights free, the forget set untouched. The result is a
    less memorised model, not a clone of the retrained one, and keeps skill that was learned from what it forgot;
    part of its lower risk is that of stopping early.

    Source: Ash and Adams 2020, arXiv 1910.08475.
    """
    start = prepare_warm_restart(original, parameters, setting)
    return fit(start.model, retain, start.recipe, setting.seed, setting.progress, task="warm restart")


WARM_RESTART = Method(
    name="warm-restart",
    title="Warm restart",
    source="Ash and Adams 2020, arXiv 1910.08475",
    parameters=WarmRestartParameters,
    function=warm_restart,
    needs=("retain",),
    prepare=prepare_warm_restart,
    cost="a quarter of a whole training, by default",
)
