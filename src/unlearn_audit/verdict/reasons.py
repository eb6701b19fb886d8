"""Why a check came out as it did, in sentences that a clinician can read."""

from collections.abc import Sequence

from unlearn_audit.records import Estimate, Limit
from unlearn_audit.stats import estimate_more_records, split_by_group
from unlearn_audit.verdict.rulings import is_inside


def explain_pass(estimate: Estimate, limit: Limit) -> str:
    """Say that both bounds are inside."""
    return f"The value lies {_bounds_text(estimate)}: inside the tolerance ({limit})."


def explain_fail(estimate: Estimate, limit: Limit, *, too_high: bool) -> str:
    """Say which bound is outside, although it is the one nearer to the tolerance.

    Raises:
        ValueError: the estimate has no bounds, so that it cannot have failed.
    """
    bounds = estimate.bounds
    if bounds is None:
        raise ValueError("a failing check has bounds")
    if too_high:
        return f"Even the lower bound, {bounds.low:.3f}, is above the tolerance ({limit})."
    return f"Even the upper bound, {bounds.high:.3f}, is below the tolerance ({limit})."


def explain_crossing(estimate: Estimate, limit: Limit) -> str:
    """Say that the bounds lie on either side."""
    return f"The value lies {_bounds_text(estimate)}: that range crosses the tolerance ({limit})."


def explain_straddle(estimate: Estimate, limit: Limit, groups: Sequence[str]) -> str:
    """Say what would decide it: 'inconclusive' alone is no answer.

    Args:
        estimate: with bounds on either side of a limit.
        limit: the tolerance.
        groups: what each group of records that the estimate counts is called, such as 'malignant'.
    """
    text = explain_crossing(estimate, limit)
    ends = [end for end in (limit.at_least, limit.at_most) if end is not None]
    more = [estimate_more_records(estimate, end) for end in ends]
    if any(number is None for number in more):
        return f"{text} The estimate sits on the limit: no number of further records is likely to decide it."
    needed = max(number for number in more if number is not None)
    side = "" if is_inside(estimate, limit) else ", against the model"
    return f"{text} If the estimate stays, more records like these decide it{side}: {_name(needed, estimate, groups)}."


def _name(needed: int, estimate: Estimate, groups: Sequence[str]) -> str:
    """Return such as 'about 900 malignant (now 100) and 3,600 benign (now 400)'."""
    if not groups or len(groups) != len(estimate.sizes):
        return f"about {_round_up(needed):,} (now {estimate.n:,})"
    parts = [
        f"{_round_up(more):,} {name} (now {size:,})"
        for name, size, more in zip(groups, estimate.sizes, split_by_group(needed, estimate), strict=True)
    ]
    return f"about {' and '.join(parts)}"


def _round_up(number: int) -> int:
    """Return the number at two significant digits, rounded up: more would claim to know the future."""
    unit = int(10 ** max(0, len(str(number)) - 2))
    return -(-number // unit) * unit


def _bounds_text(estimate: Estimate) -> str:
    bounds = estimate.bounds
    if bounds is None:
        return "no bounds"
    return f"between {bounds.low:.3f} and {bounds.high:.3f} at {100 * bounds.confidence:.3g} % confidence each side"
