"""Measures of positives and negatives apart, at argmax: what arXiv 2604.23854 measures by class."""

from functools import partial

import numpy as np

from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.records import ARGMAX, Unit
from unlearn_audit.study.measure import (
    Better,
    Measure,
    Values,
    find_alarms,
    find_cost_at,
    find_misses,
    select_negatives,
    select_positives,
    select_test,
)

BY_CLASS = ("risk-equal", "positive-risk", "negative-risk", "risk-gap", "accuracy-gap", "accuracy-worst")
"""Measures of positives and negatives apart, at argmax, where a study asks for them."""


def list_by_class(ratio: float) -> dict[str, Measure]:
    """Return what arXiv 2604.23854 measures by class, as its authors' code computes it."""
    lower: Better = "lower"
    cost, rate = Unit.COST_PER_CASE, Unit.PROPORTION
    found = (
        Measure(
            "Risk 1",
            "Global Risk at argmax where a miss costs one false alarm: the share of wrong answers",
            lower,
            cost,
            partial(find_cost_at, ARGMAX, 1.0),
            select_test,
        ),
        Measure(
            "Risk of positives",
            f"cost of the misses among the positives at argmax, {ratio:g} each, per positive record",
            lower,
            cost,
            partial(_cost_of_misses, ratio),
            select_positives,
        ),
        Measure(
            "Risk of negatives",
            "cost of the false alarms among the negatives at argmax, 1 each, per negative record",
            lower,
            cost,
            partial(find_alarms, ARGMAX),
            select_negatives,
        ),
        Measure("Risk gap", "|risk of positives - risk of negatives|", lower, cost, partial(_risk_gap, ratio)),
        Measure(
            "Accuracy gap",
            "|sensitivity - specificity| at argmax, which the source calls the difference of equalised odds",
            lower,
            rate,
            _accuracy_gap,
        ),
        Measure(
            "Worse accuracy", "the lower of sensitivity and specificity at argmax", "higher", rate, _worse_accuracy
        ),
    )
    return dict(zip(BY_CLASS, found, strict=True))


def _cost_of_misses(ratio: float, context: EvaluationContext, model: str) -> Values:
    return ratio * find_misses(ARGMAX, context, model)


def _risk_gap(ratio: float, context: EvaluationContext, model: str) -> Values:
    missed, alarmed = _find_rates(context, model)
    return np.array([abs(ratio * missed - alarmed)])


def _accuracy_gap(context: EvaluationContext, model: str) -> Values:
    missed, alarmed = _find_rates(context, model)
    return np.array([abs(missed - alarmed)])


def _worse_accuracy(context: EvaluationContext, model: str) -> Values:
    return np.array([1 - max(_find_rates(context, model))])


def _find_rates(context: EvaluationContext, model: str) -> tuple[float, float]:
    """Return the false-negative and the false-positive rate at argmax."""
    missed, alarmed = (float(find(ARGMAX, context, model).mean()) for find in (find_misses, find_alarms))
    return missed, alarmed
