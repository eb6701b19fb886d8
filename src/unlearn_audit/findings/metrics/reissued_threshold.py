"""A re-issued threshold and its cost: shown beside the verdict, which is taken on test as always."""

from collections.abc import Callable

from unlearn_audit.errors import MeasurementError
from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.findings.metric import Metric
from unlearn_audit.findings.reissued_threshold import choose_reissued
from unlearn_audit.findings.traits import TRAITS
from unlearn_audit.policy import Policy
from unlearn_audit.records import Direction, Estimate, Unit, write_message
from unlearn_audit.records.key import MetricKey
from unlearn_audit.stats import GuaranteedThreshold


def _choose(context: EvaluationContext, key: MetricKey, *, on_average: bool = False) -> GuaranteedThreshold:
    return choose_reissued(context.evidence, key.model, context.all_clusters, on_average=on_average)


def show_reissued(context: EvaluationContext, key: MetricKey) -> Estimate:
    """Return the threshold, on how many positives it rests (n), and how many of them it lets be missed (events)."""
    chosen = _choose(context, key)
    return Estimate(value=chosen.threshold, unit=Unit.PROPORTION, n=chosen.positives, events=chosen.allowed)


def show_on_average(context: EvaluationContext, key: MetricKey) -> Estimate:
    """Return the threshold that keeps the rate on average only: about half of all validation sets put it too high."""
    chosen = _choose(context, key, on_average=True)
    return Estimate(value=chosen.threshold, unit=Unit.PROPORTION, n=chosen.positives, events=chosen.allowed)


def measure_price(context: EvaluationContext, key: MetricKey) -> Estimate:
    """Measure the false-positive rate on validation at the re-issued threshold. Descriptive: test decides."""
    price = _choose(context, key).false_alarms
    if price is None:
        raise MeasurementError(write_message("no-negative-in-validation"))
    return price.model_copy(update={"bounds": None})


def _reissues(policy: Policy) -> bool:
    return any(remedy.threshold is not None for remedy in policy.remediation)


def _tabulate(name: str, source: str, measure: Callable[[EvaluationContext, MetricKey], Estimate]) -> Metric:
    return Metric(
        traits=TRAITS[name],
        direction=Direction.DESCRIPTIVE,
        source=source,
        measure=measure,
        models=lambda name: name.endswith("-threshold"),
        applies=_reissues,
    )


_TOLERANCE = "distribution-free tolerance limit on validation positives, Wilks 1941"
REISSUED_THRESHOLD = _tabulate("reissued-threshold", _TOLERANCE, show_reissued)
REISSUED_ON_AVERAGE = _tabulate(
    "reissued-threshold-on-average",
    "conformal risk control, Angelopoulos et al. 2024, arXiv 2208.02814",
    show_on_average,
)
REISSUED_PRICE = _tabulate("reissued-threshold-price", _TOLERANCE, measure_price)
