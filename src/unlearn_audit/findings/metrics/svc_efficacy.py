"""Attacks by a fitted classifier: the SVC of SalUn's protocol, and a cross-validated logistic regression."""

from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.findings.metric import Metric
from unlearn_audit.findings.traits import TRAITS
from unlearn_audit.records import Direction, Estimate
from unlearn_audit.records.key import MetricKey
from unlearn_audit.stats import estimate_logistic_accuracy, estimate_svc_efficacy


def measure_svc_efficacy(context: EvaluationContext, key: MetricKey) -> Estimate:
    """Measure the share of forget records that an SVC on the confidence, fitted on retain and test, calls non-members.

    What must not be concluded: more is not always better; a retrained model scores well below 1.
    """
    evidence = context.evidence
    return estimate_svc_efficacy(
        evidence.log_probs[key.model],
        evidence.label,
        retain=evidence.select("retain"),
        forget=evidence.select("forget"),
        test=context.test,
        confidence=context.confidence_for(key.model),
    )


def measure_logistic_accuracy(context: EvaluationContext, key: MetricKey) -> Estimate:
    """Measure how often a logistic regression on the loss, cross-validated, tells forget from test; 0.5 is chance."""
    evidence = context.evidence
    sampling = context.sampling(key)
    return estimate_logistic_accuracy(
        evidence.log_probs[key.model],
        evidence.label,
        forget=evidence.select("forget"),
        test=context.test,
        confidence=sampling["confidence"],
        rng=sampling["rng"],
    )


SVC_EFFICACY = Metric(
    traits=TRAITS["svc-efficacy"],
    direction=Direction.DESCRIPTIVE,
    source="Fan et al. 2024, arXiv 2310.12508: RBF, C = 3, on the confidence",
    measure=measure_svc_efficacy,
)
LOGISTIC_ACCURACY = Metric(
    traits=TRAITS["logistic-accuracy"],
    direction=Direction.TWO_SIDED,
    source="Triantafillou et al. 2024, arXiv 2406.09073: cross-validated logistic regression",
    measure=measure_logistic_accuracy,
)
