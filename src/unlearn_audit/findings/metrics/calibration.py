"""Calibration and net benefit of the stated probabilities. Descriptive: Global Risk decides."""

from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.findings.metric import Metric
from unlearn_audit.findings.traits import TRAITS
from unlearn_audit.records import Direction, Estimate, Unit, write_message
from unlearn_audit.records.key import MetricKey
from unlearn_audit.records.trivial_models import TRIVIAL_MODELS
from unlearn_audit.stats import (
    compute_calibration_error,
    estimate_calibration_in_the_large,
    estimate_calibration_slope,
    estimate_net_benefit,
)


def measure_calibration_in_the_large(context: EvaluationContext, key: MetricKey) -> Estimate:
    """Measure by how much more often test records are positive than the model says; above zero it plays danger down."""
    return estimate_calibration_in_the_large(
        context.actual,
        context.evidence.positive_probability(key.model)[context.test],
        confidence=context.confidence_for(key.model),
        clusters=context.clusters(context.test),
    )


def measure_calibration_slope(context: EvaluationContext, key: MetricKey) -> Estimate:
    """Measure the slope of the truth on the stated log-odds: 1 is calibrated, below 1 is too sure of itself."""
    return estimate_calibration_slope(
        context.actual,
        context.log_odds(key.model)[context.test],
        confidence=context.confidence_for(key.model),
        clusters=context.clusters(context.test),
    )


def measure_calibration_error(context: EvaluationContext, key: MetricKey) -> Estimate:
    """Measure the expected calibration error in ten bins; read it beside what a calibrated model would show."""
    return _describe(context, _compute_errors(context, key.model)[0])


def measure_error_by_chance(context: EvaluationContext, key: MetricKey) -> Estimate:
    """Measure the expected calibration error that a perfectly calibrated model with these probabilities would show."""
    return _describe(context, _compute_errors(context, key.model)[1])


def measure_net_benefit(context: EvaluationContext, key: MetricKey) -> Estimate:
    """Measure the net benefit of acting where the policy's costs say so, in true positives per test case."""
    return _measure_benefit(context, key, None)


def measure_net_benefit_at_prevalence(context: EvaluationContext, key: MetricKey) -> Estimate:
    """Measure the same at the policy's prevalence of intended use."""
    return _measure_benefit(context, key, context.prevalence)


def _compute_errors(context: EvaluationContext, model: str) -> tuple[float, float]:
    return compute_calibration_error(context.actual, context.evidence.positive_probability(model)[context.test])


def _measure_benefit(context: EvaluationContext, key: MetricKey, prevalence: float | None) -> Estimate:
    threshold = 1 / (1 + context.policy.costs.ratio)
    predicted = (
        context.predict_positive(key.model, None)
        if key.model in TRIVIAL_MODELS
        else context.evidence.positive_probability(key.model)[context.test] >= threshold
    )
    return estimate_net_benefit(
        context.actual,
        predicted,
        threshold,
        prevalence=prevalence,
        clusters=context.clusters(context.test),
        **context.sampling(key),
    )


def _describe(context: EvaluationContext, value: float) -> Estimate:
    return Estimate(value=value, unit=Unit.SCORE, n=int(context.test.sum()))


CALIBRATION_IN_THE_LARGE = Metric(
    traits=TRAITS["calibration-in-the-large"],
    direction=Direction.DESCRIPTIVE,
    source="share of positives minus mean probability of being positive",
    measure=measure_calibration_in_the_large,
)
CALIBRATION_SLOPE = Metric(
    traits=TRAITS["calibration-slope"],
    direction=Direction.DESCRIPTIVE,
    source="Cox 1958: logistic regression of the truth on the stated log-odds",
    measure=measure_calibration_slope,
)
CALIBRATION_ERROR = Metric(
    traits=TRAITS["calibration-error"],
    direction=Direction.LOWER,
    source="Naeini et al. 2015, equally many records a bin",
    measure=measure_calibration_error,
    caveat=write_message("calibration-error-biased-upwards"),
)
CALIBRATION_ERROR_BY_CHANCE = Metric(
    traits=TRAITS["calibration-error-by-chance"],
    direction=Direction.DESCRIPTIVE,
    source="mean over labels drawn from the stated probabilities, normal approximation",
    measure=measure_error_by_chance,
)
NET_BENEFIT = Metric(
    traits=TRAITS["net-benefit"],
    direction=Direction.HIGHER,
    source="Vickers and Elkin 2006, at the threshold probability C_FP / (C_FP + C_FN)",
    measure=measure_net_benefit,
    baselines=True,
    caveat=write_message("acts-on-own-probabilities"),
)
NET_BENEFIT_AT_PREVALENCE = Metric(
    traits=TRAITS["net-benefit-at-prevalence"],
    direction=Direction.HIGHER,
    source="Vickers and Elkin 2006, with the policy's prevalence",
    measure=measure_net_benefit_at_prevalence,
    baselines=True,
    applies=lambda policy: policy.costs.prevalence is not None,
)
