"""The records that are still recognised: for the holder of the evidence, never for a record or a report."""

from unlearn_audit.evidence import Evidence
from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.findings.metrics.worst_recognition import find_worst
from unlearn_audit.policy import Policy
from unlearn_audit.records import ALL


def list_recognised(policy: Policy, evidence: Evidence, model: str) -> tuple[str, ...]:
    """Return the ids of the erased records that are still recognised, those that 'recognised-records' counts.

    They name people who asked to be forgotten: keep them where the evidence is kept.

    Args:
        policy: whose level and seed are used.
        evidence: with reference models.
        model: of the evidence, such as 'unlearned'.

    Raises:
        MeasurementError: what the test needs is not there.
    """
    audit_set, worst = find_worst(EvaluationContext(evidence, policy), model, ALL)
    return tuple(str(name) for name in evidence.ids[audit_set.rows[worst.beyond & audit_set.forgotten]])
