"""Operating points: the probability at which a record is called positive, chosen before the audited model is seen.

A threshold t means "call positive when p >= t". Choose it on the validation split of the original model and freeze it:
a threshold tuned on the records that it is judged on is optimistic.

What is estimated at such a point is the rate of *this* threshold, as frozen, and bounds cover that. It is not the rate
that the rule would have on average over validation splits: with few validation records thresholds scatter, and the
rule's expected false-negative rate may lie far from that of the threshold at hand.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.errors import MeasurementError
from unlearn_audit.records import write_message
from unlearn_audit.records.operating_points import OperatingPoint, PointKind
from unlearn_audit.stats.confusion import Mask
from unlearn_audit.stats.validation import validate_equal_lengths, validate_finite, validate_masks

Probabilities = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Candidates:
    """Every threshold that makes a difference, rising, with the mistakes each would make.

    Attributes:
        thresholds: (t,) the distinct probabilities, and last the next number above all of them: call none.
        false_negatives: (t,) positives below it.
        false_positives: (t,) negatives at or above it.
        positives: number of positives.
    """

    thresholds: Probabilities
    false_negatives: NDArray[np.int64]
    false_positives: NDArray[np.int64]
    positives: int


def list_candidates(actual: Mask, probability: Probabilities) -> Candidates:
    """Return the candidate thresholds for `probability` (n,) of being positive, against `actual` (n,).

    Raises:
        MeasurementError: one class only, probabilities outside [0, 1], lengths that differ.
    """
    validate_masks(actual=actual)
    validate_finite(probability=probability)
    validate_equal_lengths(actual=actual, probability=probability)
    if probability.min() < 0 or probability.max() > 1:
        raise MeasurementError(
            write_message("probabilities-out-of-range", low=probability.min(), high=probability.max())
        )
    if actual.all() or not actual.any():
        raise MeasurementError(
            write_message("one-class-to-choose-threshold", positives=int(actual.sum()), n=len(actual)),
            hint="the validation split needs both classes",
        )
    distinct = np.unique(probability)
    thresholds = np.append(distinct, np.nextafter(distinct[-1], np.inf))
    missed = np.searchsorted(np.sort(probability[actual]), thresholds, side="left")
    left_alone = np.searchsorted(np.sort(probability[~actual]), thresholds, side="left")
    negatives = int((~actual).sum())
    return Candidates(thresholds, missed.astype(np.int64), (negatives - left_alone).astype(np.int64), int(actual.sum()))


def choose_cost_optimal(
    actual: Mask, probability: Probabilities, *, false_negative: float, false_positive: float
) -> float:
    """Return the threshold with the least C_FN * FN + C_FP * FP; of several, the lowest: the one that misses least.

    Args:
        actual: (n,) boolean, True = positive.
        probability: (n,) of being positive, in [0, 1].
        false_negative: cost of a missed positive, above zero.
        false_positive: cost of a false alarm, above zero.

    Raises:
        MeasurementError: one class only, probabilities outside [0, 1], costs not above zero.
    """
    if not (0 < false_negative < np.inf and 0 < false_positive < np.inf):
        raise MeasurementError(
            write_message("costs-out-of-range", false_negative=false_negative, false_positive=false_positive)
        )
    found = list_candidates(actual, probability)
    cost = false_negative * found.false_negatives + false_positive * found.false_positives
    # sums of the same costs in another order differ in their last bits: those are ties, not differences
    best = int(np.flatnonzero(np.isclose(cost, cost.min(), rtol=1e-12, atol=0.0))[0])
    return float(found.thresholds[best])


def choose_for_sensitivity(actual: Mask, probability: Probabilities, sensitivity: float) -> float:
    """Return the largest threshold that still finds a share `sensitivity` of the positives.

    It reaches that share on these records; on others of the same kind about as often more as less.

    Raises:
        MeasurementError: one class only, probabilities outside [0, 1], a sensitivity outside (0, 1].
    """
    if not 0 < sensitivity <= 1:
        raise MeasurementError(write_message("sensitivity-out-of-range", found=sensitivity))
    found = list_candidates(actual, probability)
    reached = (found.positives - found.false_negatives) / found.positives
    return float(found.thresholds[np.flatnonzero(reached >= sensitivity - 1e-12)[-1]])


def choose_threshold(
    point: OperatingPoint, *, actual: Mask, probability: Probabilities, false_negative: float, false_positive: float
) -> float | None:
    """Return the threshold of the operating point `point`, chosen on these records; None for 'argmax'.

    Args:
        point: of a model: all kinds but 'fpr'.
        actual: (n,) boolean, True = positive; of the validation split.
        probability: (n,) the original model's probability of being positive.
        false_negative: cost of a missed positive.
        false_positive: cost of a false alarm.

    Raises:
        MeasurementError: the records do not define the threshold, or the point is one of an attack.
    """
    match point:
        case OperatingPoint(PointKind.ARGMAX):
            return None
        case OperatingPoint(PointKind.COST_OPTIMAL):
            return choose_cost_optimal(
                actual, probability, false_negative=false_negative, false_positive=false_positive
            )
        case OperatingPoint(PointKind.THRESHOLD, float(threshold)):
            return threshold
        case OperatingPoint(PointKind.SENSITIVITY, float(sensitivity)):
            return choose_for_sensitivity(actual, probability, sensitivity)
        case _:
            raise MeasurementError(write_message("no-operating-point-of-a-model", found=point))
