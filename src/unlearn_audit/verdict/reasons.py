"""Reasons of the outcome of a check, in sentences that a clinician can read."""

from collections.abc import Iterator, Sequence

from unlearn_audit.records import Estimate, Interval, Limit, Message, write_message
from unlearn_audit.stats import estimate_more_records, split_by_group
from unlearn_audit.verdict.rulings import is_inside


def explain_pass(bounds: Interval, limit: Limit) -> Message:
    """Say that both bounds are inside."""
    return write_message("bounds-inside", **_name_bounds(bounds), limit=limit.message)


def explain_fail(bounds: Interval, limit: Limit, *, too_high: bool) -> Message:
    """Say which bound is outside, although it is the one nearer to the tolerance."""
    code = "bounds-above" if too_high else "bounds-below"
    return write_message(code, **_name_bounds(bounds), limit=limit.message)


def explain_crossing(bounds: Interval, limit: Limit) -> Message:
    """Say that the bounds lie on either side."""
    return write_message("bounds-cross", **_name_bounds(bounds), limit=limit.message)


def explain_chance(bounds: Interval, limit: Limit) -> Message:
    """Say that one of several attacks lies outside, which may be chance: their shared error does not fail it."""
    return write_message("bounds-outside-by-chance", **_name_bounds(bounds), limit=limit.message)


def explain_open(estimate: Estimate, limit: Limit, groups: Sequence[str]) -> Message:
    """Say what would decide a check whose bounds lie on either side: 'inconclusive' alone is no answer.

    Args:
        estimate: with bounds on either side of a limit.
        limit: the tolerance.
        groups: what each group of records that the estimate counts is called, such as 'malignant'.
    """
    ends = [end for end in (limit.at_least, limit.at_most) if end is not None]
    more = [estimate_more_records(estimate, end) for end in ends]
    if any(number is None for number in more):
        return write_message("estimate-on-limit")
    needed = max(number for number in more if number is not None)
    code = "more-records-decide" if is_inside(estimate, limit) else "more-records-decide-against"
    return write_message(code, needed=list(_list_needed(needed, estimate, groups)))


def _list_needed(needed: int, estimate: Estimate, groups: Sequence[str]) -> Iterator[Message]:
    """Yield such as '900 malignant (now 100)' and '3,600 benign (now 400)'."""
    if not groups or len(groups) != len(estimate.sizes):
        yield write_message("records-needed", more=_round_up(needed), now=estimate.n)
        return
    for name, size, more in zip(groups, estimate.sizes, split_by_group(needed, estimate), strict=True):
        yield write_message("records-of-group-needed", group=name, more=_round_up(more), now=size)


def _round_up(number: int) -> int:
    """Return the number at two significant digits, rounded up: more would claim to know the future."""
    unit = int(10 ** max(0, len(str(number)) - 2))
    return -(-number // unit) * unit


def _name_bounds(bounds: Interval) -> dict[str, float]:
    return {"low": bounds.low, "high": bounds.high, "confidence": bounds.confidence}
