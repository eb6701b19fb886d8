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

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from unlearn_audit.errors import MeasurementError
from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.findings.metric import Metric
from unlearn_audit.policy import Policy, name_bands
from unlearn_audit.records import (
    Direction,
    Estimate,
    Interval,
    Message,
    OperatingPoint,
    Population,
    PopulationKind,
    Power,
    find_reason,
    write_message,
)
from unlearn_audit.records.key import MetricKey

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
    caveats: tuple[Message, ...] = ()


def list_groups(context: EvaluationContext, column: str) -> tuple[str, ...]:
    """Return the values of `column` among test and forget records, in order; unknown ones are no group.

    Raises:
        MeasurementError: the data lacks the column, no value is known, there are more than 40, or its bands are not
            the policy's.
    """
    evidence = context.evidence
    if column not in evidence.groups:
        raise MeasurementError(write_message("no-subgroup-column", column=column, have=list(evidence.groups)))
    judged = evidence.select("test") | evidence.select("forget")
    found = tuple(str(value) for value in np.unique(evidence.groups[column][judged]) if value)
    if not found:
        raise MeasurementError(write_message("no-known-group", column=column))
    if len(found) > _MOST_GROUPS:
        raise MeasurementError(write_message("too-many-groups", column=column, found=len(found), most=_MOST_GROUPS))
    _validate_bands(context.policy, column, found)
    return found


def _validate_bands(policy: Policy, column: str, found: tuple[str, ...]) -> None:
    edges = policy.subgroups.bands.get(column.removesuffix("_band")) if policy.subgroups else None
    if edges is None or not column.endswith("_band"):
        return
    if others := sorted(set(found) - set(name_bands(edges))):
        raise MeasurementError(
            write_message("other-bands", column=column, bands=list(name_bands(edges)), other=others[0])
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
    default = context.policy.task.operating_points[0]
    points: tuple[OperatingPoint | None, ...] = tuple(dict.fromkeys([default, *(c.at for c in asked if c.at)]))
    against = {"original", *(check.against for check in asked)} if None not in metric.traits.against else {None}
    for column in rules.columns:
        for among in _list_populations(context, column, metric):
            if name not in _ALWAYS and not any(check.among.is_informed_by(among) for check in asked):
                continue
            for model in models:
                for other in sorted(against & metric.traits.against, key=str):
                    for at in points if metric.traits.at else (None,):
                        for attack in attacks:
                            if model != other:
                                yield MetricKey(
                                    metric=name, model=model, against=other, among=among, at=at, attack=attack
                                )


def _list_populations(context: EvaluationContext, column: str, metric: Metric) -> list[Population]:
    try:
        groups = [Population.of_group(column, value) for value in list_groups(context, column)]
    except MeasurementError:
        groups = []  # the extremes say why
    if metric.traits.kind == "descriptive":
        return groups  # without bounds there is no worst of them
    both = (PopulationKind.HIGHEST, PopulationKind.LOWEST)
    ends = both if metric.direction is Direction.TWO_SIDED else (PopulationKind.WORST,)
    return [*groups, *(Population(end, column) for end in ends)]


def measure_group(context: EvaluationContext, metric: Metric, key: MetricKey, shares: int = 1) -> Estimate:
    """Measure `metric` in the one group that `key` names, with the error shared among `shares` claims.

    Raises:
        MeasurementError: the group is too small to be assessed, or the metric is not defined on it.
    """
    part = context.narrow(key.among, shares)
    if part.group is None or not metric.traits.subgroups:
        raise MeasurementError(write_message("not-measured-in-population", title=metric.title, among=key.among))
    for name in metric.groups:
        _validate_group_size(part, *_count(part, name))
    estimate = context.remember(("group", *key.words, str(shares)), lambda: metric.measure(part, key))
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


def validate_positives(part: EvaluationContext) -> None:
    """Refuse a group, to which `part` is narrowed, with too few positive test records for the policy.

    Raises:
        MeasurementError: the group, and how many there are.
    """
    _validate_group_size(part, *_count(part, "positive"))


def _validate_group_size(part: EvaluationContext, number: int, what: str) -> None:
    least = part.policy.subgroups.smallest if part.policy.subgroups else 0
    if number < least:
        raise _NotAssessableError(
            write_message("group-not-assessable", number=number, what=what, group=part.group, least=least)
        )


class _NotAssessableError(MeasurementError):
    """A group holds too few records."""


def measure_extreme(context: EvaluationContext, metric: Metric, key: MetricKey) -> Measured:
    """Measure the worst, highest or lowest of the groups of a column; see the head of this module.

    A group that is too small is left out and named. Whether a check may pass all the same is the policy's to say.

    Raises:
        MeasurementError: no group can be assessed, or one that is large enough has no estimate with bounds.
    """
    column = key.among.column
    if column is None or not key.among.is_extreme:
        raise MeasurementError(write_message("no-groups-to-compare", among=key.among))
    found, small = _measure_groups(context, metric, key, column)
    if not found:
        raise MeasurementError(write_message("no-group-assessable", column=column, causes=list(small.values())))
    end = key.among.kind
    high = end is PopulationKind.HIGHEST or (end is PopulationKind.WORST and metric.direction is Direction.LOWER)
    worst = (max if high else min)(found, key=lambda value: found[value].value)
    shares = len(found) if context.policy.subgroups and context.policy.subgroups.multiplicity == "holm" else 1
    strict = {v: measure_group(context, metric, _of_group(key, column, v), shares) for v in found}
    return Measured(
        found[worst].model_copy(
            update={
                **_OF_ONE_GROUP,
                "bounds": _bound(_bounds_of(found), _bounds_of(strict), high=high),
                "corrected": _correct(found, strict, high=high),
                "power": _find_weakest(found),
            }
        ),
        _describe(context, column, worst, tuple(small)),
    )


def _of_group(key: MetricKey, column: str, value: str) -> MetricKey:
    return key.model_copy(update={"among": Population.of_group(column, value)})


def _measure_groups(
    context: EvaluationContext, metric: Metric, key: MetricKey, column: str
) -> tuple[dict[str, Estimate], dict[str, Message]]:
    """Return the estimate of each group that can be assessed, and the reason for each that is too small."""
    found: dict[str, Estimate] = {}
    small: dict[str, Message] = {}
    for value in list_groups(context, column):
        try:
            found[value] = measure_group(context, metric, _of_group(key, column, value))
        except _NotAssessableError as error:
            small[value] = find_reason(error)
    return found, small


def _correct(found: Mapping[str, Estimate], strict: Mapping[str, Estimate], *, high: bool) -> Interval | None:
    """Return the same from the bounds at each attack's share of the error, where there are several attacks."""
    loose, shared = ([e.corrected for e in each.values() if e.corrected] for each in (found, strict))
    return _bound(loose, shared, high=high) if loose and shared else None


def _bound(loose: Sequence[Interval], shared: Sequence[Interval], *, high: bool) -> Interval:
    """Return bounds on the true extreme: `loose` at the policy's error, `shared` at each group's share of it."""
    methods = sorted({bounds.method for bounds in loose}, key=str)
    ends = (
        (max(b.low for b in shared), max(b.high for b in loose))
        if high
        else (min(b.low for b in loose), min(b.high for b in shared))
    )
    return Interval(
        low=ends[0],
        high=ends[1],
        confidence=loose[0].confidence,
        method=write_message("extreme-of-groups", end="highest" if high else "lowest", groups=len(loose), by=methods),
        sides="one",
    )


def _find_weakest(found: Mapping[str, Estimate]) -> Power | None:
    """Return the least power: a test that must hold in every group needs it in every group. None where one lacks it."""
    powers = [estimate.power for estimate in found.values() if estimate.power is not None]
    return min(powers, key=lambda power: power.low) if len(powers) == len(found) else None


def _bounds_of(estimates: Mapping[str, Estimate]) -> list[Interval]:
    for value, estimate in estimates.items():
        if estimate.bounds is None:
            raise MeasurementError(write_message("group-without-bounds", group=value))
    return [estimate.bounds for estimate in estimates.values() if estimate.bounds]


def _describe(context: EvaluationContext, column: str, worst: str, small: tuple[str, ...]) -> tuple[Message, ...]:
    unknown = int((context.evidence.groups[column][context.test] == "").sum())
    caveats = [write_message("shown-is-one-group", group=f"{column}={worst}")]
    if small:
        caveats.append(write_message("groups-not-assessable", groups=[f"{column}={value}" for value in small]))
    if unknown:
        caveats.append(write_message("records-in-no-group", column=column, found=unknown))
    return tuple(caveats)
