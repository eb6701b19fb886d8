"""Paired recognition over all pairs of reference models: how often the one that trained on a record is more certain.

One audited model gives one draw for each record; its references give one for each pair, so that this is known several
times better than the membership AUC of one model. It speaks of the procedure (method, recipe, data) that made the
audited checkpoint; `checkpoint-spread` says whether that is one of its models.
"""

import numpy as np

from unlearn_audit.errors import MeasurementError
from unlearn_audit.findings.audit_set import (
    SIGN_VECTORS,
    AuditSet,
    gather_audit_set,
    get_answers,
    looks_by_person,
    reads_pairs,
)
from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.findings.metric import Metric
from unlearn_audit.findings.traits import TRAITS
from unlearn_audit.records import Direction, Estimate, derive_rng, round_number, write_message
from unlearn_audit.records.key import MetricKey
from unlearn_audit.stats import PairedRecognition, compare_checkpoint, estimate_paired_recognition, score_logit

_CAVEAT = write_message("speaks-of-procedure-and-ties")


def measure_paired_recognition(context: EvaluationContext, key: MetricKey) -> Estimate:
    """Measure P(IN > OUT), 1/2 where nothing is left; bounds over the pairs, persons counted once where known.

    What must not be concluded: that no single record is recognised. That is `worst-record-recognition`.
    """
    audit_set, found = _estimate(context, key)
    return _describe(audit_set, found.probability, found.probability_test.two_sided)


def measure_mean_difference(context: EvaluationContext, key: MetricKey) -> Estimate:
    """Measure the mean of phi(IN) - phi(OUT) in log-odds, 0 where nothing is left."""
    audit_set, found = _estimate(context, key)
    return _describe(audit_set, found.difference, found.difference_test.two_sided)


def _describe(audit_set: AuditSet, estimate: Estimate, p: float) -> Estimate:
    pairs = audit_set.differences.pairs
    return estimate.model_copy(update={"pairs": pairs, "p": round_number(p), "sizes": audit_set.sizes})


def _estimate(context: EvaluationContext, key: MetricKey) -> tuple[AuditSet, PairedRecognition]:
    by_person = looks_by_person(context, "paired-recognition")
    audit_set = gather_audit_set(context, key.model, key.among, by_person=by_person)
    least = context.policy.protocol.smallest_group
    if min(audit_set.sizes[0], audit_set.differences.records) < least:
        code = "too-few-forgotten-persons" if by_person else "too-few-forgotten-records"
        raise MeasurementError(write_message(code, found=audit_set.sizes[0], least=least))
    confidence = context.confidence_for(key.model)
    words = ("paired recognition", key.model, str(key.among), f"{confidence:.10g}")
    return audit_set, context.remember(
        words,
        lambda: estimate_paired_recognition(
            audit_set.differences,
            confidence=confidence,
            draws=SIGN_VECTORS,
            rng=derive_rng(context.seed, "measure", *words[:3]),
        ),
    )


def measure_checkpoint_spread(context: EvaluationContext, key: MetricKey) -> Estimate:
    """Measure the AUC of forgotten records against controls under this checkpoint, calibrated by its references.

    The interval is where one more model of the same procedure would lie: outside it the checkpoint is an outlier, and
    what the pairs say about the procedure need not hold for it.

    What must not be concluded: that nothing is left, where it lies within.
    """
    evidence, references = context.evidence, context.evidence.references
    answers = get_answers(context, key.model)
    if references is None:  # refused by `get_answers`
        raise MeasurementError(write_message("no-reference-models-in-evidence"))
    rows, labels = references.candidates, evidence.label[references.candidates]
    found = compare_checkpoint(
        score_logit(evidence.log_probs[key.model][rows], labels),
        evidence.select("forget")[rows],
        np.stack([score_logit(answer[rows], labels) for answer in answers]),
        references.trained_on[:, rows],
        confidence=context.policy.protocol.confidence,
    )
    update = {"p": round_number(found.p), "pairs": references.count // 2}
    return found.estimate.model_copy(update=update)


PAIRED_RECOGNITION = Metric(
    traits=TRAITS["paired-recognition"],
    direction=Direction.TWO_SIDED,
    source="P(IN > OUT) over complementary pairs of reference models; Student over the pairs, one worst-case record",
    measure=measure_paired_recognition,
    groups=("forget", "test"),
    applies=reads_pairs,
    caveat=_CAVEAT,
)
PAIRED_RECOGNITION_MEAN = Metric(
    traits=TRAITS["paired-recognition-mean"],
    direction=Direction.DESCRIPTIVE,
    source="mean of phi(IN) - phi(OUT) over complementary pairs of reference models",
    measure=measure_mean_difference,
    applies=reads_pairs,
    caveat=_CAVEAT,
)
CHECKPOINT_SPREAD = Metric(
    traits=TRAITS["checkpoint-spread"],
    direction=Direction.DESCRIPTIVE,
    source="calibrated AUC; interval: Student's prediction interval over reference models of the same procedure",
    measure=measure_checkpoint_spread,
    applies=reads_pairs,
    caveat=write_message("outside-is-an-outlier"),
)
