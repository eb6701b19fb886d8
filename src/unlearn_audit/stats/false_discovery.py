"""False discovery control: which of many records stand out, at a bounded share of false ones among them."""

import numpy as np

from unlearn_audit.errors import MeasurementError
from unlearn_audit.records import write_message
from unlearn_audit.stats.reference_pairs import Floats


def adjust_benjamini_hochberg(p_values: Floats) -> Floats:
    """Return (k,) adjusted p-values; of those <= q, on average at most a share q is false.

    In rising order the i-th of k is multiplied by k / i, never above its successor. Holds for independent and for
    positively dependent p-values. Says nothing about any one of those listed.

    Source: Benjamini & Hochberg (1995); positive dependence: Benjamini & Yekutieli (2001), theorem 1.2.

    >>> adjust_benjamini_hochberg(np.array([0.01, 0.04, 0.03])).round(4).tolist()
    [0.03, 0.04, 0.04]

    Raises:
        MeasurementError: no p-values, or some outside [0, 1].
    """
    if p_values.ndim != 1 or not len(p_values):
        raise MeasurementError(write_message("not-p-values", shape=p_values.shape))
    if not ((p_values >= 0) & (p_values <= 1)).all():
        raise MeasurementError(write_message("p-values-out-of-range"))
    order = np.argsort(p_values, kind="stable")
    stepped = p_values[order] * len(p_values) / np.arange(1, len(p_values) + 1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(np.minimum.accumulate(stepped[::-1])[::-1], 1.0)
    return adjusted
