"""Which groups make a check on the worst of them fail, or leave it open, and what would close it."""

from collections.abc import Sequence

from unlearn_audit.records import Finding, Interval, Limit, Outcome
from unlearn_audit.stats import estimate_more_records


def explain_groups(outcome: Outcome, groups: Sequence[Finding], limit: Limit) -> str:
    """Return a sentence on the groups that decide a check on the worst of them, '' where there is nothing to say.

    Args:
        outcome: of the check.
        groups: the findings on its groups; none for any other check.
        limit: its tolerance.
    """
    beyond = [_name(f) for f in groups if f.estimate and f.estimate.bounds and _is_beyond(f.estimate.bounds, limit)]
    if outcome is Outcome.FAIL and beyond:
        return f" Beyond it by their own bounds, uncorrected: {', '.join(beyond)}."
    if outcome is not Outcome.INCONCLUSIVE:
        return ""
    lucky = f" Beyond it by their own bounds, but not once corrected for the number of groups: {', '.join(beyond)}."
    return _name_open_groups(groups, limit) + (lucky if beyond else "")


def _name(finding: Finding) -> str:
    return str(finding.key.among) + (f" by {finding.key.attack}" if finding.key.attack else "")


def _is_beyond(bounds: Interval, limit: Limit) -> bool:
    too_high = limit.at_most is not None and bounds.low > limit.at_most
    return too_high or (limit.at_least is not None and bounds.high < limit.at_least)


def _name_open_groups(groups: Sequence[Finding], limit: Limit) -> str:
    """Say which groups leave a check on the worst of them open, and how many more records of each would close it."""
    told = []
    for finding in groups:
        estimate = finding.estimate
        if estimate is None or estimate.bounds is None:
            continue
        low, high = estimate.bounds.low, estimate.bounds.high
        ends = [end for end in (limit.at_least, limit.at_most) if end is not None and low <= end <= high]
        more = [estimate_more_records(estimate, end) for end in ends]
        if more:
            needed = "no number" if None in more else f"about {max(n for n in more if n is not None):,}"
            told.append(f"{_name(finding)} ({needed} more like these {estimate.n:,})")
    return f" If the estimates stay, these groups decide it: {', '.join(told)}." if told else ""
