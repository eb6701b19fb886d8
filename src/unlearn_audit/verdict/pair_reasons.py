"""Reasons of checks on pairs of reference models: p, power, and what would decide an open one."""

from unlearn_audit.records import Estimate, Limit, Message, Outcome, Power, write_message
from unlearn_audit.stats import estimate_more_records


def explain_test(outcome: Outcome, estimate: Estimate, limit: Limit) -> tuple[Message, ...]:
    """Say what the p-value means, and what the test could have found.

    Raises:
        ValueError: the estimate has no bounds.
    """
    if estimate.bounds is None:
        raise ValueError("a test that is decided has bounds")
    details = {"p": estimate.value, "limit": limit.message}
    power = estimate.power
    if outcome is Outcome.FAIL:
        return (write_message("somebody-recognised", **details),)
    if outcome is Outcome.PASS and power is not None:
        return write_message("nobody-stands-out", **details), _describe_power(power)
    low, high = estimate.bounds.low, estimate.bounds.high
    if limit.at_least is not None and low < limit.at_least:
        return (write_message("p-on-either-side", **details, low=low, high=high),)
    if power is None:
        return (write_message("nobody-stands-out-power-unknown", **details),)
    more = write_message("power-asked-for", needed=power.needed, now=2 * (estimate.pairs or 0))
    return write_message("nobody-stands-out-without-power", **details), _describe_power(power), more


def _describe_power(power: Power) -> Message:
    details = {"share": power.value, "low": power.low, "shift": power.shift}
    if power.records == 1:
        return write_message("power-for-one-record", **details)
    return write_message("power-for-records", records=power.records, **details)


def explain_more_pairs(estimate: Estimate, limit: Limit) -> Message:
    """Say how many reference models would decide an open check that rests on `estimate.pairs`.

    Raises:
        ValueError: it rests on no pairs.
    """
    if estimate.pairs is None:
        raise ValueError("expected an estimate over pairs of reference models, found another")
    as_pairs = estimate.model_copy(update={"n": estimate.pairs})
    more = [estimate_more_records(as_pairs, end) for end in (limit.at_least, limit.at_most) if end is not None]
    needed = [number for number in more if number is not None]
    if len(needed) < len(more):
        return write_message("estimate-on-limit-of-pairs")
    models = _round_up(2 * (estimate.pairs + max(needed)))
    return write_message("more-reference-models-decide", models=models, now=2 * estimate.pairs)


def _round_up(number: int) -> int:
    """Return the number at two significant digits, rounded up, and even: reference models come in pairs."""
    unit = int(10 ** max(0, len(str(number)) - 2))
    rounded = -(-number // unit) * unit
    return rounded + rounded % 2
