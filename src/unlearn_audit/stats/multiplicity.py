"""Multiplicity: p-values and bounds of several tests, when any of them may be the lucky one."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.errors import MeasurementError
from unlearn_audit.records import Estimate, Interval, Message, write_message


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
        raise MeasurementError(write_message("not-p-values", shape=p_values.shape))
    if not ((p_values >= 0) & (p_values <= 1)).all():
        raise MeasurementError(write_message("p-values-out-of-range"))
    order = np.argsort(p_values, kind="stable")
    stepped = p_values[order] * np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(np.maximum.accumulate(stepped), 1.0)
    return adjusted


def adjust_differences(estimates: Sequence[Estimate], null: float) -> tuple[float | None, ...]:
    """Return the Holm-adjusted two-sided p-values of 'no different from `null`', one per estimate.

    Normal, from value and standard error: for readers who ask which of several attacks found anything, beside checks
    that bounds decide. An estimate without a standard error (a perfect attack has none) gets None; it still counts
    towards the family, so that the others are never adjusted for too few.

    >>> from unlearn_audit.records import Unit
    >>> found = [Estimate(value=v, unit=Unit.AUC, n=9, standard_error=0.05) for v in (0.65, 0.55)]
    >>> [round(p, 4) for p in adjust_differences(found, 0.5)]
    [0.0054, 0.3173]

    Raises:
        MeasurementError: there are no estimates.
    """
    from scipy.special import ndtr

    plain = [
        None if each.standard_error is None else 2 * float(ndtr(-abs(each.value - null) / each.standard_error))
        for each in estimates
    ]
    adjusted = adjust_holm(np.array([1.0 if p is None else p for p in plain]))
    return tuple(None if p is None else float(after) for p, after in zip(plain, adjusted, strict=True))


def share_error(
    find_ends: Callable[[float], tuple[float, float]], confidence: float, claims: int, *, method: Message
) -> Interval | None:
    """Return the bounds at an equal share of the error for each of several claims (Bonferroni); None for a single one.

    A check that several attacks must hold errs in two ways. To pass although one of them is beyond the limit, that
    one's own bound must be wrong: no correction is needed (intersection-union). To fail although none is beyond it,
    any of them may be wrong: there each gets a share of the error (Holm's first step). Four attacks on the limit
    failed a sound model in up to .10 of audits at an error of .05, seven in up to .19.

    Args:
        find_ends: both ends, each wrong with a probability of at most its argument.
        confidence: of each bound by itself.
        claims: how many.
        method: as the interval names it.

    Source: Berger (1982); Holm (1979).

    Raises:
        MeasurementError: less than one claim.
    """
    if claims < 1:
        raise MeasurementError(write_message("no-claim-to-share-error", found=claims))
    if claims == 1:
        return None
    tail = (1 - confidence) / claims
    low, high = find_ends(tail)
    how = write_message("error-shared-among-attacks", method=method, attacks=claims)
    return Interval(low=low, high=high, confidence=1 - tail, method=how, sides="one")
