"""Training from scratch, cut short: the honest control of every remedy that costs less than a whole training.

Never having seen the forget set, it has forgotten by construction. Where it is as good as a remedy of the same cost,
the remedy bought nothing.

Source: Bourtoule et al. 2021, "Machine unlearning", IEEE S&P, arXiv 1912.03817, for retraining; cutting it short is the
plainest way of paying less.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from unlearn_audit.records import derive_integer
from unlearn_audit.training import Method, Parameters, Records, Setting, Start, fit, shorten

if TYPE_CHECKING:
    from torch import nn


class ScratchParameters(Parameters):
    """How long is trained."""

    epochs_share: float = Field(default=0.25, gt=0, le=1, description="epochs as a share of the original training's")


def prepare_scratch(_original: nn.Module, parameters: ScratchParameters, setting: Setting) -> Start:
    """Return a fresh initialisation, and the original's recipe for a share of the epochs."""
    fresh = setting.build(derive_integer(setting.seed, "initialisation"))
    return Start(fresh, shorten(setting.recipe, parameters.epochs_share))


def train_from_scratch(
    original: nn.Module, retain: Records, _forget: Records, parameters: ScratchParameters, setting: Setting
) -> nn.Module:
    """Return a model trained on `retain` alone for a share of the original's epochs, from a fresh initialisation.

    One-cycle over the shorter training, as warm restart does, so that the two differ in where they start alone.

    Source: Bourtoule et al. 2021, arXiv 1912.03817
    """
    start = prepare_scratch(original, parameters, setting)
    return fit(start.model, retain, start.recipe, setting.seed, setting.progress, task="train from scratch")


SCRATCH = Method(
    name="scratch",
    title="Training from scratch",
    source="Bourtoule et al. 2021, arXiv 1912.03817",
    parameters=ScratchParameters,
    function=train_from_scratch,
    needs=("retain",),
    prepare=prepare_scratch,
    cost="a quarter of a whole training, by default",
)
