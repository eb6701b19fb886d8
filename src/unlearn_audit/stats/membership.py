"""Membership signals: one number per record, HIGHER = more like a record the model was trained on.

Each takes the model's log-probabilities (n, k), natural logarithm, of the softmax over float64 logits, and the true
labels (n,). Nothing is computed from probabilities: a confident model's p_y rounds to one and its signal with it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.errors import MeasurementError
from unlearn_audit.records import write_message
from unlearn_audit.stats.validation import validate_equal_lengths

LogProbs = NDArray[np.float64]
Labels = NDArray[np.int64]
Scores = NDArray[np.float64]

_SUM_TOLERANCE = 1e-4


def _check(log_probs: LogProbs, labels: Labels) -> None:
    if log_probs.ndim != 2 or log_probs.shape[1] < 2 or not len(log_probs):  # noqa: PLR2004 - rows, two classes
        raise MeasurementError(write_message("too-few-classes", shape=log_probs.shape))
    validate_equal_lengths(log_probs=log_probs, labels=labels)
    if (labels < 0).any() or (labels >= log_probs.shape[1]).any():
        raise MeasurementError(write_message("labels-out-of-range", highest=log_probs.shape[1] - 1))
    if not np.isfinite(log_probs).all():
        raise MeasurementError(write_message("log-probabilities-not-finite"))
    if (np.abs(np.einsum("ij->i", np.exp(log_probs)) - 1) > _SUM_TOLERANCE).any():
        raise MeasurementError(
            write_message("log-probabilities-sum-otherwise"),
            hint="give log_softmax(logits), not logits or probabilities",
        )


def _log_of_others(log_probs: LogProbs) -> LogProbs:
    """Return (n, k) log(1 - p_k), exact where p_k is nearly one: there it is the log-sum-exp of the other classes."""
    top = log_probs.argmax(axis=1)[:, None]
    # every class but the largest has p_k <= 1/2, where log1p loses nothing
    direct = np.log1p(-np.exp(np.minimum(log_probs, -np.log(2))))
    others = log_probs.copy()
    np.put_along_axis(others, top, -np.inf, axis=1)
    # rows that sum to one only within float32 could give log(1 - p) > 0 by that much
    of_top = np.minimum(np.logaddexp.reduce(others, axis=1, keepdims=True), 0.0)
    np.put_along_axis(direct, top, of_top, axis=1)
    return np.asarray(direct)


def _pick(columns: LogProbs, labels: Labels) -> Scores:
    """Return (n,) each record's entry in the column of its own label."""
    return np.asarray(columns[np.arange(len(labels)), labels])


def score_confidence(log_probs: LogProbs, labels: Labels) -> Scores:
    """Return p_y, in [0, 1]. Ties near one where the model is very confident; `score_logit` has none.

    Raises:
        MeasurementError: shapes, labels or values that are no log-probabilities.
    """
    _check(log_probs, labels)
    return np.asarray(np.exp(_pick(log_probs, labels)))


def score_loss(log_probs: LogProbs, labels: Labels) -> Scores:
    """Return log p_y, the negated cross-entropy in nats, at most 0.

    Raises:
        MeasurementError: shapes, labels or values that are no log-probabilities.
    """
    _check(log_probs, labels)
    return _pick(log_probs, labels)


def score_logit(log_probs: LogProbs, labels: Labels) -> Scores:
    """Return phi = log p_y - log(1 - p_y), the logit of the true class; any real number, roughly normal.

    Raises:
        MeasurementError: shapes, labels or values that are no log-probabilities.
    """
    _check(log_probs, labels)
    return _pick(log_probs, labels) - _pick(_log_of_others(log_probs), labels)


def score_entropy(log_probs: LogProbs, labels: Labels) -> Scores:
    """Return sum_k p_k log p_k, the negated entropy in nats, in [-log k, 0]. Does not look at the label.

    Raises:
        MeasurementError: shapes, labels or values that are no log-probabilities.
    """
    _check(log_probs, labels)
    return np.asarray((np.exp(log_probs) * log_probs).sum(axis=1))


def score_modified_entropy(log_probs: LogProbs, labels: Labels) -> Scores:
    """Return -M, M = -(1 - p_y) log p_y - sum over k != y of p_k log(1 - p_k) >= 0; 0 only where p_y = 1.

    With two classes M = -2 (1 - p_y) log p_y, a falling function of p_y: records stand in the order of their logits.
    A confident wrong answer has a small entropy and a large M. A widely copied implementation writes log p_k where
    log(1 - p_k) belongs and mixes up the rows; its value cannot see a model that is confidently wrong.

    Raises:
        MeasurementError: shapes, labels or values that are no log-probabilities.
    """
    _check(log_probs, labels)
    log_others = _log_of_others(log_probs)
    others = np.exp(log_probs) * log_others
    # taken out before the sum: subtracted after it, p_y log(1 - p_y), which is large where the rest is tiny, cancels it
    others[np.arange(len(labels)), labels] = 0.0
    own = np.exp(_pick(log_others, labels)) * _pick(log_probs, labels)
    return np.asarray(own + others.sum(axis=1))


def score_correctness(log_probs: LogProbs, labels: Labels) -> Scores:
    """Return 1 where the most probable class is the true one, else 0: the gap attack.

    Raises:
        MeasurementError: shapes, labels or values that are no log-probabilities.
    """
    _check(log_probs, labels)
    return np.asarray(log_probs.argmax(axis=1) == labels, dtype=np.float64)


@dataclass(frozen=True)
class Signal:
    """A row of `SIGNALS`: how it is computed, what it is called, where it comes from."""

    score: Callable[[LogProbs, Labels], Scores]
    title: str
    source: str


SIGNALS: Mapping[str, Signal] = {
    "confidence": Signal(score_confidence, "Confidence in the true class", "Salem et al. (2019), NDSS"),
    "logit": Signal(score_logit, "Logit of the true class", "Carlini et al. (2022), IEEE S&P, section V-A"),
    "loss": Signal(score_loss, "Loss, negated", "Yeom et al. (2018), IEEE CSF, adversary 2"),
    "entropy": Signal(score_entropy, "Prediction entropy, negated", "Salem et al. (2019), NDSS"),
    "modified-entropy": Signal(
        score_modified_entropy, "Modified entropy, negated", "Song & Mittal (2021), USENIX Security, equation 8"
    ),
    "correctness": Signal(score_correctness, "Correctness of the call", "Yeom et al. (2018), IEEE CSF, adversary 1"),
}
