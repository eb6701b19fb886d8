"""Global Risk: what the model's mistakes cost per case, and how that changed against a reference."""

from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.findings.metric import Metric
from unlearn_audit.findings.traits import TRAITS
from unlearn_audit.records import Direction, Estimate, write_message
from unlearn_audit.records.key import MetricKey
from unlearn_audit.stats import MistakeCosts, estimate_global_risk, estimate_risk_change

_SOURCE = "GR = (C_FN * FN + C_FP * FP) / N on the test split; cost form of the code published around arXiv 2604.23854"


def _costs(context: EvaluationContext) -> MistakeCosts:
    return MistakeCosts(context.policy.costs.false_negative, context.policy.costs.false_positive)


def measure_global_risk(context: EvaluationContext, key: MetricKey) -> Estimate:
    """Measure Global Risk in cost units per test case; 0 makes no mistake."""
    return estimate_global_risk(
        context.actual,
        context.predict_positive(key.model, key.at),
        _costs(context),
        clusters=context.clusters(context.test),
        **context.sampling(key),
    )


def measure_risk_at_prevalence(context: EvaluationContext, key: MetricKey) -> Estimate:
    """Measure Global Risk as it would be at the policy's prevalence of intended use: pi C_FN FNR + (1 - pi) C_FP FPR.

    What must not be concluded: that error rates carry over to a population whose cases differ in more than prevalence.
    """
    return estimate_global_risk(
        context.actual,
        context.predict_positive(key.model, key.at),
        _costs(context),
        prevalence=context.prevalence,
        clusters=context.clusters(context.test),
        **context.sampling(key),
    )


def measure_risk_increase(context: EvaluationContext, key: MetricKey) -> Estimate:
    """Measure by how much Global Risk is above the reference's, on the same records (paired)."""
    return estimate_risk_change(
        context.actual,
        context.predict_positive(context.reference(key), key.at),
        context.predict_positive(key.model, key.at),
        _costs(context),
        clusters=context.clusters(context.test),
        **context.sampling(key),
    )


GLOBAL_RISK = Metric(
    traits=TRAITS["global-risk"],
    direction=Direction.LOWER,
    source=_SOURCE,
    measure=measure_global_risk,
    groups=("positive", "negative"),
    baselines=True,
    caveat=write_message("risk-may-be-a-moved-point"),
)
GLOBAL_RISK_AT_PREVALENCE = Metric(
    traits=TRAITS["global-risk-at-prevalence"],
    direction=Direction.LOWER,
    source="pi * C_FN * FNR + (1 - pi) * C_FP * FPR",
    measure=measure_risk_at_prevalence,
    groups=("positive", "negative"),
    baselines=True,
    applies=lambda policy: policy.costs.prevalence is not None,
)
GLOBAL_RISK_INCREASE = Metric(
    traits=TRAITS["global-risk-increase"],
    direction=Direction.LOWER,
    source="paired change over the cells newly missed, newly caught, new and repaired false alarms",
    measure=measure_risk_increase,
    groups=("positive", "negative"),
    caveat=write_message("no-increase-is-no-forgetting"),
)
