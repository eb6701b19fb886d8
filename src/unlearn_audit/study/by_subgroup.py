"""Misses in each of the policy's subgroups, at argmax: a mean can hide who pays for it."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.errors import MeasurementError
from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.findings.subgroups import list_groups, validate_positives
from unlearn_audit.records import ARGMAX, Population, Unit
from unlearn_audit.study.measure import Measure, Values, find_misses

PREFIX = "fnr among "
"""How the names of these measures begin; the group follows, such as 'fnr among sex=female'."""


def find_groups(context: EvaluationContext) -> tuple[Population, ...]:
    """Return the groups of the policy's subgroup columns that the data have, in the policy's order."""
    found: list[Population] = []
    for column in context.policy.subgroups.columns if context.policy.subgroups else ():
        try:
            found += [Population.of_group(column, value) for value in list_groups(context, column)]
        except MeasurementError:
            continue  # the data lack the column
    return tuple(found)


def list_by_subgroup(groups: Sequence[Population]) -> dict[str, Measure]:
    """Return the false-negative rate of each group; a group with too few positives for the policy has none."""
    return {
        f"{PREFIX}{group}": Measure(
            f"{group}",
            f"false-negative rate at argmax of the records with {group}",
            "lower",
            Unit.PROPORTION,
            partial(_miss_among, group),
            partial(_select_positives_among, group),
        )
        for group in groups
    }


def _miss_among(group: Population, context: EvaluationContext, model: str) -> Values:
    part = context.narrow(group)
    validate_positives(part)
    return find_misses(ARGMAX, part, model)


def _select_positives_among(group: Population, context: EvaluationContext) -> NDArray[np.bool_]:
    return context.narrow(group).positives
