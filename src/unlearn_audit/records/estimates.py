"""Estimates and findings: a value, its interval and bounds, on how many records. No pass or fail in here."""

import operator
from enum import StrEnum
from typing import Literal, Self

from pydantic import Field, model_validator

from unlearn_audit.records.frozen import Frozen, is_absent
from unlearn_audit.records.key import MetricKey
from unlearn_audit.records.messages import Message
from unlearn_audit.records.rounding import round_number


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
    method: Message = Field(description="how the ends were found")
    sides: Literal["one", "two"]

    @model_validator(mode="after")
    def _ends_are_ordered(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"an interval needs low <= high, got {self.low} > {self.high}")
        return self


class Cell(Frozen):
    """Records that count alike: the number is the sum over strata of the mean of `value` over the stratum's records."""

    count: int = Field(ge=0)
    value: float = Field(description="what one such record counts for, the stratum's weight included")
    stratum: int = Field(default=0, ge=0)


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
    corrected: Interval | None = Field(
        default=None,
        exclude_if=is_absent,
        description="bounds at the share of the error that each of several attacks gets; a check fails by these alone",
    )
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
            for name, end in (
                ("interval", self.interval),
                ("bounds", self.bounds),
                ("corrected", self.corrected),
                ("bca", self.bca),
            )
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

    @property
    def failing(self) -> Interval | None:
        """The bounds that a check fails by: corrected for several attacks where there are several."""
        return self.corrected or self.bounds

    @model_validator(mode="after")
    def _sides_fit(self) -> Self:
        if any(shown is not None and shown.sides != "two" for shown in (self.interval, self.bca)):
            raise ValueError("'interval' and 'bca' are two-sided; one-sided bounds belong into 'bounds'")
        if any(bound is not None and bound.sides != "one" for bound in (self.bounds, self.corrected)):
            raise ValueError("'bounds' are one-sided; a two-sided interval belongs into 'interval'")
        return self


class Finding(Frozen):
    """One metric of one model on some records: an `estimate`, or the reason why there is none."""

    key: MetricKey
    title: str = Field(description="of the metric, as printed")
    estimate: Estimate | None = None
    not_run: Message | None = Field(default=None, description="why there is no estimate")
    direction: Direction
    null: float | None = Field(
        default=None, exclude_if=is_absent, description="the value that means no difference, where the metric has one"
    )
    source: str = Field(description="paper, equation or definition")
    caveats: tuple[Message, ...] = Field(
        default=(), exclude_if=operator.not_, description="what a reader of the number must know"
    )
    holm_p: float | None = Field(
        default=None,
        ge=0,
        le=1,
        exclude_if=is_absent,
        description="two-sided p-value of 'no different from chance (or the reference)', adjusted by Holm over the "
        "attacks on this model; shown, never decides",
    )
    obstacle: Message | None = Field(
        default=None,
        exclude_if=is_absent,
        description="why this number may fail a check and cannot pass one: the evidence could show nothing else",
    )
    records: tuple[str, ...] = Field(default=(), description="record ids the number points at, where it points at some")

    @model_validator(mode="after")
    def _either_estimate_or_reason(self) -> Self:
        if (self.estimate is None) == (self.not_run is None):
            raise ValueError("a finding has either an estimate or a reason why it was not run")
        return self
