"""Epochs in stages at one constant rate: forget records, then retain records, or both at once."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from unlearn_audit.training.learner import Learner, count_batches, draw_batches
from unlearn_audit.training.randomness import make_generator
from unlearn_audit.training.recipe import adapt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from torch import Tensor, nn

    from unlearn_audit.training.method import Setting


class Stage(NamedTuple):
    """Records that take part in one pass, and what is minimised on them."""

    size: int
    """Number of records: batches are drawn from the positions 0 to `size` - 1."""
    read: Callable[[Tensor], Tensor]
    """From positions (m,) to inputs (m, ...), or (2 m, ...) where each record brings a partner."""
    find_loss: Callable[[Tensor, Tensor], Tensor]
    """From the positions (m,) and the logits of their inputs to a scalar."""


def train_in_stages(  # noqa: PLR0917 - one call reads like the sentence above
    model: nn.Module,
    epochs: Iterable[Sequence[Stage]],
    sizes: Sequence[Sequence[int]],
    rate: float,
    setting: Setting,
    trainable: Mapping[str, Tensor] | None = None,
) -> nn.Module:
    """Return a copy of `model` trained through the stages of each epoch at the constant learning rate `rate`.

    Batch size, momentum and weight decay are the recipe's. Records are shuffled within each stage. `epochs` is read
    lazily, one epoch at a time; `sizes` are the sizes of all stages, so that progress knows its end. `trainable` (per
    weight a mask) holds every other weight bit-equal.

    Raises:
        CaseError: training diverged; epoch and rate are named.
    """
    learner = Learner(model, adapt(setting.recipe, learning_rate=rate), trainable)
    shuffle, batch = make_generator(setting.seed, "shuffle"), setting.recipe.batch
    steps = sum(count_batches(size, batch) for stages in sizes for size in stages)
    done, epoch = 0, 0
    for epoch, stages in enumerate(epochs, start=1):
        for stage in stages:
            for part in draw_batches(stage.size, batch, shuffle):
                learner.step(stage.read(part), partial(stage.find_loss, part), rate, epoch)
                done += 1
                setting.progress("unlearn", done, steps)
    return learner.finish(rate, epoch)
