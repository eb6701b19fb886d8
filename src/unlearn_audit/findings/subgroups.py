"""Subgroups: every group of a column measured by itself, and the worst of them bounded without being picked.

Let t_g be the true value in group g and t the worst of them, where higher is worse. With one-sided bounds at error a,

- t is below the largest upper bound but for an error of a: it could only be missed by the truly worst group's own
  bound. So a check that every group must hold needs no correction to pass (an intersection-union test).
- t is above the largest lower bound, each taken at a / G for G groups, but for an error of a: of G bounds not one is
  wrong (Bonferroni, which is the first step of Holm, and the only one where the question is whether *any* is beyond).

The two ends make one pair of bounds on t that decides like any other. The estimate beside them, the worst of G
estimates, is biased towards the extreme: read the bounds.

Source: Berger (1982) for the first; Holm (1979) for the second.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from unlearn_audit.errors import MeasurementError
from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.findings.key import MetricKey
from unlearn_audit.findings.metric import Metric
from unlearn_audit.policy import Policy, belongs_to, find_column, name_bands, split_group
from unlearn_audit.records import Direction, Estimate, Interval, Power

_MOST_GROUPS = 40
_ALWAYS = frozenset(
    {
        "false-negative-rate",
        "false-negative-rate-increase",
        "global-risk",
        "global-risk-increase",
        "paired-recognition",
        "recognised-records",
        "disclosure",
        "retained-disclosure",
    }
)
"""Measured in every subgroup without being asked for; the others where a check names a group, or all of a column."""


_OF_ONE_GROUP = {"interval": None, "bca": None, "standard_error": None, "design_effect": None, "cells": ()}
"""What an estimate says of its own group and not of the worst of several."""


@dataclass(frozen=True)
class Measured:
    """An estimate and what must be said with it."""

    estimate: Estimate
    note: str | None = None


def list_groups(context: EvaluationContext, column: str) -> tuple[str, ...]:
    """Return the values of `column` among test and forget records, in order; unknown ones are no group.

    Raises:
        MeasurementError: the data lacks the column, no value is known, there are more than 40, or its bands are not
            the policy's.
    """
    evidence = context.evidence
    if column not in evidence.groups:
        have = ", ".join(evidence.groups) or "none"
        raise MeasurementError(f"the policy has the subgroups of '{column}', the data has the columns: {have}")
    judged = evidence.select("test") | evidence.select("forget")
    found = tuple(str(value) for value in np.unique(evidence.groups[column][judged]) if value)
    if not found:
        raise MeasurementError(f"no test or forget record has a known '{column}'")
    if len(found) > _MOST_GROUPS:
        raise MeasurementError(f"'{column}' has {len(found)} values, more than the {_MOST_GROUPS} that can be groups")
    _validate_bands(context.policy, column, found)
    return found


def _validate_bands(policy: Policy, column: str, found: tuple[str, ...]) -> None:
    edges = policy.subgroups.bands.get(column.removesuffix("_band")) if policy.subgroups else None
    if edges is None or not column.endswith("_band"):
        return
    if others := sorted(set(found) - set(name_bands(edges))):
        raise MeasurementError(
            f"the policy's bands of '{column}' are {', '.join(name_bands(edges))}; the evidence was collected with "
            f"others, such as '{others[0]}'"
        )


def list_keys(
    context: EvaluationContext, name: str, metric: Metric, models: list[str], attacks: tuple[str | None, ...]
) -> Iterator[MetricKey]:
    """Yield where `metric` is measured in subgroups: group by group, then the extremes of each column.

    At the default operating point and against the original, and wherever a check asks for more.
    """
    rules = context.policy.subgroups
    asked = [check for check in context.policy.checks if check.metric == name]
    if rules is None or not metric.traits.subgroups:
        return
    points = tuple(dict.fromkeys([context.policy.task.operating_points[0], *(c.at for c in asked if c.at)]))
    against = {"original", *(check.against for check in asked)} if None not in metric.traits.against else {None}
    for column in rules.columns:
        for among in _list_populations(context, column, metric):
            if name not in _ALWAYS and not any(belongs_to(check.among, among) for check in asked):
                continue
            for model in models:
                for other in sorted(against & metric.traits.against, key=str):
                    for at in points if metric.traits.at else (None,):
                        for attack in attacks:
                            if model != other:
                                yield MetricKey(model, other, among, at, attack)


def _list_populations(context: EvaluationContext, column: str, metric: Metric) -> list[str]:
    try:
        groups = [f"{column}={value}" for value in list_groups(context, column)]
    except MeasurementError:
        groups = []  # the extremes say why
    if metric.traits.kind == "descriptive":
        return groups  # without bounds there is no worst of them
    ends = ("highest", "lowest") if metric.direction is Direction.TWO_SIDED else ("worst",)
    return [*groups, *(f"{end} of {column}" for end in ends)]


def measure_group(context: EvaluationContext, metric: Metric, key: MetricKey, shares: int = 1) -> Estimate:
    """Measure `metric` in the one group that `key` names, with the error shared among `shares` claims.

    Raises:
        MeasurementError: the group is too small to be assessed, or the metric is not defined on it.
    """
    part = context.narrow(key.among, shares)
    if part.group is None or not metric.traits.subgroups:
        raise MeasurementError(f"'{metric.title}' is not measured in '{key.among}'")
    for name in metric.groups:
        _validate_group_size(part, *_count(part, name))
    words = (key.model, key.against or "", key.among, key.at or "", key.attack or "")
    estimate = context.remember(("group", metric.title, *words, str(shares)), lambda: metric.measure(part, key))
    for name, number in zip(metric.groups, estimate.sizes, strict=False):
        _validate_group_size(
            part, number, _count(part, name)[1]
        )  # an attack with reference models scores candidates alone
    return estimate


def _count(part: EvaluationContext, name: str) -> tuple[int, str]:
    """Return how many records of the group a metric may count, and what they are called."""
    task = part.policy.task
    if name == "positive":
        return int(part.positives.sum()), f"{task.positive_name} test records"
    if name == "negative":
        return int(part.negatives.sum()), f"{task.negative_name} test records"
    return int(part.select(name).sum()), f"{name} records"


def _validate_group_size(part: EvaluationContext, number: int, what: str) -> None:
    least = part.policy.subgroups.smallest if part.policy.subgroups else 0
    if number < least:
        raise _NotAssessableError(
            f"not assessable: {number} {what} of {'='.join(part.group or ())} are fewer than {least}, the smallest "
            "number that the policy lets be assessed"
        )


class _NotAssessableError(MeasurementError):
    """A group holds too few records."""


def measure_extreme(context: EvaluationContext, metric: Metric, key: MetricKey) -> Measured:
    """Measure the worst, highest or lowest of the groups of a column; see the head of this module.

    A group that is too small is left out and named. Whether a check may pass all the same is the policy's to say.

    Raises:
        MeasurementError: no group can be assessed, or one that is large enough has no estimate with bounds.
    """
    column = find_column(key.among)
    if column is None:
        raise MeasurementError(f"'{key.among}' compares no groups")
    found, small = _measure_groups(context, metric, key, column)
    if not found:
        raise MeasurementError(f"no group of '{column}' can be assessed ({'; '.join(small.values())})")
    high = key.among.startswith("highest") or (key.among.startswith("worst") and metric.direction is Direction.LOWER)
    worst = (max if high else min)(found, key=lambda value: found[value].value)
    shares = len(found) if context.policy.subgroups and context.policy.subgroups.multiplicity == "holm" else 1
    strict = {v: measure_group(context, metric, _of_group(key, column, v), shares) for v in found}
    return Measured(
        found[worst].model_copy(
            update={**_OF_ONE_GROUP, "bounds": _bound(found, strict, high=high), "power": _find_weakest(found)}
        ),
        _describe(context, column, worst, tuple(small)),
    )


def _of_group(key: MetricKey, column: str, value: str) -> MetricKey:
    return MetricKey(key.model, key.against, f"{column}={value}", key.at, key.attack)


def _measure_groups(
    context: EvaluationContext, metric: Metric, key: MetricKey, column: str
) -> tuple[dict[str, Estimate], dict[str, str]]:
    """Return the estimate of each group that can be assessed, and the reason for each that is too small."""
    found: dict[str, Estimate] = {}
    small: dict[str, str] = {}
    for value in list_groups(context, column):
        try:
            found[value] = measure_group(context, metric, _of_group(key, column, value))
        except _NotAssessableError as error:
            small[value] = error.message
    return found, small


def _bound(found: Mapping[str, Estimate], strict: Mapping[str, Estimate], *, high: bool) -> Interval:
    """Return bounds on the true extreme: `found` at the policy's error, `strict` at each group's share of it."""
    loose, shared = _bounds_of(found), _bounds_of(strict)
    methods = sorted({bounds.method for bounds in loose})
    ends = (
        (max(b.low for b in shared), max(b.high for b in loose))
        if high
        else (min(b.low for b in loose), min(b.high for b in shared))
    )
    return Interval(
        low=ends[0],
        high=ends[1],
        confidence=loose[0].confidence,
        method=f"{'highest' if high else 'lowest'} of {len(loose)} groups by: {', '.join(methods)}",
        sides="one",
    )


def _find_weakest(found: Mapping[str, Estimate]) -> Power | None:
    """Return the least power: a test that must hold in every group needs it in every group. None where one lacks it."""
    powers = [estimate.power for estimate in found.values() if estimate.power is not None]
    return min(powers, key=lambda power: power.low) if len(powers) == len(found) else None


def _bounds_of(estimates: Mapping[str, Estimate]) -> list[Interval]:
    for value, estimate in estimates.items():
        if estimate.bounds is None:
            raise MeasurementError(f"group '{value}' has an estimate without bounds")
    return [estimate.bounds for estimate in estimates.values() if estimate.bounds]


def _describe(context: EvaluationContext, column: str, worst: str, small: tuple[str, ...]) -> str:
    unknown = int((context.evidence.groups[column][context.test] == "").sum())
    parts = [f"The value shown is that of {column}={worst}; the worst of several estimates tends to look too bad."]
    if small:
        parts.append(f"Not assessable: {', '.join(f'{column}={value}' for value in small)}.")
    if unknown:
        parts.append(f"{unknown} test records of unknown {column} are in no group.")
    return " ".join(parts)


def is_extreme(key: MetricKey) -> bool:
    """Return whether `key` compares the groups of a column."""
    return find_column(key.among) is not None


def is_group(key: MetricKey) -> bool:
    """Return whether `key` names one group."""
    return split_group(key.among) is not None
