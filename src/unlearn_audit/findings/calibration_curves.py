"""The points of the reliability and decision curves; a curve that is not defined is left out."""

from collections.abc import Iterator

import numpy as np

from unlearn_audit.errors import MeasurementError
from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.records import Curve, CurveKind, MetricKey, round_number
from unlearn_audit.records.trivial_models import CALL_ALL_POSITIVE
from unlearn_audit.stats import compute_call_all_benefit, compute_net_benefit, compute_reliability

_PERCENT = range(1, 61)
"""Threshold probabilities of the decision curve: beyond 60 % a miss would cost less than a false alarm."""


def _rounded(values: np.ndarray) -> tuple[float, ...]:
    return tuple(round_number(float(value)) for value in values)


def trace_reliability(context: EvaluationContext) -> Iterator[Curve]:
    """Yield what each model states against what comes true, on test, in at most ten bins."""
    for model in context.evidence.log_probs:
        probability = context.evidence.positive_probability(model)[context.test]
        try:
            found = compute_reliability(context.actual, probability, confidence=context.confidence_for(model))
        except MeasurementError:
            continue
        yield Curve(
            kind=CurveKind.RELIABILITY,
            key=MetricKey(metric="calibration-error", model=model),
            x=_rounded(found.stated),
            y=_rounded(found.observed),
            low=_rounded(found.low),
            high=_rounded(found.high),
        )


def trace_net_benefit(context: EvaluationContext) -> Iterator[Curve]:
    """Yield the net benefit of each model and of calling all, at the prevalence of test and at the policy's."""
    policy_threshold = 1 / (1 + context.policy.costs.ratio)
    thresholds = np.unique([*(percent / 100 for percent in _PERCENT), policy_threshold])
    for metric, prevalence in (
        ("net-benefit", None),
        ("net-benefit-at-prevalence", context.policy.costs.prevalence),
    ):
        if metric != "net-benefit" and prevalence is None:
            continue
        try:
            lines = {
                model: compute_net_benefit(
                    context.actual, context.evidence.positive_probability(model)[context.test], thresholds, prevalence
                )
                for model in context.evidence.log_probs
            }
            lines[CALL_ALL_POSITIVE.name] = compute_call_all_benefit(context.actual, thresholds, prevalence)
        except MeasurementError:
            continue
        for model, benefit in lines.items():
            yield Curve(
                kind=CurveKind.NET_BENEFIT,
                key=MetricKey(metric=metric, model=model),
                x=_rounded(thresholds),
                y=_rounded(benefit),
            )
