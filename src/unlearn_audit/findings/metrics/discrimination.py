"""Discrimination: how well the model ranks positives above negatives, whatever its threshold."""

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.findings.metric import Metric
from unlearn_audit.findings.traits import TRAITS
from unlearn_audit.records import Direction, Estimate, write_message
from unlearn_audit.records.key import MetricKey
from unlearn_audit.stats import estimate_auc, estimate_auc_change, estimate_brier, estimate_fnr_at_fpr

Pair = tuple[NDArray[np.float64], NDArray[np.float64]]
_FPR = 0.2


def score_test(context: EvaluationContext, model: str) -> Pair:
    """Return the log-odds of being positive, of the test positives and of the test negatives."""
    odds = context.log_odds(model)
    return odds[context.positives], odds[context.negatives]


def _pair_clusters(context: EvaluationContext) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    ours, theirs = context.clusters(context.positives), context.clusters(context.negatives)
    return None if ours is None or theirs is None else (ours, theirs)


def measure_auroc(context: EvaluationContext, key: MetricKey) -> Estimate:
    """Measure the area under the ROC curve of positive against negative test records."""
    positives, negatives = score_test(context, key.model)
    confidence = context.confidence_for(key.model)
    return estimate_auc(positives, negatives, confidence=confidence, clusters=_pair_clusters(context))


def measure_auroc_drop(context: EvaluationContext, key: MetricKey) -> Estimate:
    """Measure by how much the AUROC is below the reference's, on the same records (paired); above zero is worse."""
    confidence = context.confidence_for(key.model)
    return estimate_auc_change(
        score_test(context, key.model),
        score_test(context, context.reference(key)),
        confidence=confidence,
        clusters=_pair_clusters(context),
    )


def measure_fnr_at_fpr(context: EvaluationContext, key: MetricKey) -> Estimate:
    """Measure the share of positives missed where 20 % of the negatives are called positive.

    The threshold is found on the test split itself, so this compares models and is no rate of any deployed one.
    """
    positives, negatives = score_test(context, key.model)
    return estimate_fnr_at_fpr(positives, negatives, _FPR, confidence=context.confidence_for(key.model)).model_copy(
        update={"bounds": None}
    )


def measure_brier(context: EvaluationContext, key: MetricKey) -> Estimate:
    """Measure the mean squared distance of the probability of being positive from the truth; 0 is perfect."""
    probability = context.evidence.positive_probability(key.model)[context.test]
    confidence = context.confidence_for(key.model)
    return estimate_brier(context.actual, probability, confidence=confidence, clusters=context.clusters(context.test))


AUROC = Metric(
    traits=TRAITS["auroc"],
    direction=Direction.HIGHER,
    source="Hanley and McNeil 1982; DeLong et al. 1988",
    measure=measure_auroc,
    groups=("positive", "negative"),
)
AUROC_DROP = Metric(
    traits=TRAITS["auroc-drop"],
    direction=Direction.LOWER,
    source="DeLong et al. 1988, paired",
    measure=measure_auroc_drop,
    groups=("positive", "negative"),
)
FNR_AT_FPR = Metric(
    traits=TRAITS["fnr-at-fpr-20"],
    direction=Direction.LOWER,
    source="empirical ROC curve on the test split",
    measure=measure_fnr_at_fpr,
    caveat=write_message("threshold-found-on-test"),
)
BRIER = Metric(
    traits=TRAITS["brier"],
    direction=Direction.LOWER,
    source="Brier 1950, for the probability of being positive",
    measure=measure_brier,
)
