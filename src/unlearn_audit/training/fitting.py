"""Ordinary training: cross-entropy, SGD, one-cycle."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from unlearn_audit.records import ProgressCallback, ignore_progress
from unlearn_audit.training.learner import Learner, count_batches, draw_batches
from unlearn_audit.training.prediction import count_classes
from unlearn_audit.training.randomness import make_generator
from unlearn_audit.training.recipe import Recipe, find_rate

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn

    from unlearn_audit.training.tensors import Records


def fit(
    model: nn.Module,
    records: Records,
    recipe: Recipe,
    seed: int,
    progress: ProgressCallback = ignore_progress,
    *,
    task: str = "train",
    penalty: Callable[[float, nn.Module], Tensor] | None = None,
) -> nn.Module:
    """Return a copy of `model` trained on `records`; `model` itself is left as it was.

    Mean cross-entropy by SGD with momentum, one-cycle learning rate (`find_rate`), no augmentation: a recipe that
    memorises, since without memorisation there is nothing to forget. Records are shuffled each epoch by a generator
    on `seed`. `penalty` of the share of the training that is done, in [0, 1), and of the model is added to the loss.
    `progress` hears `task` after every step; an interrupt inside it, or anywhere, loses the copy and nothing
    else.

    Raises:
        CaseError: no records, a class the model does not have, or training diverged (epoch and rate are named).
    """
    from torch.nn.functional import cross_entropy

    count_classes(model, records)
    learner = Learner(model, recipe)
    shuffle = make_generator(seed, "shuffle")
    steps = recipe.epochs * count_batches(len(records), recipe.batch)
    done, rate = 0, 0.0
    for epoch in range(1, recipe.epochs + 1):
        for batch in draw_batches(len(records), recipe.batch, shuffle):
            rate = find_rate(done, steps, recipe.learning_rate, recipe.warm_up)
            loss = partial(cross_entropy, target=records.y[batch])
            extra = partial(penalty, done / steps) if penalty is not None else None
            learner.step(records.x[batch], loss, rate, epoch, extra)
            done += 1
            progress(task, done, steps)
    return learner.finish(rate, recipe.epochs)
