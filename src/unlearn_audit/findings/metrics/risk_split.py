"""The increase of Global Risk, split into a moved operating point and lost discrimination."""

from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.findings.metric import Metric
from unlearn_audit.findings.traits import TRAITS
from unlearn_audit.records import Direction, Estimate, Unit, write_message
from unlearn_audit.records.key import MetricKey
from unlearn_audit.stats import MistakeCosts, RiskSplit, split_risk_change

_REFERENCES = frozenset({"original", "retrained"})
_SOURCE = "mean of both orders of moving the number of calls and changing the ranking (Shapley 1953, for two parts)"
_CAVEAT = write_message("explains-the-change-only")


def _split(context: EvaluationContext, key: MetricKey) -> RiskSplit:
    costs = context.policy.costs
    before, after = (
        (context.evidence.positive_probability(model)[context.test], context.predict_positive(model, key.at))
        for model in (context.reference(key), key.model)
    )
    return split_risk_change(context.actual, before, after, MistakeCosts(costs.false_negative, costs.false_positive))


def measure_risk_by_threshold(context: EvaluationContext, key: MetricKey) -> Estimate:
    """Measure the part of the increase of Global Risk that another number of positive calls explains."""
    return _describe(context, _split(context, key).by_threshold)


def measure_risk_by_discrimination(context: EvaluationContext, key: MetricKey) -> Estimate:
    """Measure the part that another ranking explains, at the same number of positive calls."""
    return _describe(context, _split(context, key).by_discrimination)


def _describe(context: EvaluationContext, value: float) -> Estimate:
    return Estimate(value=value, unit=Unit.COST_PER_CASE, n=int(context.test.sum()))


RISK_BY_THRESHOLD = Metric(
    traits=TRAITS["risk-by-threshold"],
    direction=Direction.LOWER,
    source=_SOURCE,
    measure=measure_risk_by_threshold,
    caveat=_CAVEAT,
)
RISK_BY_DISCRIMINATION = Metric(
    traits=TRAITS["risk-by-discrimination"],
    direction=Direction.LOWER,
    source=_SOURCE,
    measure=measure_risk_by_discrimination,
    caveat=_CAVEAT,
)
