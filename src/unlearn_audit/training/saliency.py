"""Which weights carry the records to forget: the saliency mask of Fan et al., ICLR 2024, arXiv 2310.12508."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unlearn_audit.errors import CaseError
from unlearn_audit.training.prediction import BATCH, read_model
from unlearn_audit.training.tensors import Records, refuse_empty

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn


def find_saliency(model: nn.Module, forget: Records) -> dict[str, Tensor]:
    """Return per trainable weight |d/d theta of the cross-entropy summed over `forget`| at the model's weights.

    Taken in evaluation mode: what matters is the model as it is used, and a record's gradient must not depend on
    its neighbours in a batch. `model` keeps its mode and gets no gradients.

    Raises:
        CaseError: no records, no trainable weights, or a gradient that is not a finite number.
    """
    import torch

    refuse_empty(forget, "forget")
    weights = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    if not weights:
        raise CaseError("expected a model with trainable weights, found none that requires a gradient")
    total = [torch.zeros_like(weight) for weight in weights.values()]
    with read_model(model), torch.enable_grad():
        for x, y in zip(torch.split(forget.x, BATCH), torch.split(forget.y, BATCH), strict=True):
            loss = torch.nn.functional.cross_entropy(model(x), y, reduction="sum")
            parts = torch.autograd.grad(loss, list(weights.values()), allow_unused=True)
            total = [old if part is None else old + part for old, part in zip(total, parts, strict=True)]
    saliency = {name: value.abs() for name, value in zip(weights, total, strict=True)}
    for name, value in saliency.items():
        if not torch.isfinite(value).all():
            raise CaseError(f"expected finite gradients on the forget set, found NaN or infinity in '{name}'")
    return saliency


def select_salient(saliency: Mapping[str, Tensor], keep: float) -> dict[str, Tensor]:
    """Return per weight a mask of the `keep` share (0 < keep <= 1) of largest saliency over all weights together.

    Exactly round(keep * N) of the N weights are selected (at least one), by one selection of the threshold and not
    a sort; equal values at the threshold go by position, earlier first.

    Raises:
        CaseError: all saliencies are zero, which ranks nothing: the model is saturated on the forget set.
    """
    import torch

    flat = torch.cat([value.flatten() for value in saliency.values()])
    if not flat.any():
        raise CaseError(
            "expected a gradient on the forget set, found zero for every weight: saliency cannot rank them",
            hint="the model is saturated on these records; use a method without a saliency mask, such as warm-restart",
        )
    count = max(1, round(keep * len(flat)))
    threshold = flat.kthvalue(len(flat) - count + 1).values
    chosen = flat > threshold
    ties = (flat == threshold).nonzero().flatten()
    chosen[ties[: count - int(chosen.sum())]] = True
    parts = torch.split(chosen, [value.numel() for value in saliency.values()])
    return {name: part.view(value.shape) for (name, value), part in zip(saliency.items(), parts, strict=True)}
