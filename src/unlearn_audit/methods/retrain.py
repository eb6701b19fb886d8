"""Retrain: train again from scratch without the forget set. The reference for forgetting, not for risk.

Source: Cao and Yang 2015, "Towards making systems forget with machine unlearning", IEEE S&P; Bourtoule et al. 2021,
"Machine unlearning", IEEE S&P, arXiv 1912.03817 (as the exact method that others approximate).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from unlearn_audit.records import derive_integer
from unlearn_audit.training import Method, Parameters, Records, Setting, Start, fit

if TYPE_CHECKING:
    from torch import nn


class RetrainParameters(Parameters):
    """None: the recipe is the original's, or it would be no reference."""


def prepare_retraining(_original: nn.Module, _parameters: RetrainParameters, setting: Setting) -> Start:
    """Return a fresh initialisation, and the original's recipe."""
    return Start(setting.build(derive_integer(setting.seed, "initialisation")), setting.recipe)


def retrain(
    original: nn.Module, retain: Records, _forget: Records, parameters: RetrainParameters, setting: Setting
) -> nn.Module:
    """Return a model trained on `retain` alone by the original's recipe, from a fresh initialisation.

    Never seen the forget set, it has forgotten by construction. That says nothing about its risk: an untouched
    original can be safer, so "no worse than retrained" proves little by itself. Two retrained models of one split
    differ; a claim about the method needs several seeds.

    Where the original was trained by a function of the user's own, that is what trains here as well.

    Source: Bourtoule et al. 2021, arXiv 1912.03817.
    """
    if setting.train is not None:
        return setting.train(retain, setting)
    start = prepare_retraining(original, parameters, setting)
    return fit(start.model, retain, start.recipe, setting.seed, setting.progress, task="retrain")


RETRAIN = Method(
    name="retrain",
    title="Retraining",
    source="Bourtoule et al. 2021, arXiv 1912.03817",
    parameters=RetrainParameters,
    function=retrain,
    needs=("retain",),
    cost="a whole training on the retain set",
    prepare=prepare_retraining,
)
