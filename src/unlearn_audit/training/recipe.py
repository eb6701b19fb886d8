"""The training recipe: how long and how fast, and the one-cycle learning rate."""

import math
from dataclasses import dataclass
from typing import Protocol


class Recipe(Protocol):
    """What training reads of a recipe. The policy's recipe satisfies it; this floor does not know the policy."""

    @property
    def epochs(self) -> int:
        """Passes over the training records, at least 1."""
        ...

    @property
    def batch(self) -> int:
        """Records per step."""
        ...

    @property
    def learning_rate(self) -> float:
        """Peak of the one-cycle schedule."""
        ...

    @property
    def momentum(self) -> float:
        """Of SGD, in [0, 1)."""
        ...

    @property
    def weight_decay(self) -> float:
        """L2 penalty of SGD, on every trainable weight."""
        ...

    @property
    def warm_up(self) -> float:
        """Share of the steps in which the learning rate rises, in (0, 1)."""
        ...


def get_class_weights(recipe: Recipe) -> str | None:
    """Return 'balanced' where the recipe weights classes; a recipe may leave that out."""
    return getattr(recipe, "class_weights", None)


def get_augmentation(recipe: Recipe) -> tuple[str, ...]:
    """Return what is done to images in training; a recipe may leave that out."""
    return getattr(recipe, "augmentation", ())


def get_drops(recipe: Recipe) -> tuple[float, ...]:
    """Return the shares of the steps after which the learning rate drops; a recipe may leave that out."""
    return getattr(recipe, "drops", ())


def is_ordinary(recipe: Recipe) -> bool:
    """Whether training is plain cross-entropy on the records as they are, which many models can share."""
    return not get_class_weights(recipe) and not get_augmentation(recipe)


@dataclass(frozen=True)
class _Adapted:
    epochs: int
    batch: int
    learning_rate: float
    momentum: float
    weight_decay: float
    warm_up: float
    class_weights: str | None = None
    augmentation: tuple[str, ...] = ()
    drops: tuple[float, ...] = ()


def adapt(recipe: Recipe, *, epochs: int | None = None, learning_rate: float | None = None) -> Recipe:
    """Return `recipe` with other epochs, another learning rate, or both."""
    return _Adapted(
        epochs=recipe.epochs if epochs is None else epochs,
        batch=recipe.batch,
        learning_rate=recipe.learning_rate if learning_rate is None else learning_rate,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
        warm_up=recipe.warm_up,
        class_weights=get_class_weights(recipe),
        augmentation=get_augmentation(recipe),
        drops=get_drops(recipe),
    )


def shorten(recipe: Recipe, share: float) -> Recipe:
    """Return `recipe` with `share` (0, 1] of its epochs, at least one."""
    return adapt(recipe, epochs=max(1, round(share * recipe.epochs)))


_START = 1 / 25  # of the peak, as in torch's OneCycleLR
_END = 1 / 25 / 1e4


_DROP = 0.1


def plan_rate(recipe: Recipe, step: int, steps: int) -> float:
    """Return the learning rate of step `step` (0 to `steps` - 1): one-cycle, or a tenth less after each drop.

    Source of the latter: He et al. 2016, arXiv 1512.03385, section 4.2.
    """
    drops = get_drops(recipe)
    if not drops:
        return find_rate(step, steps, recipe.learning_rate, recipe.warm_up)
    return float(recipe.learning_rate * _DROP ** sum(step >= share * steps for share in drops))


def find_rate(step: int, steps: int, peak: float, warm_up: float) -> float:
    """Return the one-cycle learning rate of step `step` (0 to `steps` - 1).

    Cosine from peak / 25 up to `peak` over the first `warm_up` share of the steps, then cosine down to
    peak / 250,000. The same values as torch's OneCycleLR; where so few steps leave no room for a warm-up (for which
    OneCycleLR divides by zero), the first step is at the peak. Momentum stays constant.

    Source: Smith and Topin 2017, arXiv 1708.07120, with cosine instead of straight lines.
    """
    top = max(warm_up * steps - 1, 0.0)
    last = steps - 1
    if step <= top and top > 0:
        return _anneal(peak * _START, peak, step / top)
    if last <= top:
        return peak
    return _anneal(peak, peak * _END, (step - top) / (last - top))


def _anneal(start: float, end: float, share: float) -> float:
    return end + (start - end) / 2 * (1 + math.cos(math.pi * share))
