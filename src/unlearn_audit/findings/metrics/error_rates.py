"""Error rates at an operating point: false negatives, false positives, balanced accuracy."""

from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.findings.metric import Metric
from unlearn_audit.findings.traits import TRAITS
from unlearn_audit.records import Direction, Estimate, Unit
from unlearn_audit.records.key import MetricKey
from unlearn_audit.stats import estimate_balanced_accuracy, estimate_rate, estimate_rate_change

_CONFUSION = "confusion matrix on the test split"
_AT_MOST = frozenset({"at_most"})
_AT_LEAST = frozenset({"at_least"})
_REFERENCES = frozenset({"original", "retrained"})


def measure_false_negative_rate(context: EvaluationContext, key: MetricKey) -> Estimate:
    """Measure the share of positives that are called negative (FNR = 1 - sensitivity)."""
    missed = ~context.predict_positive(key.model, key.at)[context.actual]
    return estimate_rate(missed, clusters=context.clusters(context.positives), **context.sampling(key))


def measure_false_negative_rate_increase(context: EvaluationContext, key: MetricKey) -> Estimate:
    """Measure by how much the share of missed positives is above the reference's, on the same positives (paired)."""
    before = ~context.predict_positive(context.reference(key), key.at)[context.actual]
    after = ~context.predict_positive(key.model, key.at)[context.actual]
    return estimate_rate_change(
        before,
        after,
        clusters=context.clusters(context.positives),
        **context.sampling(key),
    )


def measure_sensitivity(context: EvaluationContext, key: MetricKey) -> Estimate:
    """Measure the share of positives that are called positive."""
    caught = context.predict_positive(key.model, key.at)[context.actual]
    return estimate_rate(caught, clusters=context.clusters(context.positives), **context.sampling(key))


def measure_false_positive_rate(context: EvaluationContext, key: MetricKey) -> Estimate:
    """Measure the share of negatives that are called positive (FPR = 1 - specificity)."""
    alarmed = context.predict_positive(key.model, key.at)[~context.actual]
    return estimate_rate(alarmed, clusters=context.clusters(context.negatives), **context.sampling(key))


def measure_specificity(context: EvaluationContext, key: MetricKey) -> Estimate:
    """Measure the share of negatives that are called negative."""
    cleared = ~context.predict_positive(key.model, key.at)[~context.actual]
    return estimate_rate(cleared, clusters=context.clusters(context.negatives), **context.sampling(key))


def measure_balanced_accuracy(context: EvaluationContext, key: MetricKey) -> Estimate:
    """Measure the mean of sensitivity and specificity; 0.5 for every call that ignores the image."""
    return estimate_balanced_accuracy(
        context.actual,
        context.predict_positive(key.model, key.at),
        clusters=context.clusters(context.test),
        **context.sampling(key),
    )


def count_false_negatives(context: EvaluationContext, key: MetricKey) -> Estimate:
    """Count the positives that are called negative."""
    missed = context.actual & ~context.predict_positive(key.model, key.at)
    return Estimate(value=float(missed.sum()), unit=Unit.COUNT, n=int(context.actual.sum()), events=int(missed.sum()))


def count_false_positives(context: EvaluationContext, key: MetricKey) -> Estimate:
    """Count the negatives that are called positive."""
    alarmed = ~context.actual & context.predict_positive(key.model, key.at)
    return Estimate(
        value=float(alarmed.sum()), unit=Unit.COUNT, n=int((~context.actual).sum()), events=int(alarmed.sum())
    )


FALSE_NEGATIVE_RATE = Metric(
    traits=TRAITS["false-negative-rate"],
    direction=Direction.LOWER,
    source=_CONFUSION,
    measure=measure_false_negative_rate,
    groups=("positive",),
)
FALSE_NEGATIVE_RATE_INCREASE = Metric(
    traits=TRAITS["false-negative-rate-increase"],
    direction=Direction.LOWER,
    source="(newly missed - newly caught) / positives, paired",
    measure=measure_false_negative_rate_increase,
    groups=("positive",),
)
SENSITIVITY = Metric(
    traits=TRAITS["sensitivity"],
    direction=Direction.HIGHER,
    source=_CONFUSION,
    measure=measure_sensitivity,
    groups=("positive",),
)
FALSE_POSITIVE_RATE = Metric(
    traits=TRAITS["false-positive-rate"],
    direction=Direction.LOWER,
    source=_CONFUSION,
    measure=measure_false_positive_rate,
    groups=("negative",),
)
SPECIFICITY = Metric(
    traits=TRAITS["specificity"],
    direction=Direction.HIGHER,
    source=_CONFUSION,
    measure=measure_specificity,
    groups=("negative",),
)
BALANCED_ACCURACY = Metric(
    traits=TRAITS["balanced-accuracy"],
    direction=Direction.HIGHER,
    source="mean of sensitivity and specificity",
    measure=measure_balanced_accuracy,
    groups=("positive", "negative"),
)
FALSE_NEGATIVES = Metric(
    traits=TRAITS["false-negatives"],
    direction=Direction.LOWER,
    source=_CONFUSION,
    measure=count_false_negatives,
    baselines=True,
)
FALSE_POSITIVES = Metric(
    traits=TRAITS["false-positives"],
    direction=Direction.LOWER,
    source=_CONFUSION,
    measure=count_false_positives,
    baselines=True,
)
