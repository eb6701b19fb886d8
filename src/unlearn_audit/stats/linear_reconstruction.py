"""Reconstruction by difference: which record was erased between two releases of a linear head.

A head that was fitted to its optimum before and refitted to it after says what left: with L the loss of the records
that remain and g the gradient of the erased record at the old weights,

    grad L(after) - grad L(before) = g,        g = (prediction - target) x^T,

because both gradients of the whole are zero. So the more exact the refit, the more it discloses to whoever holds both
releases. The attacker does not hold the remaining records: L is estimated on `background` records of the same kind.

Source: Bertran et al. (2024), "Reconstruction Attacks on Machine Unlearning" (arXiv 2405.20272).
    The estimate here takes differences of gradients in place of a Hessian, and ranks instead of inverting.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from unlearn_audit.errors import MeasurementError
from unlearn_audit.records import write_message
from unlearn_audit.stats.auc import compute_midranks
from unlearn_audit.stats.membership import Labels
from unlearn_audit.stats.reference_pairs import Floats


class HeadLoss(StrEnum):
    """What the head was fitted by."""

    CROSS_ENTROPY = "cross-entropy"
    """Multinomial logistic regression: predictions are the softmax of the scores."""
    SQUARED_ERROR = "squared-error"
    """Least squares on one-hot targets, half the sum of squares: predictions are the scores."""


@dataclass(frozen=True, eq=False)
class HeadChange:
    """Weights of a linear head in two releases.

    Attributes:
        before: (k, d) weights; a bias is a column that belongs to a feature of constant 1.
        after: (k, d) weights after the refit without the erased records.
        loss: what both were fitted by.
        penalty: L2 penalty: its gradient is penalty * weights, on the scale of the summed loss.
    """

    before: Floats
    after: Floats
    loss: HeadLoss
    penalty: float = 0.0

    def __post_init__(self) -> None:
        if self.before.ndim != 2 or self.before.shape != self.after.shape:  # noqa: PLR2004 - classes, features
            raise MeasurementError(
                write_message("weights-of-other-shape", before=self.before.shape, after=self.after.shape)
            )
        if not (np.isfinite(self.before).all() and np.isfinite(self.after).all()):
            raise MeasurementError(write_message("weights-not-finite"))
        if (self.before == self.after).all():
            raise MeasurementError(write_message("weights-unchanged"))
        if not 0 <= self.penalty < np.inf:
            raise MeasurementError(write_message("penalty-out-of-range", found=self.penalty))

    def predict(self, weights: Floats, features: Floats) -> Floats:
        """Return (n, k) predictions for `features` (n, d)."""
        from scipy.special import softmax

        scores = features @ weights.T
        return np.asarray(softmax(scores, axis=1) if self.loss is HeadLoss.CROSS_ENTROPY else scores)


def rank_by_alignment(
    change: HeadChange, features: Floats, labels: Labels, *, background: Floats, remaining: int
) -> tuple[Floats, Floats]:
    """Return (n,) alignments of the candidates and (n,) their ranks, 1 for the one that the change points at.

    The alignment of a candidate is the cosine, in [-1, 1], between its gradient at the old weights and the estimate of
    the erased records' gradient: remaining / m times the sum over m background records of (change of prediction) x^T,
    plus the penalty's part. Ties share the mean of their ranks.

    Args:
        change: the two releases.
        features: (n, d) of the candidates, among them the erased records.
        labels: (n,) true classes, from 0 to k - 1.
        background: (m, d) features of records like those that remain; not needed to be these.
        remaining: number of records that the second release was fitted to. Matters only beside a penalty.

    Returns:
        Alignments and ranks. A rank of 1 among n by chance has probability 1 / n. A poor rank does not prove safety:
        a head that was not fitted to its optimum, or fewer background records, blur it. Says nothing about networks
        whose features changed too.

    Raises:
        MeasurementError: shapes or labels that do not fit, values that are not finite, no candidate with a gradient.
    """
    _validate_records(change, features, labels, background, remaining)
    moved = change.predict(change.after, background) - change.predict(change.before, background)
    pooled = moved.T @ background * (remaining / len(background))
    pooled += change.penalty * (change.after - change.before)
    residuals = change.predict(change.before, features) - np.eye(len(change.before))[labels]
    along = ((residuals @ pooled) * features).sum(axis=1)
    lengths = np.linalg.norm(residuals, axis=1) * np.linalg.norm(features, axis=1) * np.linalg.norm(pooled)
    if not lengths.any():
        raise MeasurementError(write_message("no-gradient"))
    alignments = np.divide(along, lengths, out=np.full(len(features), -1.0), where=lengths > 0)
    return alignments, compute_midranks(-alignments)


def _validate_records(change: HeadChange, features: Floats, labels: Labels, background: Floats, remaining: int) -> None:
    classes, width = change.before.shape
    for name, values in (("candidates", features), ("background", background)):
        if values.ndim != 2 or values.shape[1] != width or not len(values):  # noqa: PLR2004 - records, features
            raise MeasurementError(write_message("features-of-other-shape", name=name, width=width, shape=values.shape))
        if not np.isfinite(values).all():
            raise MeasurementError(write_message("features-not-finite", name=name))
    if labels.shape != features.shape[:1] or (labels < 0).any() or (labels >= classes).any():
        raise MeasurementError(write_message("labels-not-per-candidate", highest=classes - 1, n=len(features)))
    if remaining < 1:
        raise MeasurementError(write_message("no-remaining-record", found=remaining))
