"""A check and a verdict in one line, from the outcomes alone."""

from collections.abc import Iterator, Sequence

from unlearn_audit.policy import Check, Policy, describe_waivers
from unlearn_audit.records import ALL, NEGATIVE, POSITIVE, CheckResult, Message, Outcome, write_message
from unlearn_audit.verdict.rulings import find_traits

_COUNTED = (
    (Outcome.FAIL, "checks-failed"),
    (Outcome.INCONCLUSIVE, "checks-inconclusive"),
    (Outcome.NOT_RUN, "checks-not-run"),
    (Outcome.PASS, "checks-passed"),
)
_MOST_NAMED = 3


def title_of(check: Check, policy: Policy) -> str:
    """Return how a check is called in print: as its policy says, else such as 'Global Risk, increase over original'."""
    attacks = f" ({', '.join(check.attacks)})" if check.attacks else ""
    if check.title is not None:
        return check.title + attacks
    among = {POSITIVE: f", {policy.task.positive_name} records", NEGATIVE: f", {policy.task.negative_name} records"}
    return (
        find_traits(check.metric).title
        + (f" against {check.against}" if check.against else "")
        + among.get(check.among, f", {check.among}" if check.among != ALL else "")
        + attacks
    )


def summarise(checks: Sequence[CheckResult]) -> Iterator[Message]:
    """Yield how many required checks came out how, which did not pass, and which are waived."""
    required = [check for check in checks if check.required and not check.is_waived]
    counts = {outcome: [c for c in required if c.outcome is outcome] for outcome in Outcome}
    listed = [write_message(code, n=len(counts[outcome])) for outcome, code in _COUNTED if counts[outcome]]
    bad = counts[Outcome.FAIL] or counts[Outcome.INCONCLUSIVE] + counts[Outcome.NOT_RUN]
    details = {"required": len(required), "counts": listed, "named": _name_checks([check.title for check in bad])}
    waived = sum(check.is_waived for check in checks)
    if waived:
        yield write_message("checks-counted-besides-waived", waived=waived, **details)
    else:
        yield write_message("checks-counted", **details)
    yield from describe_waivers(checks)


def _name_checks(titles: Sequence[str]) -> Message:
    if not titles:
        return write_message("no-checks-named")
    if len(titles) <= _MOST_NAMED:
        return write_message("checks-named", titles=list(titles))
    more = len(titles) - _MOST_NAMED
    return write_message("checks-named-and-more", titles=list(titles[:_MOST_NAMED]), more=more)
