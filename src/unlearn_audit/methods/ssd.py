"""Selective synaptic dampening: shrink the weights that matter more to the forget set than to all training records.

Source: Foster, Schoepf and Brintrup 2024, "Fast machine unlearning without retraining through selective synaptic
dampening", AAAI, arXiv 2308.07707, equations 4 to 6.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

from pydantic import Field

from unlearn_audit.errors import CaseError
from unlearn_audit.training import Method, Parameters, Records, Setting, find_importance

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn


class SsdParameters(Parameters):
    """Which weights are dampened, and how much.

    No weight can matter more to the forget set than 1 / share times what it matters to all records, where `share` is
    the forgotten share: with 20 % forgotten an alpha of 5 or more selects nothing. The paper's 10 is meant for the few
    records or the single class that it forgets.
    """

    alpha: float = Field(default=1.5, gt=0, le=1_000, description="select weights with importance ratio above it")
    strength: float = Field(
        default=1.0, gt=0, le=1_000, description="lambda: factor of the dampening, at most 1 after it"
    )


def ssd(
    original: nn.Module, retain: Records, forget: Records, parameters: SsdParameters, setting: Setting
) -> nn.Module:
    """Return a copy of the original in which every selected weight is multiplied by min(lambda * I_D / I_F, 1).

    I_F and I_D are the diagonals of the empirical Fisher information over `forget` and over all training records;
    weights with I_F > alpha * I_D are selected. No training takes place, nothing is drawn.

    Raises:
        CaseError: no weight is selected, so that nothing would be forgotten.

    Source: Foster, Schoepf and Brintrup 2024, arXiv 2308.07707.
    """
    batch, progress = setting.recipe.batch, setting.progress
    chunks = sum(-(-len(records) // batch) for records in (forget, retain))
    ours = find_importance(original, forget, batch, lambda done: progress("dampen", done, chunks))
    before = -(-len(forget) // batch)
    rest = find_importance(original, retain, batch, lambda done: progress("dampen", before + done, chunks))
    share = len(forget) / (len(forget) + len(retain))
    every = {name: share * ours[name] + (1 - share) * rest[name] for name in ours}
    return dampen(original, ours, every, parameters)


def dampen(
    original: nn.Module, forget: Mapping[str, Tensor], every: Mapping[str, Tensor], parameters: SsdParameters
) -> nn.Module:
    """Return the dampened copy, given the importance of each weight for the forget set and for all records.

    Raises:
        CaseError: no weight is selected.
    """
    import torch

    model, selected = deepcopy(original), 0
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name not in forget:
                continue
            chosen = forget[name] > parameters.alpha * every[name]
            factor = (parameters.strength * every[name] / forget[name]).clamp(max=1.0)
            weight.copy_(torch.where(chosen, weight * factor, weight))
            selected += int((chosen & (factor < 1)).sum())
    if not selected:
        raise CaseError(
            f"expected weights that matter {parameters.alpha:g} times as much to the forget set as to all records, "
            "found none: nothing would be forgotten",
            hint="lower alpha; it must lie below all records / forget records",
        )
    return model.eval()


SSD = Method(
    name="ssd",
    title="Selective synaptic dampening",
    source="Foster, Schoepf and Brintrup 2024, arXiv 2308.07707",
    parameters=SsdParameters,
    function=ssd,
    needs=("retain", "forget"),
    cost="one gradient for each training record, no training",
    draws=False,
)
