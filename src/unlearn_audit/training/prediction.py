"""Reads the answers of a model without changing the model."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from unlearn_audit.errors import CaseError
from unlearn_audit.training.device import find_kind, in_full_precision
from unlearn_audit.training.streamed import Inputs, split_inputs
from unlearn_audit.training.tensors import Records, validate_not_empty

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, nn


@contextmanager
def read_model(model: nn.Module) -> Iterator[nn.Module]:
    """Put `model` into evaluation mode and float32 for the time of the block, then every module back into its own."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with in_full_precision(find_kind(model)):
            yield model
    finally:
        for module, training in modes:
            module.training = training


def predict_log_probs(model: nn.Module, x: Inputs, batch: int | None = None) -> NDArray[np.float64]:
    """Return (n, k) log-probabilities (nats) that `model` gives to the classes of inputs `x` (n, ...).

    log-softmax of the logits in float64, in evaluation mode, so that phi = log p_y - log(1 - p_y) of a confident
    model is not lost where p rounds to one in float32. `model` is left as it was. The same `batch`
    (`choose_batch` by default) and number of threads give the same bits; others may move the last digits of
    the float32 logits.

    Raises:
        CaseError: no inputs, or the model's output is not an (n, k) tensor of finite logits with k >= 2.
    """
    import torch

    if len(x) == 0:
        raise CaseError("expected at least one record to predict, found none")
    with read_model(model), torch.no_grad():
        logits = _read_all(model, x, batch)
    bad = ~torch.isfinite(logits).all(dim=1)
    if bad.any():
        raise CaseError(
            f"expected finite outputs of the model, found NaN or infinity for {int(bad.sum())} of {len(x)} records, "
            f"the first at row {int(bad.nonzero()[0])}",
            hint="the model diverged in training, or its inputs are not scaled as it expects",
        )
    values: NDArray[np.float64] = torch.log_softmax(logits, dim=1).numpy()
    return values


def _read_all(model: nn.Module, x: Inputs, batch: int | None) -> Tensor:
    """Return (n, k) logits, each batch's written into its place.

    Kept apart and joined at the end, small answers would lie between the large batches and keep the allocator from
    using their memory again.
    """
    import torch

    logits, done = torch.empty(0, 0), 0
    for part in split_inputs(x, batch):
        answers = _read_logits(model, part)
        if not done:
            logits = torch.empty(len(x), answers.shape[1], dtype=torch.float64)
        if answers.shape[1] != logits.shape[1]:
            raise CaseError(f"expected {logits.shape[1]} classes from the model throughout, found {answers.shape[1]}")
        logits[done : done + len(answers)] = answers
        done += len(answers)
    return logits


def _read_logits(model: nn.Module, part: Tensor) -> Tensor:
    """Return one batch's logits (m, k) as float64 on the CPU."""
    import torch

    here = next((weight.device for weight in model.parameters()), part.device)
    output = model(part.to(here))
    shape = tuple(output.shape) if isinstance(output, torch.Tensor) else type(output).__name__
    if not isinstance(shape, tuple) or len(shape) != 2 or shape[0] != len(part) or shape[1] < 2:  # noqa: PLR2004
        raise CaseError(
            f"expected logits of shape ({len(part)}, classes) with two classes or more from the model, found {shape}",
            hint="a binary model has two outputs here, before any softmax or sigmoid",
        )
    logits: Tensor = output.to("cpu").to(torch.float64)
    return logits


def count_classes(model: nn.Module, records: Records) -> int:
    """Return the number of classes `model` distinguishes, read off its answer to the first record.

    Raises:
        CaseError: no records, the output is not logits, or a record's class is none of the model's.
    """
    validate_not_empty(records, "read the model's classes from")
    classes = int(predict_log_probs(model, records.x[:1]).shape[1])
    highest = int(records.y.max())
    if highest >= classes:
        raise CaseError(f"expected classes 0 to {classes - 1}, which the model has; found a record of class {highest}")
    return classes
