"""Errors of stated probabilities: the Brier score, and calibration in the large."""

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.errors import MeasurementError
from unlearn_audit.records import Estimate, Interval, Unit, write_message
from unlearn_audit.stats.cells import Clusters
from unlearn_audit.stats.confusion import Mask
from unlearn_audit.stats.validation import validate_confidence, validate_equal_lengths, validate_finite, validate_masks


def compute_brier(actual: Mask, probability: NDArray[np.float64]) -> float:
    """Return the mean of (p - y)^2, in [0, 1]; 0 for a certain and right model, 0.25 for always saying one half.

    Mixes calibration with discrimination: a lower score does not mean better calibration, and it weighs a missed
    malignancy no more than a false alarm.

    Source: Brier (1950), for two classes counted once.

    >>> compute_brier(np.array([True, False]), np.array([0.9, 0.2]))
    0.025

    Raises:
        MeasurementError: no records, lengths that differ, probabilities outside [0, 1].
    """
    return float(_square_errors(actual, probability).mean())


def estimate_brier(
    actual: Mask, probability: NDArray[np.float64], *, confidence: float, clusters: Clusters | None = None
) -> Estimate:
    """Estimate the Brier score, with a normal interval for the mean.

    Args:
        actual: (n,) boolean, True = positive.
        probability: (n,) of being positive, in [0, 1].
        confidence: of the interval, in [0.5, 1).
        clusters: (n,) cluster of each record, where records are not independent.

    Returns:
        The score, without bounds: the normal interval is too short where almost all errors are nearly zero.

    Raises:
        MeasurementError: as `compute_brier`, or fewer than two independent records.
    """
    return _estimate_mean(actual, _square_errors(actual, probability), (0.0, 1.0), Unit.SCORE, confidence, clusters)


def estimate_calibration_in_the_large(
    actual: Mask, probability: NDArray[np.float64], *, confidence: float, clusters: Clusters | None = None
) -> Estimate:
    """Estimate by how much more often records are positive than the probabilities say: mean(y - p), in [-1, 1].

    Above zero the model understates the danger, below it overstates it. Zero says nothing about single records.

    Args:
        actual: (n,) boolean, True = positive.
        probability: (n,) of being positive, in [0, 1].
        confidence: of the normal interval, in [0.5, 1).
        clusters: (n,) cluster of each record, where records are not independent.

    Raises:
        MeasurementError: as `compute_brier`, or fewer than two independent records.
    """
    _square_errors(actual, probability)
    return _estimate_mean(actual, actual - probability, (-1.0, 1.0), Unit.PROPORTION, confidence, clusters)


def _estimate_mean(  # noqa: PLR0917 - two call sites
    actual: Mask,
    errors: NDArray[np.float64],
    ends: tuple[float, float],
    unit: Unit,
    confidence: float,
    clusters: Clusters | None,
) -> Estimate:
    from scipy.special import ndtri

    validate_confidence(confidence)
    value = float(errors.mean())
    names = np.arange(len(errors)) if clusters is None else clusters
    validate_equal_lengths(actual=actual, clusters=names)
    _, index = np.unique(names, return_inverse=True)
    sums = np.bincount(index, weights=errors - value)
    if len(sums) < 2:  # noqa: PLR2004 - a variance needs two
        raise MeasurementError(write_message("too-few-independent-records", found=len(sums)))
    spread = float(np.sqrt((sums**2).sum() * len(sums) / (len(sums) - 1))) / len(errors)
    reach = -float(ndtri((1 - confidence) / 2)) * spread
    return Estimate(
        value=value,
        unit=unit,
        n=len(errors),
        interval=Interval(
            low=max(ends[0], value - reach),
            high=min(ends[1], value + reach),
            confidence=confidence,
            method=write_message("normal" if clusters is None else "normal-clustered"),
            sides="two",
        ),
    )


def _square_errors(actual: Mask, probability: NDArray[np.float64]) -> NDArray[np.float64]:
    validate_masks(actual=actual)
    validate_finite(probability=probability)
    validate_equal_lengths(actual=actual, probability=probability)
    if probability.min() < 0 or probability.max() > 1:
        raise MeasurementError(
            write_message("probabilities-out-of-range", low=probability.min(), high=probability.max())
        )
    return np.asarray((probability - actual) ** 2)
