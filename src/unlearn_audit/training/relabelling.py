"""Forgetting by wrong labels: the loop that random labelling, SalUn and SalUn-CRA share.

Two choices that the literature leaves open matter more than which weights may move, so both are parameters.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal, NamedTuple

from pydantic import Field

from unlearn_audit.training.learner import Learner, count_batches, draw_batches
from unlearn_audit.training.method import Parameters, Setting
from unlearn_audit.training.prediction import count_classes
from unlearn_audit.training.randomness import make_generator
from unlearn_audit.training.recipe import adapt

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Generator, Tensor, nn

    from unlearn_audit.training.tensors import Records


class Relabelling(Parameters):
    """How labels are redrawn and how forget and retain records take turns.

    Sequential with a learning rate of .02 ('any') or .005 ('other', two classes) was seen to collapse a model to
    all-negative, which looks perfectly forgotten: membership never decides without utility.
    """

    labels: Literal["any", "other"] = Field(
        default="any",
        description="'any': uniform over all classes, the true one included, redrawn each epoch; 'other': uniform "
        "over all but the true one (with two classes: a flip)",
    )
    schedule: Literal["sequential", "joint"] = Field(
        default="sequential",
        description="'sequential': each epoch all forget records, then all retain records; 'joint': shuffled together",
    )
    learning_rate: float = Field(default=0.005, gt=0, le=10, description="constant")
    epochs: int = Field(default=5, ge=1, le=1_000)


class _Stage(NamedTuple):
    x: Tensor
    targets: Tensor
    unsure: Tensor
    """(n,) bool: records that get the uncertainty loss instead of cross-entropy to their target."""


def draw_labels(truth: Tensor, classes: int, kind: Literal["any", "other"], generator: Generator) -> Tensor:
    """Return (n,) random labels for records of class `truth` (n,): of `any` class, or of any `other` than the truth."""
    import torch

    if kind == "any":
        return torch.randint(0, classes, truth.shape, generator=generator)
    return (truth + torch.randint(1, classes, truth.shape, generator=generator)) % classes


def relabel(
    original: nn.Module,
    retain: Records,
    forget: Records,
    parameters: Relabelling,
    setting: Setting,
    *,
    trainable: Mapping[str, Tensor] | None = None,
    uncertainty: Callable[[Tensor], Tensor] | None = None,
) -> nn.Module:
    """Return a copy of `original` trained on `retain` as labelled and on `forget` with labels drawn at random.

    Batch size, momentum and weight decay are the recipe's; the learning rate is constant. `trainable` (per weight a
    mask) holds every other weight bit-equal. With `uncertainty` (logits (m, k) to losses (m,)) the positive records
    of `forget` get that loss instead of a random label.
    """
    import torch

    classes = max(count_classes(original, retain), count_classes(original, forget))
    learner = Learner(original, adapt(setting.recipe, learning_rate=parameters.learning_rate), trainable)
    unsure = forget.positive if uncertainty is not None else torch.zeros_like(forget.positive)
    both = torch.cat([forget.x, retain.x]) if parameters.schedule == "joint" else None
    shuffle, lots = make_generator(setting.seed, "shuffle"), make_generator(setting.seed, "labels")
    done, batch = 0, setting.recipe.batch
    for epoch in range(1, parameters.epochs + 1):
        drawn = draw_labels(forget.y, classes, parameters.labels, lots)
        stages = _make_stages(_Stage(forget.x, drawn, unsure), retain, both)
        steps = parameters.epochs * sum(count_batches(len(stage.x), batch) for stage in stages)
        for stage in stages:
            for part in draw_batches(len(stage.x), batch, shuffle):
                loss = partial(_find_loss, stage=stage, part=part, uncertainty=uncertainty)
                learner.step(stage.x[part], loss, parameters.learning_rate, epoch)
                done += 1
                setting.say("unlearn", done, steps)
    return learner.finish(parameters.learning_rate, parameters.epochs)


def _make_stages(forgetting: _Stage, retain: Records, both: Tensor | None) -> list[_Stage]:
    """Return one epoch as forget then retain, or, where `both` holds their inputs, as one stage."""
    import torch

    keeping = _Stage(retain.x, retain.y, torch.zeros_like(retain.positive))
    if both is None:
        return [forgetting, keeping]
    targets = torch.cat([forgetting.targets, keeping.targets])
    return [_Stage(both, targets, torch.cat([forgetting.unsure, keeping.unsure]))]


def _find_loss(
    logits: Tensor, *, stage: _Stage, part: Tensor, uncertainty: Callable[[Tensor], Tensor] | None
) -> Tensor:
    """Return the mean loss of the records `part` of `stage`, the unsure ones by `uncertainty`."""
    import torch

    losses = torch.nn.functional.cross_entropy(logits, stage.targets[part], reduction="none")
    if uncertainty is None:
        return losses.mean()
    return torch.where(stage.unsure[part], uncertainty(logits), losses).mean()
