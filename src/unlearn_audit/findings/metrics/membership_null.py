"""The null of a membership AUC: the same attack on reference models that never saw the records.

Retrained models differ from one another by chance. A difference between the audited and the retrained model that is no
larger than this spread says nothing about forgetting.
"""

import numpy as np

from unlearn_audit.errors import MeasurementError
from unlearn_audit.findings.attacks import needs_references, score_unseen
from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.findings.metric import Metric
from unlearn_audit.findings.traits import TRAITS
from unlearn_audit.records import Direction, Estimate, write_message
from unlearn_audit.records.key import MetricKey
from unlearn_audit.stats import compute_auc, estimate_null


def measure_membership_null(context: EvaluationContext, key: MetricKey) -> Estimate:
    """Measure the AUC of the attack on each reference model, of candidates that it was not trained on.

    What must not be concluded: that an AUC inside this range is proof of forgetting. Each reference model is attacked
    on its own half of the candidates, so the range is wider than that of retrained models on all of them.
    """
    if key.attack is None:
        raise MeasurementError(write_message("no-attack-named"))
    pairs = list(score_unseen(context, key.model, key.among, key.attack))
    if all(np.ptp(np.concatenate(pair)) == 0 for pair in pairs):
        raise MeasurementError(write_message("constant-scores-of-references"))
    aucs = [compute_auc(members, nonmembers) for members, nonmembers in pairs]
    size = min(len(members) + len(nonmembers) for members, nonmembers in pairs)
    return estimate_null(aucs, size, confidence=context.policy.protocol.confidence)


MEMBERSHIP_NULL = Metric(
    traits=TRAITS["membership-null"],
    direction=Direction.DESCRIPTIVE,
    source="reference models attacked with the help of the others; order statistics, Wilks 1941",
    measure=measure_membership_null,
    caveat=write_message("reference-models-attacked-on-halves"),
    models=lambda name: name != "original",
    applies=needs_references,
)
