"""Utility: accuracy on retained records and the share predicted positive. A destroyed model fails these."""

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.findings.metric import Metric
from unlearn_audit.findings.traits import TRAITS
from unlearn_audit.records import Direction, Estimate
from unlearn_audit.records.key import MetricKey
from unlearn_audit.stats import estimate_rate


def measure_retain_accuracy(context: EvaluationContext, key: MetricKey) -> Estimate:
    """Measure the share of retained training records whose most probable class is the true one.

    What must not be concluded: that the model is right on new records; these it was trained on.
    """
    retain = context.evidence.select("retain")
    right = find_right(context, key.model)
    return estimate_rate(right, clusters=context.clusters(retain), **context.sampling(key))


def find_right(context: EvaluationContext, model: str) -> NDArray[np.bool_]:
    """Return (n_retain,) whether the most probable class of each retained record is the true one."""
    retain = context.evidence.select("retain")
    return np.asarray(context.evidence.log_probs[model][retain].argmax(axis=1) == context.evidence.label[retain])


def measure_positive_share(context: EvaluationContext, key: MetricKey) -> Estimate:
    """Measure the share of test records that are called positive: near 0 or 1 the model has collapsed."""
    predicted = context.predict_positive(key.model, key.at)
    return estimate_rate(predicted, clusters=context.clusters(context.test), **context.sampling(key))


RETAIN_ACCURACY = Metric(
    traits=TRAITS["retain-accuracy"],
    direction=Direction.HIGHER,
    source="share of retain records whose most probable class is the true one",
    measure=measure_retain_accuracy,
    groups=("retain",),
)
POSITIVE_SHARE = Metric(
    traits=TRAITS["positive-share"],
    direction=Direction.TWO_SIDED,
    source="share of test records called positive",
    measure=measure_positive_share,
    groups=("test",),
)
