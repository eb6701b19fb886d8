"""Leakage of the retained records: the change of their membership AUC against the original."""

from unlearn_audit.errors import MeasurementError
from unlearn_audit.findings.attacks import is_population_attack, score_records, select_group
from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.findings.metric import Metric
from unlearn_audit.findings.traits import TRAITS
from unlearn_audit.records import Direction, Estimate, write_message
from unlearn_audit.records.key import MetricKey
from unlearn_audit.stats import estimate_auc_change


def measure_retain_leakage(context: EvaluationContext, key: MetricKey) -> Estimate:
    """Measure the AUC of retain against test, minus the original's on the same records; above zero leaks more.

    What must not be concluded: that retained records do not leak. They do, in the original as well.
    """
    if key.attack is None:
        raise MeasurementError(write_message("no-attack-named"))
    before = score_records(context, context.reference(key), key.attack)
    after = score_records(context, key.model, key.attack)
    retain, test = (select_group(context, split, key.among, after.records) for split in ("retain", "test"))
    ours, theirs = context.clusters(retain), context.clusters(test)
    return estimate_auc_change(
        (before.values[retain], before.values[test]),
        (after.values[retain], after.values[test]),
        confidence=context.confidence_for(key.model),
        clusters=None if ours is None or theirs is None else (ours, theirs),
    )


RETAIN_LEAKAGE = Metric(
    # among all alone: a check on the malignant ones must ask about the forgotten, or a policy could go without one
    traits=TRAITS["retain-leakage"],
    direction=Direction.LOWER,
    source="Hayes et al. 2024, arXiv 2403.01218: the remaining records may leak more; DeLong et al. 1988, paired",
    measure=measure_retain_leakage,
    groups=("retain", "test"),
    attacks=is_population_attack,
)
