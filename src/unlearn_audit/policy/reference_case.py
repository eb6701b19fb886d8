"""The reference case: what `run` audits when it is given a policy alone, and how its original is trained."""

import operator
from typing import Literal

from pydantic import Field

from unlearn_audit.policy.choice import MethodChoice, Slug
from unlearn_audit.policy.fields import Fraction
from unlearn_audit.records.frozen import Frozen


class Recipe(Frozen):
    """How the original is trained: SGD with momentum, one-cycle schedule or one that drops in steps."""

    epochs: int = Field(ge=1, le=10_000, description="passes over the training records")
    batch: int = Field(default=128, ge=1, le=65_536, description="records per step")
    learning_rate: float = Field(default=0.05, gt=0, le=10, description="peak of the one-cycle schedule")
    momentum: float = Field(default=0.9, ge=0, lt=1, description="of SGD")
    weight_decay: float = Field(default=0.0, ge=0, le=1, description="of SGD; it lessens memorisation")
    warm_up: Fraction = Field(default=0.15, description="share of the steps in which the learning rate rises")
    drops: tuple[Fraction, ...] = Field(
        default=(),
        max_length=10,
        exclude_if=operator.not_,
        description="shares of the steps after which the learning rate falls to a tenth, constant between; then there "
        "is neither one-cycle schedule nor warm-up",
    )
    class_weights: Literal["balanced"] | None = Field(
        default=None,
        exclude_if=lambda weights: weights is None,
        description="'balanced': each class counts as much as any other in the loss, however rare it is",
    )
    augmentation: tuple[Literal["horizontal-flip", "vertical-flip", "shift"], ...] = Field(
        default=(),
        exclude_if=operator.not_,
        description="changes of images in training from nothing and in training on; it lessens memorisation",
    )


class ReferenceCase(Frozen):
    """What `run` audits when it is given the policy alone."""

    dataset: Slug = Field(description="name in the table of data sets, never a path")
    model: Slug = Field(description="name in the table of models")
    forget: Fraction = Field(default=0.2, description="share of the training records that is forgotten")
    unlearn: MethodChoice = Field(description="the method that is audited")
    retrain: bool = Field(
        default=True, description="train a retrained reference; without it checks against it are not run"
    )
    recipe: Recipe
