"""What a check and a verdict are called in one line, from the outcomes alone."""

from collections.abc import Sequence

from unlearn_audit.policy import Check, Policy, tell_waivers
from unlearn_audit.records import CheckResult, Outcome
from unlearn_audit.verdict.rulings import find_traits


def title_of(check: Check, policy: Policy) -> str:
    """Return how a check is called in print, such as 'Global Risk, increase over original'."""
    among = {"positive": f", {policy.task.positive_name} records", "negative": f", {policy.task.negative_name} records"}
    return (
        find_traits(check.metric).title
        + (f" against {check.against}" if check.against else "")
        + among.get(check.among, f", {check.among}" if check.among != "all" else "")
    )


def summarise(checks: Sequence[CheckResult]) -> str:
    """Return how many required checks passed and how many did not, in words, and what is waived."""
    required = [check for check in checks if check.required and not check.is_waived]
    counts = {outcome: [c for c in required if c.outcome is outcome] for outcome in Outcome}
    parts = [
        f"{len(counts[outcome])} {words}"
        for outcome, words in (
            (Outcome.FAIL, "failed"),
            (Outcome.INCONCLUSIVE, "inconclusive"),
            (Outcome.NOT_RUN, "not run"),
            (Outcome.PASS, "passed"),
        )
        if counts[outcome]
    ]
    bad = [c.title for c in counts[Outcome.FAIL]] or [
        c.title for c in counts[Outcome.INCONCLUSIVE] + counts[Outcome.NOT_RUN]
    ]
    named = f": {'; '.join(bad[:3])}{f' and {len(bad) - 3} more' if len(bad) > 3 else ''}" if bad else ""  # noqa: PLR2004
    waived = [check for check in checks if check.is_waived]
    beside = f" besides {len(waived)} waived" if waived else ""
    return " ".join([f"Of {len(required)} required checks{beside} {', '.join(parts)}{named}.", *tell_waivers(checks)])
