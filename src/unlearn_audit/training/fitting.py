"""Ordinary training: cross-entropy, SGD, one-cycle."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from unlearn_audit.records import ProgressCallback, ignore_progress
from unlearn_audit.training.augmentation import augment
from unlearn_audit.training.learner import Learner, count_batches, draw_batches
from unlearn_audit.training.prediction import count_classes
from unlearn_audit.training.randomness import make_generator
from unlearn_audit.training.recipe import Recipe, get_augmentation, get_class_weights, plan_rate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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
    scales: Mapping[str, Tensor] | None = None,
) -> nn.Module:
    """Return a copy of `model` trained on `records`; `model` itself is left as it was.

    Mean cross-entropy by SGD with momentum, one-cycle learning rate or one with drops (`plan_rate`); class weights and
    augmentation where the recipe has them, which lessen memorisation. Records are shuffled each epoch by a generator on
    `seed`. `penalty` of the share of the training that is done, in [0, 1), and of the model is added to the loss;
    `scales` (per weight name) multiplies gradients before each step. `progress` hears `task` after every step; an
    interrupt inside it, or anywhere, loses the copy and nothing else.

    Raises:
        CaseError: no records, a class the model does not have, or training diverged (epoch and rate are named).
    """
    from torch.nn.functional import cross_entropy

    classes = count_classes(model, records)
    learner = Learner(model, recipe, scales=scales)
    shuffle, lots = make_generator(seed, "shuffle"), make_generator(seed, "augmentation")
    weights, changes = _weigh_classes(classes, records, recipe), get_augmentation(recipe)
    steps = recipe.epochs * count_batches(len(records), recipe.batch)
    done, rate = 0, 0.0
    for epoch in range(1, recipe.epochs + 1):
        for batch in draw_batches(len(records), recipe.batch, shuffle):
            rate = plan_rate(recipe, done, steps)
            loss = partial(cross_entropy, target=records.y[batch], weight=weights)
            extra = partial(penalty, done / steps) if penalty is not None else None
            x = augment(records.x[batch], changes, lots) if changes else records.x[batch]
            learner.step(x, loss, rate, epoch, extra)
            done += 1
            progress(task, done, steps)
    return learner.finish(rate, recipe.epochs)


def _weigh_classes(classes: int, records: Records, recipe: Recipe) -> Tensor | None:
    """Return (k,) n / (k * n_c) for each class, 0 for one without records; None where classes are not weighted."""
    import torch

    if get_class_weights(recipe) is None:
        return None
    counts = torch.bincount(records.y, minlength=classes).to(torch.float32)
    return torch.where(counts > 0, len(records) / (classes * counts.clamp(min=1)), torch.zeros_like(counts))
