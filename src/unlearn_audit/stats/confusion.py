"""Confusion counts: of one model, and of two models on the same records."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.errors import MeasurementError
from unlearn_audit.records import write_message
from unlearn_audit.stats.validation import validate_masks

Mask = NDArray[np.bool_]


def _divide(part: int, whole: int, of: str) -> float:
    if whole == 0:
        raise MeasurementError(
            write_message("no-record-of-class", of=of), hint=f"a rate among {of}s needs {of}s in the split"
        )
    return part / whole


@dataclass(frozen=True)
class Confusion:
    """The four cells of one model's calls. Positive means malignant: a false negative is a missed malignancy.

    >>> Confusion(tp=9, fn=1, fp=5, tn=85).sensitivity
    0.9
    """

    tp: int
    fn: int
    fp: int
    tn: int

    @classmethod
    def of(cls, actual: Mask, predicted: Mask) -> Self:
        """Count `predicted` (n,) against `actual` (n,), both boolean, True = positive.

        Raises:
            MeasurementError: the masks are empty, not boolean, or of different lengths.
        """
        validate_masks(actual=actual, predicted=predicted)
        positive, called = int(actual.sum()), int(predicted.sum())
        tp = int((actual & predicted).sum())
        return cls(tp=tp, fn=positive - tp, fp=called - tp, tn=len(actual) - positive - called + tp)

    @property
    def positives(self) -> int:
        """Records that are positive."""
        return self.tp + self.fn

    @property
    def negatives(self) -> int:
        """Records that are negative."""
        return self.fp + self.tn

    @property
    def n(self) -> int:
        """All records."""
        return self.positives + self.negatives

    @property
    def fnr(self) -> float:
        """Share of positives that is missed, in [0, 1]; refused where there are no positives."""
        return _divide(self.fn, self.positives, "positive")

    @property
    def fpr(self) -> float:
        """Share of negatives that is called positive, in [0, 1]; refused where there are no negatives."""
        return _divide(self.fp, self.negatives, "negative")

    @property
    def sensitivity(self) -> float:
        """Share of positives that is found: 1 - FNR."""
        return _divide(self.tp, self.positives, "positive")

    @property
    def specificity(self) -> float:
        """Share of negatives that is left alone: 1 - FPR."""
        return _divide(self.tn, self.negatives, "negative")

    @property
    def balanced_accuracy(self) -> float:
        """Mean of sensitivity and specificity; 0.5 for any call that ignores the image."""
        return (self.sensitivity + self.specificity) / 2

    @property
    def accuracy(self) -> float:
        """Share of right calls; says little where positives are rare."""
        return _divide(self.tp + self.tn, self.n, "single")

    @property
    def positive_share(self) -> float:
        """Share of records that is *called* positive; 0 or 1 reveals a model that no longer discriminates."""
        return _divide(self.tp + self.fp, self.n, "single")


@dataclass(frozen=True)
class PairedCells:
    """What became of each record between two models, `before` and `after`, that see the same records.

    The change of any clinical rate is carried by the first four cells; the others say how much stayed as it was.
    """

    newly_missed: int
    newly_caught: int
    new_false_positives: int
    repaired_false_positives: int
    still_true_positive: int
    still_false_negative: int
    still_false_positive: int
    still_true_negative: int

    @classmethod
    def of(cls, actual: Mask, before: Mask, after: Mask) -> Self:
        """Count the calls `before` (n,) and `after` (n,) against `actual` (n,), all boolean, True = positive.

        Raises:
            MeasurementError: the masks are empty, not boolean, or of different lengths.
        """
        validate_masks(actual=actual, before=before, after=after)
        code = 4 * actual + 2 * before.astype(np.int64) + after
        quiet, new_false_positives, repaired, alarm, missed, caught_now, missed_now, caught = np.bincount(
            code, minlength=8
        )
        return cls(
            newly_missed=int(missed_now),
            newly_caught=int(caught_now),
            new_false_positives=int(new_false_positives),
            repaired_false_positives=int(repaired),
            still_true_positive=int(caught),
            still_false_negative=int(missed),
            still_false_positive=int(alarm),
            still_true_negative=int(quiet),
        )

    @property
    def positives(self) -> int:
        """Records that are positive."""
        return self.newly_missed + self.newly_caught + self.still_true_positive + self.still_false_negative

    @property
    def negatives(self) -> int:
        """Records that are negative."""
        return (
            self.new_false_positives
            + self.repaired_false_positives
            + self.still_false_positive
            + self.still_true_negative
        )

    @property
    def n(self) -> int:
        """All records."""
        return self.positives + self.negatives

    @property
    def before(self) -> Confusion:
        """The first model's confusion."""
        return Confusion(
            tp=self.still_true_positive + self.newly_missed,
            fn=self.still_false_negative + self.newly_caught,
            fp=self.still_false_positive + self.repaired_false_positives,
            tn=self.still_true_negative + self.new_false_positives,
        )

    @property
    def after(self) -> Confusion:
        """The second model's confusion."""
        return Confusion(
            tp=self.still_true_positive + self.newly_caught,
            fn=self.still_false_negative + self.newly_missed,
            fp=self.still_false_positive + self.new_false_positives,
            tn=self.still_true_negative + self.repaired_false_positives,
        )
