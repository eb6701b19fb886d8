"""Error rates at an operating point: what is missed, what is alarmed, and the balance of both."""

from unlearn_audit.findings.context import Scope
from unlearn_audit.findings.key import Address
from unlearn_audit.findings.metric import Metric
from unlearn_audit.policy import MetricTraits
from unlearn_audit.records import Direction, Estimate, Unit
from unlearn_audit.stats import estimate_balanced_accuracy, estimate_rate, estimate_rate_change

_CONFUSION = "confusion matrix on the test split"
_AT_MOST = frozenset({"at_most"})
_AT_LEAST = frozenset({"at_least"})
_REFERENCES = frozenset({"original", "retrained"})


def measure_false_negative_rate(scope: Scope, address: Address) -> Estimate:
    """Measure the share of positives that are called negative (FNR = 1 - sensitivity)."""
    missed = ~scope.call(address.model, address.at)[scope.actual]
    return estimate_rate(
        missed, clusters=scope.clusters(scope.positives), **scope.sampling("false-negative-rate", address)
    )


def measure_false_negative_rate_increase(scope: Scope, address: Address) -> Estimate:
    """Measure by how much the share of missed positives is above the reference's, on the same positives (paired)."""
    before = ~scope.call(scope.reference(address), address.at)[scope.actual]
    after = ~scope.call(address.model, address.at)[scope.actual]
    return estimate_rate_change(
        before,
        after,
        clusters=scope.clusters(scope.positives),
        **scope.sampling("false-negative-rate-increase", address),
    )


def measure_sensitivity(scope: Scope, address: Address) -> Estimate:
    """Measure the share of positives that are called positive."""
    caught = scope.call(address.model, address.at)[scope.actual]
    return estimate_rate(caught, clusters=scope.clusters(scope.positives), **scope.sampling("sensitivity", address))


def measure_false_positive_rate(scope: Scope, address: Address) -> Estimate:
    """Measure the share of negatives that are called positive (FPR = 1 - specificity)."""
    alarmed = scope.call(address.model, address.at)[~scope.actual]
    return estimate_rate(
        alarmed, clusters=scope.clusters(scope.negatives), **scope.sampling("false-positive-rate", address)
    )


def measure_specificity(scope: Scope, address: Address) -> Estimate:
    """Measure the share of negatives that are called negative."""
    cleared = ~scope.call(address.model, address.at)[~scope.actual]
    return estimate_rate(cleared, clusters=scope.clusters(scope.negatives), **scope.sampling("specificity", address))


def measure_balanced_accuracy(scope: Scope, address: Address) -> Estimate:
    """Measure the mean of sensitivity and specificity; 0.5 for every call that ignores the image."""
    return estimate_balanced_accuracy(
        scope.actual,
        scope.call(address.model, address.at),
        clusters=scope.clusters(scope.test),
        **scope.sampling("balanced-accuracy", address),
    )


def count_false_negatives(scope: Scope, address: Address) -> Estimate:
    """Count the positives that are called negative."""
    missed = scope.actual & ~scope.call(address.model, address.at)
    return Estimate(value=float(missed.sum()), unit=Unit.COUNT, n=int(scope.actual.sum()), events=int(missed.sum()))


def count_false_positives(scope: Scope, address: Address) -> Estimate:
    """Count the negatives that are called positive."""
    alarmed = ~scope.actual & scope.call(address.model, address.at)
    return Estimate(
        value=float(alarmed.sum()), unit=Unit.COUNT, n=int((~scope.actual).sum()), events=int(alarmed.sum())
    )


FALSE_NEGATIVE_RATE = Metric(
    title="False-negative rate",
    traits=MetricTraits(kind="clinical", at=True, limits=_AT_MOST, low=0.0, high=1.0, subgroups=True),
    direction=Direction.LOWER,
    source=_CONFUSION,
    measure=measure_false_negative_rate,
    groups=("positive",),
)
FALSE_NEGATIVE_RATE_INCREASE = Metric(
    title="False-negative rate, increase",
    traits=MetricTraits(
        kind="clinical", against=_REFERENCES, at=True, limits=_AT_MOST, low=-1.0, high=1.0, subgroups=True
    ),
    direction=Direction.LOWER,
    source="(newly missed - newly caught) / positives, paired",
    measure=measure_false_negative_rate_increase,
    groups=("positive",),
)
SENSITIVITY = Metric(
    title="Sensitivity",
    traits=MetricTraits(kind="clinical", at=True, limits=_AT_LEAST, low=0.0, high=1.0, subgroups=True),
    direction=Direction.HIGHER,
    source=_CONFUSION,
    measure=measure_sensitivity,
    groups=("positive",),
)
FALSE_POSITIVE_RATE = Metric(
    title="False-positive rate",
    traits=MetricTraits(kind="clinical", at=True, limits=_AT_MOST, low=0.0, high=1.0),
    direction=Direction.LOWER,
    source=_CONFUSION,
    measure=measure_false_positive_rate,
    groups=("negative",),
)
SPECIFICITY = Metric(
    title="Specificity",
    traits=MetricTraits(kind="clinical", at=True, limits=_AT_LEAST, low=0.0, high=1.0),
    direction=Direction.HIGHER,
    source=_CONFUSION,
    measure=measure_specificity,
    groups=("negative",),
)
BALANCED_ACCURACY = Metric(
    title="Balanced accuracy",
    traits=MetricTraits(kind="clinical", at=True, limits=_AT_LEAST, low=0.0, high=1.0),
    direction=Direction.HIGHER,
    source="mean of sensitivity and specificity",
    measure=measure_balanced_accuracy,
    groups=("positive", "negative"),
)
FALSE_NEGATIVES = Metric(
    title="False negatives",
    traits=MetricTraits(kind="descriptive", at=True),
    direction=Direction.LOWER,
    source=_CONFUSION,
    measure=count_false_negatives,
    baselines=True,
)
FALSE_POSITIVES = Metric(
    title="False positives",
    traits=MetricTraits(kind="descriptive", at=True),
    direction=Direction.LOWER,
    source=_CONFUSION,
    measure=count_false_positives,
    baselines=True,
)
