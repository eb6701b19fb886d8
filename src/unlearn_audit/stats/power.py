"""How much more data would decide what the data at hand leave open: 'get 900 more' rather than 'inconclusive'."""

from math import ceil

from unlearn_audit.errors import MeasurementError
from unlearn_audit.records import Estimate


def estimate_more_records(estimate: Estimate, limit: float) -> int | None:
    """Return roughly how many more records like these would move the bound that straddles `limit` off it.

    Assumes that the estimate stays where it is and that its distance to the bound shrinks with one over the square
    root of the number of records. A rule of thumb for planning: the estimate will move. With few events the bound
    shrinks faster, and fewer records suffice. Do not stop collecting as soon as a check passes: fix the number first.

    Args:
        estimate: with bounds, resting on n records; n counts what must grow (positives, for a rate among positives).
        limit: the tolerance between the bounds.

    Returns:
        Further records, at least 1; 0 where the limit lies outside the bounds, so that nothing is open; None where no
        number would do, because the estimate sits on the limit.

    Raises:
        MeasurementError: the estimate has no bounds.
    """
    if estimate.bounds is None:
        raise MeasurementError(
            "expected an estimate with bounds to plan with, found a descriptive one", hint="it cannot decide a check"
        )
    if not estimate.bounds.low <= limit <= estimate.bounds.high:
        return 0
    room = abs(limit - estimate.value)
    reach = estimate.bounds.high - estimate.value if limit > estimate.value else estimate.value - estimate.bounds.low
    if room <= 1e-12 * max(1.0, abs(limit)) or estimate.n * (reach / room) ** 2 > 1e15:  # noqa: PLR2004
        return None
    # rounded first: 300.0000000001 is 300 and a rounding error, not 301
    return max(1, ceil(round(estimate.n * ((reach / room) ** 2 - 1), 6)))
