"""The margin as a membership signal: how far the true class lies ahead of the best other one."""

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.stats import Signal


def score_margin(log_probs: NDArray[np.float64], label: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return (n,) log p_y - max over other classes of log p; HIGHER looks like a member.

    Args:
        log_probs: (n, k) log-probabilities.
        label: (n,) index of the true class.

    Source: Crammer and Singer 2001, JMLR 2, 265-292, for the margin.
    """
    rows = np.arange(len(label))
    others = log_probs.copy()
    others[rows, label] = -np.inf
    return np.asarray(log_probs[rows, label] - others.max(axis=1), dtype=np.float64)


MARGIN = Signal(score_margin, "Margin of the true class", "Crammer and Singer 2001, JMLR 2, 265-292")
