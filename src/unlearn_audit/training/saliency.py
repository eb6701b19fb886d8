"""Importance of weights for the records to forget: saliency (Fan et al. 2024, arXiv 2310.12508), Fisher information."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unlearn_audit.errors import CaseError
from unlearn_audit.training.prediction import read_model
from unlearn_audit.training.streamed import choose_batch, split_inputs
from unlearn_audit.training.tensors import Records, validate_not_empty

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor, nn


def find_saliency(model: nn.Module, forget: Records) -> dict[str, Tensor]:
    """Return per trainable weight |d/d theta of the cross-entropy summed over `forget`| at the model's weights.

    `model` keeps its mode and gets no gradients (see `find_slope`).

    Raises:
        CaseError: no records, no trainable weights, or a gradient that is not a finite number.
    """
    validate_not_empty(forget, "forget")
    return {name: value.abs() for name, value in find_slope(model, forget).items()}


def find_slope(model: nn.Module, records: Records) -> dict[str, Tensor]:
    """Return per trainable weight d/d theta of the cross-entropy summed over `records` at the model's weights.

    Taken in evaluation mode: what matters is the model as it is used, and a record's gradient must not depend on
    its neighbours in a batch. `model` keeps its mode and gets no gradients.

    Raises:
        CaseError: no records, no trainable weights, or a gradient that is not a finite number.
    """
    import torch

    validate_not_empty(records, "find gradients of")
    weights = _list_weights(model)
    total = [torch.zeros_like(weight) for weight in weights.values()]
    with read_model(model), torch.enable_grad():
        batch = choose_batch(records.x)
        for x, y in zip(split_inputs(records.x, batch), torch.split(records.y, batch), strict=True):
            loss = torch.nn.functional.cross_entropy(model(x), y, reduction="sum")
            parts = torch.autograd.grad(loss, list(weights.values()), allow_unused=True)
            total = [old if part is None else old + part for old, part in zip(total, parts, strict=True)]
    slope = dict(zip(weights, total, strict=True))
    _validate_finite(slope)
    return slope


def validate_ranked(values: Mapping[str, Tensor]) -> None:
    """Refuse gradients (or saliencies) that are all zero: they rank neither weights nor layers.

    Raises:
        CaseError: the model is saturated on the records.
    """
    if not any(bool(value.any()) for value in values.values()):
        raise CaseError(
            "expected a gradient on the forget set, found zero for every weight: saliency cannot rank them",
            hint="the model is saturated on these records; use a method without a saliency mask, such as warm-restart",
        )


def select_salient(saliency: Mapping[str, Tensor], keep: float) -> dict[str, Tensor]:
    """Return per weight a mask of the `keep` share (0 < keep <= 1) of largest saliency over all weights together.

    Exactly round(keep * N) of the N weights are selected (at least one), by one selection of the threshold and not
    a sort; equal values at the threshold go by position, earlier first.

    Raises:
        CaseError: all saliencies are zero, which ranks nothing: the model is saturated on the forget set.
    """
    import torch

    validate_ranked(saliency)
    # on the processor: an accelerator has no deterministic selection of the k-th value
    flat = torch.cat([value.flatten().cpu() for value in saliency.values()])
    count = max(1, round(keep * len(flat)))
    threshold = flat.kthvalue(len(flat) - count + 1).values
    chosen = flat > threshold
    ties = (flat == threshold).nonzero().flatten()
    chosen[ties[: count - int(chosen.sum())]] = True
    parts = torch.split(chosen, [value.numel() for value in saliency.values()])
    return {
        name: part.view(value.shape).to(value.device)
        for (name, value), part in zip(saliency.items(), parts, strict=True)
    }


def find_importance(
    model: nn.Module, records: Records, batch: int, progress: Callable[[int], None] | None = None
) -> dict[str, Tensor]:
    """Return per trainable weight the mean over `records` of its squared gradient: the diagonal empirical Fisher.

    Each record's gradient of its own cross-entropy is squared by itself; the square of a batch's mean gradient, which
    is often used in its place, is smaller and depends on how records are batched. Evaluation mode; `model` keeps its
    mode and gets no gradients. `batch` records are held at once, each with a gradient as large as the model; `progress`
    hears how many batches are done.

    Source: Kirkpatrick et al. 2017, arXiv 1612.00796, for the use of the diagonal.

    Raises:
        CaseError: no records, no trainable weights, or a gradient that is not a finite number.
    """
    import torch
    from torch.func import functional_call, grad, vmap

    validate_not_empty(records, "measure the importance of weights on")
    weights = _list_weights(model)
    fixed = {name: value.detach() for name, value in model.named_buffers()}

    def find_loss(moved: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        logits: Tensor = functional_call(model, {**moved, **fixed}, (x[None],))
        return torch.nn.functional.cross_entropy(logits, y[None])

    of_each = vmap(grad(find_loss), in_dims=(None, 0, 0))
    held = {name: weight.detach() for name, weight in weights.items()}
    total = {name: torch.zeros_like(weight) for name, weight in held.items()}
    parts = zip(split_inputs(records.x, batch), torch.split(records.y, batch), strict=True)
    with read_model(model):
        for done, (x, y) in enumerate(parts, start=1):
            for name, slopes in of_each(held, x, y).items():
                total[name] += slopes.square().sum(dim=0)
            if progress is not None:
                progress(done)
    _validate_finite(total)
    return {name: value / len(records) for name, value in total.items()}


def _list_weights(model: nn.Module) -> dict[str, nn.Parameter]:
    weights = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    if not weights:
        raise CaseError("expected a model with trainable weights, found none that requires a gradient")
    return weights


def _validate_finite(values: Mapping[str, Tensor]) -> None:
    import torch

    for name, value in values.items():
        if not torch.isfinite(value).all():
            raise CaseError(f"expected finite gradients of the records, found NaN or infinity in '{name}'")
