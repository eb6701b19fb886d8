"""Obstacles: why a number may fail a check and cannot pass it, because the evidence could not show anything else.

A gate can be passed without forging a number: one model stands in two roles, a record is counted many times, or the
list of records to forget names some that the original does not recognise either. Each is found from the answers.
"""

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.data.overlaps import PERSONS
from unlearn_audit.errors import MeasurementError
from unlearn_audit.evidence import Evidence
from unlearn_audit.findings.attacks import Needs, find_attack, name_calibrator, pair_clusters, score_groups
from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.findings.metric import Metric
from unlearn_audit.findings.repeated_records import find_repeated
from unlearn_audit.findings.withheld_answers import find_withheld
from unlearn_audit.policy import describe_spent
from unlearn_audit.records import ALL, Estimate, Message, write_message
from unlearn_audit.records.key import MetricKey
from unlearn_audit.stats import estimate_auc, estimate_auc_shift

DOUBT = "original-does-not-recognise"
_REFERENCES = ("original", "retrained")
_NEAR = 1e-3
"""Two answers nearer than this in log-odds are the same answer."""
_MOST_NEAR = 0.99
"""Two models that answer the same on more than this share of the records are copies."""
_LEAST_CERTAIN = 1e-9
"""An answer surer than this is rounded: equal ones do not show that models are."""


def find_obstacle(context: EvaluationContext, metric: Metric, key: MetricKey) -> Message | None:
    """Return why the number at `key` cannot pass a check; None where nothing stands in the way.

    Asked of the models that are judged. It depends on the evidence, and on the policy's attacks, cluster column and
    planned looks alone.
    """
    if key.model in _REFERENCES or key.model not in context.evidence.log_probs:
        return None
    at_large = context.remember(("obstacle", "all"), lambda: (_find_at_large(context),))[0]
    if at_large is not None:
        return at_large
    if metric.traits.kind != "forgetting":
        return None
    copies = context.remember(("obstacle", "copies"), lambda: list_copies(context.evidence))
    if forged := _describe_copy(copies, key) or _recall_withheld(context, key.model, copies):
        return forged
    return None if context.policy.membership.unrecognised == "inform" else _recall_unrecognised(context, copies)


def _find_at_large(context: EvaluationContext) -> Message | None:
    return describe_spent(context.looks) or _find_shared(context) or find_repeated(context)


def _find_shared(context: EvaluationContext) -> Message | None:
    """Return how many patients or lesions stand in training and in test, unless the policy takes that."""
    data = context.policy.data
    if data is not None and data.shared == "inform":
        return None
    for overlap in context.evidence.provenance.data.overlaps:
        if (
            overlap.column in PERSONS
            and "test" in overlap.splits
            and not {"train", "retain", "forget"}.isdisjoint(overlap.splits)
        ):
            return write_message("patients-in-training-and-test", count=overlap.shared_groups, column=overlap.column)
    return None


def find_doubt(context: EvaluationContext, metric: Metric, key: MetricKey) -> Message | None:
    """Return the doubt about a forgetting number that the policy does not take for an obstacle; None for none."""
    judged = key.model not in _REFERENCES and key.model in context.evidence.log_probs
    if not judged or metric.traits.kind != "forgetting" or context.policy.membership.unrecognised != "inform":
        return None
    copies = context.remember(("obstacle", "copies"), lambda: list_copies(context.evidence))
    return _recall_unrecognised(context, copies)


def _recall_withheld(context: EvaluationContext, model: str, copies: frozenset[tuple[str, str]]) -> Message | None:
    others = [name for name in _REFERENCES if name in context.evidence.log_probs and (name, model) not in copies]
    return context.remember(("obstacle", "withheld", model), lambda: (find_withheld(context.evidence, model, others),))[
        0
    ]


def _recall_unrecognised(context: EvaluationContext, copies: frozenset[tuple[str, str]]) -> Message | None:
    return context.remember(("obstacle", "recognition"), lambda: (_find_unrecognised(context, copies),))[0]


def list_copies(evidence: Evidence) -> frozenset[tuple[str, str]]:
    """Return each pair of models that share a file, or answer the same on nearly every record."""
    digests = {card.name: card.sha256 for card in evidence.provenance.models if card.sha256}

    def are_same(one: str, other: str) -> bool:
        if digests.get(one) is not None and digests.get(one) == digests.get(other):
            return True
        return _share_of_equal(evidence.log_probs[one], evidence.log_probs[other]) > _MOST_NEAR

    return frozenset(pair for pair in combinations(evidence.log_probs, 2) if are_same(*pair))


def _share_of_equal(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Share of records whose answers lie within `_NEAR`; rounded answers of sure models are left out."""
    distinct = (_find_largest(one) < -_LEAST_CERTAIN) | (_find_largest(other) < -_LEAST_CERTAIN)
    if not distinct.any():
        return float(np.array_equal(one, other))
    return float((_find_largest(np.abs(one - other))[distinct] <= _NEAR).mean())


def _find_largest(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the maximum of each row; over few columns, column by column is thirty times as fast."""
    return np.asarray(np.ascontiguousarray(rows.T).max(axis=0))


def _describe_copy(copies: frozenset[tuple[str, str]], key: MetricKey) -> Message | None:
    def are_copies(one: str, other: str) -> bool:
        return (one, other) in copies or (other, one) in copies

    if are_copies(key.model, "original"):
        return write_message("model-is-the-original", model=key.model)
    if key.against == "retrained" and are_copies("original", "retrained"):
        return write_message("retrained-is-the-original")
    if key.against == "retrained" and are_copies(key.model, "retrained"):
        return write_message("model-is-the-retrained", model=key.model)
    return None


def _find_unrecognised(context: EvaluationContext, copies: frozenset[tuple[str, str]]) -> Message | None:
    """Return why nothing can be told, where no attack of the policy recognises the erased records in the original.

    Against the retrained model on the same records where there is one, since forget and test records may differ by
    themselves; else against chance. The error is shared among the attacks.
    """
    usable = [a for a in context.policy.membership.attacks if find_attack(a).needs is not Needs.UNLEARNED]
    paired = "retrained" in context.evidence.log_probs and ("original", "retrained") not in copies
    protocol = context.policy.protocol
    confidence = 1 - (1 - protocol.confidence) / (max(1, len(usable)) * (protocol.looks or 1))
    values, null = [], 0.0 if paired else 0.5
    for attack in usable:
        try:
            estimate = _estimate_recognition(context, attack, confidence, paired=paired)
        except MeasurementError:
            continue  # its own finding says why
        if estimate.bounds and estimate.bounds.low > null:
            return None  # one is enough
        values.append(estimate.value)
    return write_message(DOUBT, value=max(values) + (0.5 - null), attacks=len(values)) if values else None


def _estimate_recognition(context: EvaluationContext, attack: str, confidence: float, *, paired: bool) -> Estimate:
    clusters = pair_clusters(context, ALL, attack)
    original = score_groups(context, "original", ALL, attack)
    if not paired:
        return estimate_auc(*original, confidence=confidence, clusters=clusters)
    like = name_calibrator(context, "original")
    retrained = score_groups(context, "retrained", ALL, attack, like)
    return estimate_auc_shift(retrained, original, confidence=confidence, clusters=clusters)
