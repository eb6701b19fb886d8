"""A measured null: what an attack finds on models that are known never to have seen the records."""

from collections.abc import Sequence

import numpy as np

from unlearn_audit.errors import MeasurementError
from unlearn_audit.records import Estimate, Interval, Unit, write_message
from unlearn_audit.stats.validation import validate_confidence, validate_finite

_FEWEST = 4


def estimate_null(aucs: Sequence[float], n: int, *, confidence: float) -> Estimate:
    """Return the mean AUC of K models that never saw the records, and where the next such model's is expected.

    The K models are exchangeable, so that a further one lies between the r-th smallest and the r-th largest with
    probability 1 - 2 r / (K + 1), whatever the distribution. r is the largest that keeps the confidence asked for;
    where even r = 1 does not, the interval says the lower confidence that it has.

    Args:
        aucs: (K,) AUC of an attack on each model, at least 4.
        n: records that each rests on.
        confidence: asked for, in [0.5, 1).

    Returns:
        The mean without bounds: it describes the spread between models, and decides nothing.

    Source: prediction interval from order statistics, Wilks (1941); as in conformal prediction.

    >>> estimate_null([0.48, 0.5, 0.51, 0.55], 90, confidence=0.5).value
    0.51

    Raises:
        MeasurementError: fewer than four models, or values that are not finite.
    """
    validate_confidence(confidence)
    if len(aucs) < _FEWEST:
        raise MeasurementError(write_message("too-few-models-that-never-saw", least=_FEWEST, found=len(aucs)))
    rising = np.sort(np.asarray(aucs, dtype=np.float64))
    validate_finite(aucs=rising)
    k = len(rising)
    rank = max(1, int((1 - confidence) * (k + 1) / 2 + 1e-9))
    return Estimate(
        value=float(rising.mean()),
        unit=Unit.AUC,
        n=n,
        interval=Interval(
            low=float(rising[rank - 1]),
            high=float(rising[k - rank]),
            confidence=1 - 2 * rank / (k + 1),
            method=write_message("order-statistics", models=k),
            sides="two",
        ),
    )
