"""The thresholds, frozen on validation of the original before any other model was looked at."""

from unlearn_audit.errors import MeasurementError
from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.findings.metric import Metric
from unlearn_audit.findings.traits import TRAITS
from unlearn_audit.records import Direction, Estimate, Unit, write_message
from unlearn_audit.records.key import MetricKey


def show_threshold(context: EvaluationContext, key: MetricKey) -> Estimate:
    """Return the probability of being positive from which a record is called positive at this operating point."""
    threshold = context.find_threshold(key.at)
    if threshold is None:
        raise MeasurementError(write_message("no-threshold-at-argmax"))
    return Estimate(value=threshold, unit=Unit.PROPORTION, n=int(context.evidence.select("validation").sum()))


THRESHOLD = Metric(
    traits=TRAITS["threshold"],
    direction=Direction.DESCRIPTIVE,
    source="frozen on validation of the original",
    measure=show_threshold,
    models=lambda name: name == "original",
)
