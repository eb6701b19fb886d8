"""Several tests at once: what is left of their p-values when any of them may be the lucky one."""

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.errors import MeasurementError


def adjust_holm(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (k,) p-values adjusted so that rejecting those <= alpha errs on any with probability <= alpha.

    In rising order the i-th of k is multiplied by k - i + 1, never below its predecessor, never above 1. Holds under
    any dependence. Right for "at least one of these is bad"; a requirement that *all* must meet needs no adjustment.

    Source: Holm (1979).

    >>> adjust_holm(np.array([0.01, 0.04, 0.03])).round(4).tolist()
    [0.03, 0.06, 0.06]

    Raises:
        MeasurementError: no p-values, or some outside [0, 1].
    """
    if p_values.ndim != 1 or not len(p_values):
        raise MeasurementError(f"expected a list of p-values, found shape {p_values.shape}")
    if not ((p_values >= 0) & (p_values <= 1)).all():
        raise MeasurementError("expected p-values between 0 and 1, found others")
    order = np.argsort(p_values, kind="stable")
    stepped = p_values[order] * np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(np.maximum.accumulate(stepped), 1.0)
    return adjusted
