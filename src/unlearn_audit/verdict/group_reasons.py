"""Reasons by group: which groups make a check on the worst of them fail or leave it open, and what would close it."""

from collections.abc import Iterator, Sequence

from unlearn_audit.records import Finding, Limit, Message, Outcome, write_message
from unlearn_audit.stats import estimate_more_records
from unlearn_audit.verdict.rulings import is_beyond


def explain_groups(outcome: Outcome, groups: Sequence[Finding], limit: Limit) -> Iterator[Message]:
    """Yield what the groups have to do with the outcome of a check on the worst of them; nothing for another check.

    Args:
        outcome: of the check.
        groups: the findings on its groups; none for any other check.
        limit: its tolerance.
    """
    beyond = [_name(f) for f in groups if f.estimate and f.estimate.bounds and is_beyond(f.estimate.bounds, limit)]
    if outcome is Outcome.FAIL and beyond:
        yield write_message("groups-beyond", groups=beyond)
    if outcome is not Outcome.INCONCLUSIVE:
        return
    still_open = [message for finding in groups if (message := _explain_open(finding, limit))]
    if still_open:
        yield write_message("groups-open", groups=still_open)
    if beyond:
        yield write_message("groups-beyond-until-corrected", groups=beyond)


def _name(finding: Finding) -> Message | str:
    group = str(finding.key.among)
    return write_message("group-under-attack", group=group, attack=finding.key.attack) if finding.key.attack else group


def _explain_open(finding: Finding, limit: Limit) -> Message | None:
    """Return how many more records of a group would close the check, None where the group does not leave it open."""
    estimate = finding.estimate
    if estimate is None or estimate.bounds is None:
        return None
    low, high = estimate.bounds.low, estimate.bounds.high
    ends = [end for end in (limit.at_least, limit.at_most) if end is not None and low <= end <= high]
    more = [estimate_more_records(estimate, end) for end in ends]
    if not more:
        return None
    numbers = [number for number in more if number is not None]
    if len(numbers) < len(more):
        return write_message("group-open-without-number", group=_name(finding), now=estimate.n)
    return write_message("group-open", group=_name(finding), more=max(numbers), now=estimate.n)
