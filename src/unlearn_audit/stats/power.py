"""Power: how much more data would decide what the data at hand leave open."""

from math import ceil

import numpy as np

from unlearn_audit.errors import MeasurementError
from unlearn_audit.records import Estimate, write_message
from unlearn_audit.stats.stratified_counts import merge_kinds
from unlearn_audit.stats.worst_case import Posterior, find_upper_bounds

_MOST = 1e3
"""Times the records at hand: beyond that nobody collects, and the estimate is no guide to so many."""


def estimate_more_records(estimate: Estimate, limit: float) -> int | None:
    """Return roughly how many more records like these would move the bound that straddles `limit` off it.

    Assumes that the estimate stays where it is, so that the number is an even chance and no promise: the estimate will
    move, half of the time to the wrong side. Where the estimate says which cells it is made of, its own bound is
    computed on growing counts, which is right for few events too; elsewhere the distance to the bound is taken to
    shrink with one over the square root of the number of records, which asks for too many where events are few. Do not
    stop collecting as soon as a check passes: fix the number first.

    Args:
        estimate: with bounds, resting on n records; every group of them is to grow alike.
        limit: the tolerance between the bounds.

    Returns:
        Further records, at least 1; 0 where the limit lies outside the bounds, so that nothing is open; None where no
        number within reach would do, because the estimate sits on the limit or next to it.

    Raises:
        MeasurementError: the estimate has no bounds.
    """
    if estimate.bounds is None:
        raise MeasurementError(write_message("no-bounds-to-plan-with"), hint="it cannot decide a check")
    if not estimate.bounds.low <= limit <= estimate.bounds.high:
        return 0
    if abs(limit - estimate.value) <= 1e-12 * max(1.0, abs(limit)):
        return None
    growth = _find_growth(estimate, limit)
    if growth is None or growth > _MOST:
        return None
    # rounded first: 300.0000000001 is 300 and a rounding error, not 301
    return max(1, ceil(round(estimate.n * (growth - 1), 6)))


def split_by_group(more: int, estimate: Estimate) -> tuple[int, ...]:
    """Return how many of `more` records each of the estimate's groups needs, at the shares that they have now."""
    return tuple(ceil(more * size / max(1, sum(estimate.sizes))) for size in estimate.sizes)


def _find_growth(estimate: Estimate, limit: float) -> float | None:
    """Return how many times the records at hand put the bound on the limit."""
    if estimate.bounds is None:  # refused before
        return None
    worst = limit > estimate.value
    bound = estimate.bounds.high if worst else estimate.bounds.low
    if estimate.cells:
        confidence = estimate.bounds.confidence
        ends = [_find_scale(estimate, target, confidence, worst=worst) for target in (bound, limit)]
        if ends[0] is not None and ends[1] is not None:
            return ends[1] / ends[0]
        if ends[1] is None:
            return None
    return ((bound - estimate.value) / (limit - estimate.value)) ** 2


def _find_scale(estimate: Estimate, target: float, confidence: float, *, worst: bool) -> float | None:
    """Return the multiple of the counts at which the bound is `target`: about 1 for the bound at hand.

    Below 1 where clusters make the records at hand worth fewer independent ones. None where no multiple within reach
    gives it, or where the bound of so many records cannot be computed.
    """
    from scipy.optimize import brentq

    def miss(log_scale: float) -> float:
        return _bound_scaled(estimate, float(np.exp(log_scale)), confidence, worst=worst) - target

    low, high = -np.log(1e4), float(np.log(_MOST))
    try:
        with np.errstate(over="raise"):
            return float(np.exp(brentq(miss, low, high, xtol=1e-4))) if miss(low) * miss(high) <= 0 else None
    except FloatingPointError:  # so many records that the inversion overflows
        return None


def _bound_scaled(estimate: Estimate, scale: float, confidence: float, *, worst: bool) -> float:
    """Return the deciding bound on counts times `scale`."""
    sign, rows = (1.0 if worst else -1.0), []
    for stratum in range(max(cell.stratum for cell in estimate.cells) + 1):
        inside = [(sign * cell.value, cell.count * scale) for cell in estimate.cells if cell.stratum == stratum]
        kinds = merge_kinds(np.array([(value, 1.0, count) for value, count in [*inside, (max(inside)[0], 1.0)]]))
        rows.append(kinds)
    posterior = Posterior.of(rows, np.ones(len(rows)))
    return sign * find_upper_bounds([posterior], 1 - confidence)[0]
