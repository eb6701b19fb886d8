"""Grids of thresholds, and the error counts at each."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.errors import MeasurementError
from unlearn_audit.records import write_message
from unlearn_audit.stats.confusion import Mask
from unlearn_audit.stats.validation import validate_equal_lengths, validate_finite, validate_masks

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
_DECIMALS = 10


def choose_grid(probabilities: Sequence[Floats], most: int) -> Floats:
    """Return thresholds between the observed probabilities, rising, each as short a decimal as lies there.

    Every gap between two neighbours of all that was observed, 0 and 1 gives one threshold; where there are more than
    `most` gaps, those that are evenly spaced in rank. Probabilities that agree in ten decimals are one: no threshold
    lies so near to one that another processor's last bit would move a record across it.

    Args:
        probabilities: arrays in [0, 1], one per model.
        most: how many thresholds at most, above 0.

    >>> choose_grid([np.array([0.2, 0.25, 0.9])], 200).tolist()
    [0.1, 0.23, 0.6, 0.95]

    Raises:
        MeasurementError: NaN, or probabilities outside [0, 1].
    """
    observed = np.concatenate([*probabilities, [0.0, 1.0]])
    validate_finite(probabilities=observed)
    if observed.min() < 0 or observed.max() > 1:
        raise MeasurementError(write_message("probabilities-out-of-range", low=observed.min(), high=observed.max()))
    levels = np.unique(observed.round(_DECIMALS))
    # two levels that differ in the last decimal have no number of as many decimals between them
    gaps = np.flatnonzero(np.diff(levels) > 1.5 * 10.0**-_DECIMALS)
    if len(gaps) > most:
        gaps = gaps[np.linspace(0, len(gaps) - 1, most).round().astype(np.int64)]
    return np.array([_shorten(float(levels[i]), float(levels[i + 1])) for i in gaps])


def _shorten(low: float, high: float) -> float:
    """Return a number between `low` and `high`, near their middle, with as few decimals as that takes."""
    middle = (low + high) / 2
    return next(short for decimals in range(1, _DECIMALS + 1) if low < (short := round(middle, decimals)) < high)


def count_mistakes(actual: Mask, probability: Floats, thresholds: Floats) -> tuple[Counts, Counts]:
    """Return (t,) false negatives and (t,) false positives where `probability >= threshold` is called positive.

    Args:
        actual: (n,) boolean, True = positive.
        probability: (n,) of being positive, in [0, 1].
        thresholds: (t,) in any order.

    Raises:
        MeasurementError: no records, lengths that differ, or NaN.
    """
    validate_masks(actual=actual)
    validate_finite(probability=probability, thresholds=thresholds)
    validate_equal_lengths(actual=actual, probability=probability)
    missed, left_alone = (
        np.searchsorted(np.sort(probability[mask]), thresholds, side="left") for mask in (actual, ~actual)
    )
    return missed.astype(np.int64), (int((~actual).sum()) - left_alone).astype(np.int64)
