"""Withheld answers: a filter behind a model that answers alike, or at random, where the model would give a record away.

A model that forgot answers on erased records as it does on strangers'. One whose answers on the erased are replaced can
make any average look right, and one whose answers are nearly labels recognises nobody.
"""

from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.evidence import Evidence
from unlearn_audit.findings.repeated_records import lay_out_answers
from unlearn_audit.records import Message, write_message
from unlearn_audit.stats import compute_midranks, estimate_auc, score_logit

_MOST_EQUAL, _MOST_TIMES = 10, 5
"""More pairs of erased records with one answer than the first and so many times as test records have: a filter."""
_LEAST_AGREEMENT, _LEAST_SHARE, _LEAST_CORRELATED = 0.3, 1 / 3, 30
"""Models agree with the original on what is hard: by rank correlations of 0.6 to 0.8 on cytology, 0.04 to 0.8 on
ultrasound, where the retrained model's on the erased was half of that on test records: the original knows those by
heart."""
_CONFIDENCE, _LEAST_WRONG, _ALMOST_ONE = 0.95, 5, 1 - 1e-12


def find_withheld(evidence: Evidence, model: str, others: Sequence[str]) -> Message | None:
    """Return why the answers of `model` cannot show who is remembered; None where nothing speaks against them.

    Args:
        evidence: answers on forget and test records.
        model: name of the judged model.
        others: names of models of the same task, the original first.

    What must not be concluded from None: that no filter answers. One that gives strangers' answers to few of the
    erased, or to fewer than some hundred where models agree little, is not found; nor is one draw of noise in ten,
    which seems surer where it is right by chance.
    """
    return _find_filtered(evidence, model) or _find_noise(evidence, model, others)


def _find_filtered(evidence: Evidence, model: str) -> Message | None:
    """Return how many pairs of erased records got one answer, where pairs of test records seldom do."""
    pairs = {split: _count_equal_pairs(evidence, model, split) for split in ("forget", "test")}
    (equal, all_), (elsewhere, all_elsewhere) = pairs["forget"], pairs["test"]
    expected = elsewhere / all_elsewhere * all_ if all_elsewhere else 0.0
    if equal <= _MOST_EQUAL + _MOST_TIMES * expected:
        return None
    return write_message("erased-answered-alike", pairs=equal, expected=round(expected))


def _count_equal_pairs(evidence: Evidence, model: str, split: str) -> tuple[int, int]:
    """Return the pairs of a split with one label and answer, and all pairs; too sure answers are left out."""
    rows, _ = lay_out_answers(evidence, split, (model,))
    n = len(rows)
    counts = np.unique(rows, axis=0, return_counts=True)[1] if n else np.zeros(0, dtype=np.int64)
    return int((counts * (counts - 1) // 2).sum()), n * (n - 1) // 2


def _find_noise(evidence: Evidence, model: str, others: Sequence[str]) -> Message | None:
    """Return that a model's answers tell no more than its labels do, so that nobody could be recognised by them.

    A model that was unlearned or trained on the same task finds hard what one of the others finds hard; at the least it
    is surer where it is right. Labels with a little noise on them are neither, and answers that a filter draws at
    random for the erased go with the others' on the test records alone.
    """
    pairs = []
    for other in others:
        test, forget = (_correlate_within(evidence, model, other, split) for split in ("test", "forget"))
        if test is None:
            continue
        if test.low >= _LEAST_AGREEMENT and (forget is None or forget.high >= _LEAST_SHARE * test.low):
            return None  # it goes with this one
        pairs.append((test, forget))
    if pairs and all(test.high < _LEAST_AGREEMENT for test, _ in pairs):
        best = max((test for test, _ in pairs), key=lambda test: test.high)
        surer = _is_surer_where_right(evidence, model)
        return None if surer else _describe_noise(model, "test", best)
    apart = [forget for test, forget in pairs if forget is not None and test.low >= _LEAST_AGREEMENT]
    return _describe_noise(model, "forget", max(apart, key=lambda forget: forget.high)) if apart else None


class _Agreement(NamedTuple):
    """Bounds of a rank correlation, each at 95 %, and the records that it rests on."""

    low: float
    high: float
    n: int


def _describe_noise(model: str, split: str, found: _Agreement) -> Message:
    return write_message("answers-are-noise", model=model, split=split, value=found.high, n=found.n)


def _correlate_within(evidence: Evidence, model: str, other: str, split: str) -> _Agreement | None:
    """Return the rank correlation of two models' logits of the true class, within one label and one answer.

    By Fisher's z. None where there are too few records, or no ranks.
    """
    mask = evidence.select(split)
    labels = evidence.label[mask]
    ours, theirs = (score_logit(evidence.log_probs[name][mask], labels) for name in (model, other))
    kinds = labels * evidence.log_probs[model].shape[1] + evidence.log_probs[model][mask].argmax(axis=1)
    one, another = np.zeros(len(labels)), np.zeros(len(labels))
    inside = [np.flatnonzero(kinds == kind) for kind in np.unique(kinds)]
    for where in inside:
        one[where], another[where] = (_centre_ranks(values[where]) for values in (ours, theirs))
    free, spread = len(labels) - len(inside), np.sqrt((one**2).sum() * (another**2).sum())
    if free < _LEAST_CORRELATED or not spread:
        return None
    z = np.arctanh(np.clip((one * another).sum() / spread, -_ALMOST_ONE, _ALMOST_ONE))
    half = NormalDist().inv_cdf(_CONFIDENCE) / np.sqrt(free - 2)
    return _Agreement(float(np.tanh(z - half)), float(np.tanh(z + half)), len(labels))


def _centre_ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    ranks = compute_midranks(values)
    return np.asarray((ranks - ranks.mean()) / len(ranks))


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
