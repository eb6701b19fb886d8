"""What was measured: a value, how sure we are, on how many records. No pass or fail in here."""

import operator
from enum import StrEnum
from typing import Literal, Self

from pydantic import Field, model_validator

from unlearn_audit.records.frozen import Frozen


class Unit(StrEnum):
    """What a number counts, so that a reader is never left with a bare figure."""

    PROPORTION = "proportion"
    """Between 0 and 1."""
    COST_PER_CASE = "cost per case"
    """Global Risk: cost units of the policy per test record."""
    AUC = "AUC"
    """Area under a ROC curve; 0.5 is chance."""
    SCORE = "score"
    """A dimensionless summary with its own range, said in the metric's docstring."""
    COUNT = "count"
    P_VALUE = "p-value"
    """Of a test whose silence means something only beside its power."""


class Direction(StrEnum):
    """Which way is better; `TWO_SIDED` has its best value inside the range, `DESCRIPTIVE` has none."""

    LOWER = "lower is better"
    HIGHER = "higher is better"
    TWO_SIDED = "best in the middle"
    DESCRIPTIVE = "descriptive"


class Interval(Frozen):
    """`low` to `high` by `method`.

    `sides == "two"`: a two-sided interval with coverage `confidence`, for the reader's eye.
    `sides == "one"`: each end is by itself a one-sided bound at `confidence`; this is what may decide a check
    (together they form a two-sided interval at 2 * confidence - 1).
    """

    low: float
    high: float
    confidence: float = Field(gt=0, lt=1)
    method: str
    sides: Literal["one", "two"]

    @model_validator(mode="after")
    def _ends_are_ordered(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"an interval needs low <= high, got {self.low} > {self.high}")
        return self


def is_absent(value: object) -> bool:
    """Whether an optional field says nothing, so that it is left out of the JSON."""
    return value is None


class Cell(Frozen):
    """Records that count alike: the number is the sum over layers of the mean of `value` over the layer's records."""

    count: int = Field(ge=0)
    value: float = Field(description="what one such record counts for, the layer's weight included")
    layer: int = Field(default=0, ge=0)


class Power(Frozen):
    """How often a test finds what it looks for, where that is there: without it a large p-value says nothing."""

    value: float = Field(ge=0, le=1, description="share of simulated audits in which it was found")
    low: float = Field(ge=0, le=1, description="lower 95 % bound on it, for the simulation's own error")
    needed: float = Field(gt=0, lt=1, description="what `low` must reach for the check to pass")
    shift: float = Field(gt=0, description="what was planted on each remembered record, in log-odds")
    records: int = Field(ge=1, description="how many records were remembered so")


class Estimate(Frozen):
    """A number about `n` records: `interval` is for display, `bounds` may decide. Either can be absent.

    Without `bounds` an estimate is descriptive: a check that rests on it is `not_run`. The fields from `bca` on are
    absent where the statistic has none, and in records of before 0.2.
    """

    value: float
    unit: Unit
    n: int = Field(ge=0, description="records that the number rests on")
    events: int | None = Field(
        default=None, description="events counted among them, where the number is a count over n"
    )
    interval: Interval | None = None
    bounds: Interval | None = None
    bca: Interval | None = Field(
        default=None,
        exclude_if=is_absent,
        description="bias-corrected and accelerated bootstrap, beside a percentile one; for display",
    )
    standard_error: float | None = Field(
        default=None,
        gt=0,
        exclude_if=is_absent,
        description="on the number's own scale, clusters taken into account; for p-values only",
    )
    design_effect: float | None = Field(
        default=None,
        gt=0,
        exclude_if=is_absent,
        description="variance by that of as many independent records: what clusters cost; none where there are none",
    )
    sizes: tuple[int, ...] = Field(
        default=(),
        exclude_if=operator.not_,
        description="records of each group that the number rests on, such as positives and negatives",
    )
    cells: tuple[Cell, ...] = Field(
        default=(), exclude_if=operator.not_, description="the counts that the number is made of, where it is"
    )
    pairs: int | None = Field(
        default=None,
        ge=1,
        exclude_if=is_absent,
        description="pairs of reference models that it rests on: what grows is their number, not that of records",
    )
    p: float | None = Field(
        default=None,
        ge=0,
        le=1,
        exclude_if=is_absent,
        description="two-sided, of 'nothing is left', by randomisation over the pairs; for display",
    )
    power: Power | None = Field(default=None, exclude_if=is_absent, description="of the test that a p-value is from")

    def rounded(self) -> Self:
        """Return the estimate as it enters the record, every number rounded. Rounding keeps the order of the ends."""
        ends = {
            name: end.model_copy(update={"low": round_number(end.low), "high": round_number(end.high)})
            for name, end in (("interval", self.interval), ("bounds", self.bounds), ("bca", self.bca))
            if end is not None
        }
        numbers = {
            name: round_number(number)
            for name, number in (
                ("standard_error", self.standard_error),
                ("design_effect", self.design_effect),
                ("p", self.p),
            )
            if number is not None
        }
        cells = tuple(cell.model_copy(update={"value": round_number(cell.value)}) for cell in self.cells)
        return self.model_copy(update={"value": round_number(self.value), "cells": cells, **ends, **numbers})

    @model_validator(mode="after")
    def _sides_fit(self) -> Self:
        if any(shown is not None and shown.sides != "two" for shown in (self.interval, self.bca)):
            raise ValueError("'interval' and 'bca' are two-sided; one-sided bounds belong into 'bounds'")
        if self.bounds is not None and self.bounds.sides != "one":
            raise ValueError("'bounds' are one-sided; a two-sided interval belongs into 'interval'")
        return self


def round_number(value: float, digits: int = 10) -> float:
    """Round to significant digits: enough for any reader, and the last bits of another processor do not show."""
    return float(f"{value:.{digits}g}")


class Finding(Frozen):
    """One metric of one model, addressed by what a check may name; either an `estimate` or the reason for none."""

    metric: str = Field(description="name in the table of metrics, such as 'global-risk'")
    model: str = Field(description="the model's name in the evidence")
    against: str | None = Field(default=None, description="the model it is compared with, for changes")
    among: str = Field(default="all", description="'all', 'positive', 'negative' or 'column=value' for a subgroup")
    at: str | None = Field(default=None, description="operating point, such as 'argmax' or 'cost-optimal'")
    attack: str | None = Field(default=None, description="membership signal or attack")
    estimate: Estimate | None = None
    not_run: str | None = Field(default=None, description="why there is no estimate, as a sentence")
    direction: Direction
    source: str = Field(description="paper, equation or definition")
    caveat: str | None = None
    holm_p: float | None = Field(
        default=None,
        ge=0,
        le=1,
        exclude_if=is_absent,
        description="two-sided p-value of 'no different from chance (or the reference)', adjusted by Holm over the "
        "attacks on this model; shown, never decides",
    )
    records: tuple[str, ...] = Field(default=(), description="record ids the number points at, where it points at some")

    @model_validator(mode="after")
    def _either_estimate_or_reason(self) -> Self:
        if (self.estimate is None) == (self.not_run is None):
            raise ValueError("a finding has either an estimate or a reason why it was not run")
        return self
