"""What no statistic here accepts, refused in one wording."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.errors import MeasurementError


def require_confidence(confidence: float) -> None:
    """Refuse a confidence outside [0.5, 1): below one half a lower bound would lie above the upper one.

    Raises:
        MeasurementError: it does.
    """
    if not 0.5 <= confidence < 1.0:  # noqa: PLR2004 - the definition of the range
        raise MeasurementError(
            f"expected a confidence of at least 0.5 and below 1, found {confidence}",
            hint="a confidence is a fraction: 0.95 for 95 %",
        )


def require_resamples(resamples: int) -> None:
    """Refuse a number of resamples whose quantiles would be noise.

    Raises:
        MeasurementError: fewer than 100.
    """
    if resamples < 100:  # noqa: PLR2004 - below that a 99 % end is a single draw
        raise MeasurementError(f"expected at least 100 resamples, found {resamples}")


def require_masks(**masks: NDArray[np.bool_]) -> None:
    """Refuse masks that are not boolean, not one-dimensional, empty, or of different lengths.

    Raises:
        MeasurementError: one of these, by name.
    """
    for name, mask in masks.items():
        if mask.dtype != np.bool_ or mask.ndim != 1:
            raise MeasurementError(
                f"'{name}': expected a one-dimensional boolean array, found {mask.dtype} of shape {mask.shape}"
            )
    require_equal_lengths(**masks)
    if not len(next(iter(masks.values()))):
        raise MeasurementError("expected at least one record, found none")


def require_equal_lengths(**columns: NDArray[Any]) -> None:
    """Refuse columns that do not speak about the same records.

    Raises:
        MeasurementError: their lengths differ.
    """
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise MeasurementError(f"expected one entry per record in every column, found lengths {listed}")


def require_finite(**columns: NDArray[np.float64]) -> None:
    """Refuse columns that are empty, not one-dimensional, or hold NaN or infinity.

    Raises:
        MeasurementError: one of these, by name.
    """
    for name, column in columns.items():
        if column.ndim != 1 or not len(column):
            raise MeasurementError(f"'{name}': expected a non-empty column of numbers, found shape {column.shape}")
        wrong = int((~np.isfinite(column)).sum())
        if wrong:
            raise MeasurementError(f"'{name}': expected finite numbers, found {wrong} of {len(column)} that are not")
