"""Forgetting by wrong labels: the loop that random labelling, SalUn and SalUn-CRA share.

Two choices that the literature leaves open matter more than which weights may move, so both are parameters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from pydantic import Field

from unlearn_audit.training.method import Parameters, Setting
from unlearn_audit.training.prediction import count_classes
from unlearn_audit.training.randomness import make_generator
from unlearn_audit.training.stages import Stage, train_in_stages
from unlearn_audit.training.streamed import Inputs, join_inputs

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


def draw_labels(truth: Tensor, classes: int, kind: Literal["any", "other"], generator: Generator) -> Tensor:
    """Return (n,) random labels for records of class `truth` (n,): of `any` class, or of any `other` than the truth."""
    import torch

    if kind == "any":
        return torch.randint(0, classes, truth.shape, generator=generator).to(truth.device)
    return (truth + torch.randint(1, classes, truth.shape, generator=generator).to(truth.device)) % classes


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
    lots = make_generator(setting.seed, "labels")
    unsure = forget.positive if uncertainty is not None else torch.zeros_like(forget.positive)
    keeping = _Teaching(retain.x, retain.y, torch.zeros_like(retain.positive), uncertainty)
    both = join_inputs([forget.x, retain.x]) if parameters.schedule == "joint" else None

    def make_epoch() -> list[Stage]:
        drawn = draw_labels(forget.y, classes, parameters.labels, lots)
        if both is None:
            return [_Teaching(forget.x, drawn, unsure, uncertainty).as_stage(), keeping.as_stage()]
        targets, unsure_of_both = torch.cat([drawn, keeping.targets]), torch.cat([unsure, keeping.unsure])
        return [_Teaching(both, targets, unsure_of_both, uncertainty).as_stage()]

    sizes = [len(forget), len(retain)] if both is None else [len(both)]
    epochs = (make_epoch() for _ in range(parameters.epochs))
    rate = parameters.learning_rate
    return train_in_stages(original, epochs, [sizes] * parameters.epochs, rate, setting, trainable)


class _Teaching(NamedTuple):
    x: Inputs
    targets: Tensor
    unsure: Tensor
    """(n,) bool: records that get the uncertainty loss instead of cross-entropy to their target."""
    uncertainty: Callable[[Tensor], Tensor] | None

    def as_stage(self) -> Stage:
        return Stage(len(self.x), self.x.__getitem__, self._find_loss)

    def _find_loss(self, part: Tensor, logits: Tensor) -> Tensor:
        import torch

        losses = torch.nn.functional.cross_entropy(logits, self.targets[part], reduction="none")
        if self.uncertainty is None:
            return losses.mean()
        return torch.where(self.unsure[part], self.uncertainty(logits), losses).mean()
