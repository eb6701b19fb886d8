"""What a policy may say. Every tolerance has a reason; nothing here names a file of this machine."""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from unlearn_audit.records.canonical import digest_of
from unlearn_audit.records.frozen import Frozen

POLICY_SCHEMA = "unlearn-audit/policy/v1"

Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Fraction = Annotated[float, Field(gt=0, lt=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Text = Annotated[str, Field(min_length=1)]

_POINT = re.compile(r"^(argmax|cost-optimal|threshold (0?\.\d+)|sensitivity (0?\.\d+))$")


def _is_operating_point(name: str) -> str:
    if not _POINT.match(name):
        raise ValueError("an operating point is 'argmax', 'cost-optimal', 'threshold 0.3' or 'sensitivity 0.95'")
    return name


OperatingPoint = Annotated[str, AfterValidator(_is_operating_point)]


class Person(Frozen):
    """Someone who answers for the audit."""

    name: Text
    role: Text


class Task(Frozen):
    """What counts as positive, and at which operating points the models are read."""

    positive: tuple[str, ...] = Field(
        min_length=1, description="class names (or numbers, as strings) that are positive"
    )
    positive_name: Text = Field(default="malignant", description="what a positive is called in the report")
    negative_name: Text = "benign"
    head: Literal["binary", "classes"] = Field(
        default="binary", description="'binary' maps the labels to two classes before training; 'classes' keeps them"
    )
    operating_points: tuple[OperatingPoint, ...] = Field(
        default=("argmax", "cost-optimal"),
        min_length=1,
        description="thresholds are frozen on validation of the original; the first is the default of the checks",
    )


class Costs(Frozen):
    """What a mistake costs, in any one unit, and why."""

    false_negative: float = Field(gt=0)
    false_positive: float = Field(default=1.0, gt=0)
    rationale: Text
    ratios: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        default=(1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0),
        min_length=2,
        description="cost ratios of the sensitivity analysis: a reader must see whether the verdict depends on lambda",
    )
    prevalence: Fraction | None = Field(default=None, description="of the positive class where the model will be used")

    @property
    def ratio(self) -> float:
        """Lambda: the cost of a false negative in units of a false positive."""
        return self.false_negative / self.false_positive


class Check(Frozen):
    """One tolerance: a metric, what it is compared with, and exactly one of at_most, at_least, within."""

    id: Slug
    title: str | None = Field(default=None, description="as printed; made from the metric where absent")
    metric: Slug
    against: Literal["original", "retrained"] | None = None
    among: Text = Field(default="all", description="'all', 'positive', 'negative'")
    at: OperatingPoint | None = Field(default=None, description="defaults to the first operating point of the task")
    at_most: float | None = None
    at_least: float | None = None
    within: tuple[float, float] | None = Field(default=None, description="[low, high]: two one-sided tests")
    required: bool = True
    why: Text

    @model_validator(mode="after")
    def _one_limit(self) -> Self:
        given = [name for name in ("at_most", "at_least", "within") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"exactly one of at_most, at_least, within; found {', '.join(given) or 'none'}")
        if self.within is not None and self.within[0] >= self.within[1]:
            raise ValueError(f"within needs low < high, got {list(self.within)}")
        return self


class Membership(Frozen):
    """Which membership attacks must run."""

    attacks: tuple[Slug, ...] = Field(
        default=("confidence", "logit", "entropy", "modified-entropy"),
        min_length=1,
        description="signals of the population attack; every one listed must hold for a membership check to pass",
    )
    fpr: tuple[Fraction, ...] = Field(
        default=(0.01, 0.001), description="false-positive rates at which TPR is reported"
    )


class Protocol(Frozen):
    """How the numbers are made."""

    confidence: Fraction = Field(default=0.95, ge=0.5, description="of every interval and of each one-sided bound")
    resamples: int = Field(default=10_000, ge=1_000, le=1_000_000)
    seed: int = Field(default=20_260_423, ge=0, le=2**53)
    cluster: str | None = Field(default=None, description="group column whose records are not independent")
    smallest_group: int = Field(default=10, ge=2, description="a population with fewer records is not measured")


class MethodChoice(Frozen):
    """An unlearning method by name, with parameters that differ from its defaults."""

    method: Slug
    parameters: dict[str, Any] = Field(default_factory=dict)


class Recipe(Frozen):
    """How the original is trained: SGD with momentum, one-cycle schedule."""

    epochs: int = Field(ge=1, le=10_000)
    batch: int = Field(default=128, ge=1)
    learning_rate: float = Field(default=0.05, gt=0)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    weight_decay: float = Field(default=0.0, ge=0)
    warm_up: Fraction = 0.15


class ReferenceCase(Frozen):
    """What `run` audits when it is given the policy alone."""

    dataset: Slug
    model: Slug
    forget: Fraction = Field(default=0.2, description="share of the training records that is forgotten")
    unlearn: MethodChoice
    retrain: bool = Field(
        default=True, description="train a retrained reference; without it checks against it are not run"
    )
    recipe: Recipe


class Policy(Frozen):
    """A governance policy: what mistakes cost, which risk is tolerated, how it is measured."""

    schema_: Literal["unlearn-audit/policy/v1"] = Field(alias="schema")
    id: Slug
    version: Text
    title: Text
    owner: Text
    applies_to: Text = Field(description="device or model, and its intended purpose")
    responsible: tuple[Person, ...] = ()
    task: Task
    costs: Costs
    checks: tuple[Check, ...] = Field(
        min_length=1, description="an empty list is refused: nothing checked never passes"
    )
    membership: Membership = Membership()
    protocol: Protocol = Protocol()
    remediation: tuple[MethodChoice, ...] = ()
    reference_case: ReferenceCase | None = None

    def digest(self) -> str:
        """Return the SHA-256 of the policy as validated (canonical JSON), independent of layout and comments."""
        return digest_of(self.model_dump(mode="json"))
