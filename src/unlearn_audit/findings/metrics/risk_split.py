"""What a moved operating point, and what lost discrimination, adds to Global Risk."""

from unlearn_audit.findings.context import Scope
from unlearn_audit.findings.key import Address
from unlearn_audit.findings.metric import Metric
from unlearn_audit.policy import MetricTraits
from unlearn_audit.records import Direction, Estimate, Unit
from unlearn_audit.stats import MistakeCosts, RiskSplit, split_risk_change

_REFERENCES = frozenset({"original", "retrained"})
_SOURCE = "mean of both orders of moving the number of calls and changing the ranking (Shapley 1953, for two parts)"
_CAVEAT = (
    "Read off the test split itself and without an interval: it explains the change, and does not say that another "
    "threshold would win that part back on new patients."
)


def _split(scope: Scope, address: Address) -> RiskSplit:
    costs = scope.policy.costs
    before, after = (
        (scope.evidence.positive_probability(model)[scope.test], scope.call(model, address.at))
        for model in (scope.reference(address), address.model)
    )
    return split_risk_change(scope.actual, before, after, MistakeCosts(costs.false_negative, costs.false_positive))


def measure_risk_by_threshold(scope: Scope, address: Address) -> Estimate:
    """Measure the part of the increase of Global Risk that another number of positive calls explains."""
    return _describe(scope, _split(scope, address).by_threshold)


def measure_risk_by_discrimination(scope: Scope, address: Address) -> Estimate:
    """Measure the part that another ranking explains, at the same number of positive calls."""
    return _describe(scope, _split(scope, address).by_discrimination)


def _describe(scope: Scope, value: float) -> Estimate:
    return Estimate(value=value, unit=Unit.COST_PER_CASE, n=int(scope.test.sum()))


RISK_BY_THRESHOLD = Metric(
    title="Global Risk, increase by a moved operating point",
    traits=MetricTraits(kind="descriptive", against=_REFERENCES, at=True),
    direction=Direction.LOWER,
    source=_SOURCE,
    measure=measure_risk_by_threshold,
    caveat=_CAVEAT,
)
RISK_BY_DISCRIMINATION = Metric(
    title="Global Risk, increase by lost discrimination",
    traits=MetricTraits(kind="descriptive", against=_REFERENCES, at=True),
    direction=Direction.LOWER,
    source=_SOURCE,
    measure=measure_risk_by_discrimination,
    caveat=_CAVEAT,
)
