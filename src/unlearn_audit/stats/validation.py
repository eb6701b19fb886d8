"""Validation of the arguments that statistics share."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.errors import MeasurementError
from unlearn_audit.records import write_message


def validate_confidence(confidence: float) -> None:
    """Refuse a confidence outside [0.5, 1): below one half a lower bound would lie above the upper one.

    Raises:
        MeasurementError: it does.
    """
    if not 0.5 <= confidence < 1.0:  # noqa: PLR2004 - the definition of the range
        raise MeasurementError(
            write_message("confidence-out-of-range", found=confidence),
            hint="a confidence is a fraction: 0.95 for 95 %",
        )


def validate_resamples(resamples: int) -> None:
    """Refuse a number of resamples whose quantiles would be noise.

    Raises:
        MeasurementError: fewer than 100.
    """
    if resamples < 100:  # noqa: PLR2004 - below that a 99 % end is a single draw
        raise MeasurementError(write_message("too-few-resamples", found=resamples))


def validate_masks(**masks: NDArray[np.bool_]) -> None:
    """Refuse masks that are not boolean, not one-dimensional, empty, or of different lengths.

    Raises:
        MeasurementError: one of these, by name.
    """
    for name, mask in masks.items():
        if mask.dtype != np.bool_ or mask.ndim != 1:
            raise MeasurementError(write_message("not-a-mask", name=name, dtype=str(mask.dtype), shape=mask.shape))
    validate_equal_lengths(**masks)
    if not len(next(iter(masks.values()))):
        raise MeasurementError(write_message("no-records"))


def validate_equal_lengths(**columns: NDArray[Any]) -> None:
    """Refuse columns that do not speak about the same records.

    Raises:
        MeasurementError: their lengths differ.
    """
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        listed = [f"{name} {length}" for name, length in lengths.items()]
        raise MeasurementError(write_message("lengths-differ", lengths=listed))


def validate_finite(**columns: NDArray[np.float64]) -> None:
    """Refuse columns that are empty, not one-dimensional, or hold NaN or infinity.

    Raises:
        MeasurementError: one of these, by name.
    """
    for name, column in columns.items():
        if column.ndim != 1 or not len(column):
            raise MeasurementError(write_message("not-a-column", name=name, shape=column.shape))
        wrong = int((~np.isfinite(column)).sum())
        if wrong:
            raise MeasurementError(write_message("numbers-not-finite", name=name, wrong=wrong, n=len(column)))
