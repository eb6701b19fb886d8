"""Obstacles: why a number may fail a check and cannot pass it, because the evidence could not show anything else.

A gate can be passed without forging a number: one model stands in two roles, a record is counted many times, or the
list of records to forget names some that the original does not recognise either. Each is found from the answers.
"""

from itertools import combinations
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.data.overlaps import PERSONS
from unlearn_audit.errors import MeasurementError
from unlearn_audit.evidence import Evidence
from unlearn_audit.findings.attacks import Needs, find_attack, name_calibrator, pair_clusters, score_groups
from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.findings.metric import Metric
from unlearn_audit.findings.repeated_records import find_repeated, lay_out_answers
from unlearn_audit.policy import describe_spent
from unlearn_audit.records import ALL, Estimate, Message, write_message
from unlearn_audit.records.key import MetricKey
from unlearn_audit.stats import estimate_auc, estimate_auc_shift, score_logit
from unlearn_audit.stats.auc import compute_midranks

DOUBT = "original-does-not-recognise"
_REFERENCES = ("original", "retrained")
_NEAR = 1e-3
"""Two answers nearer than this in log-odds are the same answer."""
_MOST_NEAR = 0.99
"""Two models that answer the same on more than this share of the records are copies."""
_MOST_EQUAL, _MOST_TIMES = 10, 5
"""More pairs of erased records with one answer than the first and so many times as test records have: a filter."""
_LEAST_CERTAIN = 1e-9
"""An answer surer than this is rounded: equal ones do not show that models are."""
_LEAST_AGREEMENT, _LEAST_CORRELATED = 0.3, 30
"""Models of one task agree on what is hard, by a rank correlation of 0.6 to 0.9 where that was measured."""
_CONFIDENCE, _LEAST_WRONG, _ALMOST_ONE = 0.95, 5, 1 - 1e-12


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
    if forged := _describe_copy(copies, key) or _recall_withheld(context, key.model):
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


def _recall_withheld(context: EvaluationContext, model: str) -> Message | None:
    return context.remember(
        ("obstacle", "withheld", model), lambda: (_find_filtered(context, model) or _find_noise(context, model),)
    )[0]


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


def _find_filtered(context: EvaluationContext, model: str) -> Message | None:
    """Return how many pairs of erased records got one answer, where pairs of test records seldom do.

    A model that forgot answers on erased records as it does on strangers'. A filter behind it, which clips or replaces
    its answers on the erased alone, can make any average look right.
    """
    evidence = context.evidence
    pairs = {split: _count_equal_pairs(evidence, model, split) for split in ("forget", "test")}
    (equal, all_), (elsewhere, all_elsewhere) = pairs["forget"], pairs["test"]
    expected = elsewhere / all_elsewhere * all_ if all_elsewhere else 0.0
    if equal <= _MOST_EQUAL + _MOST_TIMES * expected:
        return None
    return write_message("erased-answered-alike", pairs=equal, expected=round(expected))


def _find_noise(context: EvaluationContext, model: str) -> Message | None:
    """Return that a model's answers tell no more than its labels do, so that nobody could be recognised by them.

    A model that was unlearned or trained on the same task finds hard what the original finds hard; at the least it is
    surer where it is right. Labels with a little noise on them are neither, and answers that a filter draws at random
    for the erased go with the original's on the test records alone.
    """
    evidence = context.evidence
    test, forget = (_correlate_within(evidence, model, split) for split in ("test", "forget"))
    if test is None:
        return None
    if test.high < _LEAST_AGREEMENT and not _is_surer_where_right(evidence, model):
        return write_message("answers-are-noise", model=model, split="test", value=test.high, n=test.n)
    if forget is not None and forget.high < _LEAST_AGREEMENT <= test.low:
        return write_message("answers-are-noise", model=model, split="forget", value=forget.high, n=forget.n)
    return None


class _Agreement(NamedTuple):
    """Bounds of a rank correlation, each at 95 %, and the records that it rests on."""

    low: float
    high: float
    n: int


def _correlate_within(evidence: Evidence, model: str, split: str) -> _Agreement | None:
    """Return the rank correlation with the original's logit of the true class, within one label and one answer.

    By Fisher's z. None where there are too few records, or no ranks.
    """
    mask = evidence.select(split)
    labels = evidence.label[mask]
    ours, theirs = (score_logit(evidence.log_probs[name][mask], labels) for name in (model, "original"))
    kinds = labels * evidence.log_probs[model].shape[1] + evidence.log_probs[model][mask].argmax(axis=1)
    one, other = np.zeros(len(labels)), np.zeros(len(labels))
    inside = [np.flatnonzero(kinds == kind) for kind in np.unique(kinds)]
    for where in inside:
        one[where], other[where] = (_centre_ranks(values[where]) for values in (ours, theirs))
    free, spread = len(labels) - len(inside), np.sqrt((one**2).sum() * (other**2).sum())
    if free < _LEAST_CORRELATED or not spread:
        return None
    z = np.arctanh(np.clip((one * other).sum() / spread, -_ALMOST_ONE, _ALMOST_ONE))
    half = NormalDist().inv_cdf(_CONFIDENCE) / np.sqrt(free - 2)
    return _Agreement(float(np.tanh(z - half)), float(np.tanh(z + half)), len(labels))


def _is_surer_where_right(evidence: Evidence, model: str) -> bool:
    """Whether, among test records that got one answer, those it fits are shown to get it more surely."""
    mask = evidence.select("test")
    answers, labels = evidence.log_probs[model][mask], evidence.label[mask]
    called = answers.argmax(axis=1)
    margins = score_logit(answers, called)
    for name in np.unique(called):
        right, wrong = margins[(called == name) & (labels == name)], margins[(called == name) & (labels != name)]
        if min(len(right), len(wrong)) >= _LEAST_WRONG:
            bounds = estimate_auc(right, wrong, confidence=_CONFIDENCE).bounds
            if bounds is not None and bounds.low > 0.5:  # noqa: PLR2004 - chance
                return True
    return False


def _centre_ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    ranks = compute_midranks(values)
    return np.asarray((ranks - ranks.mean()) / len(ranks))


def _count_equal_pairs(evidence: Evidence, model: str, split: str) -> tuple[int, int]:
    """Return the pairs of a split with one label and answer, and all pairs; too sure answers are left out."""
    rows, _ = lay_out_answers(evidence, split, (model,))
    n = len(rows)
    counts = np.unique(rows, axis=0, return_counts=True)[1] if n else np.zeros(0, dtype=np.int64)
    return int((counts * (counts - 1) // 2).sum()), n * (n - 1) // 2


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
