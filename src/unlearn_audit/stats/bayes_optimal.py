"""BASE: the Bayes-optimal attack with the normalising constant taken from reference models."""

import numpy as np

from unlearn_audit.errors import MeasurementError
from unlearn_audit.records import write_message
from unlearn_audit.stats.ensemble import Masks
from unlearn_audit.stats.membership import Scores
from unlearn_audit.stats.rmia import average_log


def score_base(loss: Scores, references: Scores, counted: Masks, *, scale: float = 1.0) -> Scores:
    """Return (c,) log p_y(t) - scale * log mean_k p_y(k): how much more the model says than models on average do.

    Online: all models count, half of which trained on the record; the mean is then the likelihood averaged over both
    answers, and scale is 1. Offline: only those count that never trained on it, and a scale below 1 makes up for the
    missing half. The online score is the logarithm of RMIA's ratio p(x|t) / p(x), without a population to compare it
    with, and hence without ties.

    Args:
        loss: (c,) log p_y of the attacked model t on the candidates.
        references: (K, c) the same of the reference models.
        counted: (K, c) which of them count for which record: at least one each.
        scale: of the second term, in (0, 1].

    Source: Lassila et al. (2025), arXiv 2505.24089, BASE.

    Raises:
        MeasurementError: no model for a record, or a scale outside (0, 1].
    """
    if not 0 < scale <= 1:
        raise MeasurementError(write_message("scale-out-of-range", found=scale))
    return np.asarray(loss - scale * average_log(references, counted))
