"""The checks: short on page one, in full behind it."""

from dataclasses import dataclass

from unlearn_audit.presentation.sections.grid import Cell, Grid, Mark
from unlearn_audit.presentation.sections.index import Index
from unlearn_audit.presentation.wording import (
    NONE,
    clip,
    format_apart,
    format_estimate,
    format_interval,
    format_limit,
    format_percent,
    format_point,
)
from unlearn_audit.records import ALL, NEGATIVE, POSITIVE, CheckResult, Outcome, Verdict, WaiverState

_BRIEF = 64


@dataclass(frozen=True)
class Banner:
    """The verdict as it stands on page one."""

    look: str
    """What it is coloured by: the outcome, or 'waived' for a pass that rests on waivers."""
    sign: str
    headline: str
    model: str
    reason: str
    advice: str


def present_banner(index: Index) -> Banner:
    """Return verdict, reason and advice for the audited model."""
    record, verdict = index.record, index.record.verdict
    waived = verdict.is_pass_with_waivers
    return Banner(
        look="waived" if waived else record.outcome.value,
        sign=verdict.sign,
        headline=(verdict.label if waived else record.outcome.label).upper(),
        model=index.name(index.audited),
        reason=record.verdict.reason,
        advice=record.recommendation.text,
    )


def mark_check(check: CheckResult) -> Mark:
    """Return the outcome of a check in its own words, and that it is waived where it is."""
    return Mark(check.outcome, "waived" if check.is_waived else "")


def _describe_place(index: Index, check: CheckResult) -> str:
    """Return what the check was read on: population, operating point, comparison, attack."""
    key = check.key
    among = {ALL: "", POSITIVE: f"{index.positive} only", NEGATIVE: f"{index.negative} only"}
    parts = [among.get(key.among, str(key.among))]
    parts.append(f"against {index.name(key.against).lower()}" if key.against else "")
    parts = [part for part in parts if part.removesuffix(" only").lower() not in check.title.lower()]
    parts.append(f"{key.attack} attack" if key.attack else "")
    parts.append(f"at {format_point(key.at)}" if key.at else "")
    parts.append("" if check.required else "not required")
    return ", ".join(part for part in parts if part)


def _describe_briefly(check: CheckResult) -> str:
    """Return the record's reason where it is short, else the comparison of bounds and tolerance that it rests on."""
    bounds, limit = (check.estimate.bounds if check.estimate else None), check.limit
    if len(check.reason) <= _BRIEF or bounds is None:
        return clip(check.reason, 2 * _BRIEF)
    ends = (limit.at_least, limit.at_most)
    low, high = format_apart(bounds.low, ends), format_apart(bounds.high, ends)
    above = limit.at_most is not None and bounds.low > limit.at_most
    below = limit.at_least is not None and bounds.high < limit.at_least
    if check.outcome is Outcome.FAIL and (above or below):
        return f"lower bound {low} is above the tolerance" if above else f"upper bound {high} is below the tolerance"
    inside = (limit.at_most is None or bounds.high <= limit.at_most) and (
        limit.at_least is None or bounds.low >= limit.at_least
    )
    if check.outcome is Outcome.PASS and inside:
        if limit.at_most is not None and limit.at_least is not None:
            return f"bounds {low} to {high} lie inside"
        return f"upper bound {high} is within" if limit.at_most is not None else f"lower bound {low} is within"
    if check.outcome is Outcome.INCONCLUSIVE and not (inside or above or below):
        return f"bounds {low} to {high} cross the limit"
    return clip(check.reason, 2 * _BRIEF)


def _describe_waiver(check: CheckResult) -> str | None:
    needed = check.waiver is not None and check.waiver.state is not WaiverState.NOT_NEEDED
    return clip(check.waiver.sentence, 2 * _BRIEF) if check.waiver is not None and needed else None


def _show_interval(check: CheckResult) -> str | None:
    interval = check.estimate.interval if check.estimate else None
    return f"({format_interval(interval, check.limit)})" if interval else None


def present_brief_checks(index: Index) -> Grid:
    """Return the table of page one: check, estimate with interval, tolerance, outcome, reason."""
    verdict = index.record.verdict
    confidences = {c.estimate.interval.confidence for c in verdict.checks if c.estimate and c.estimate.interval}
    level = f" and {format_percent(confidences.pop())} interval" if len(confidences) == 1 else " and interval"
    rows = tuple(
        (
            Cell(check.title, _describe_place(index, check) or None),
            Cell(format_estimate(check.estimate, check.limit), _show_interval(check), "number", _key_of(check)),
            Cell(format_limit(check.limit), kind="number", key=_key_of_limit(check)),
            mark_check(check),
            Cell(_describe_waiver(check) or _describe_briefly(check)),
        )
        for check in verdict.checks
    )
    heads = ("Check", f"Estimate{level}", "Tolerance", "Outcome", "Reason")
    return Grid("checks", "Checks of the policy on the audited model", heads, rows)


def present_full_checks(index: Index, verdict: Verdict) -> Grid:
    """Return every check with the bounds that decided and the whole reason; why each tolerance is in section 4."""
    rows = tuple(
        (
            Cell(check.id, f"{index.title(check.key.metric)}; {check.kind}", "code"),
            Cell(_show_bounds(check), kind="number", key=_key_of_bounds(check)),
            Cell(format_limit(check.limit), kind="number", key=_key_of_limit(check)),
            mark_check(check),
            Cell(" ".join([check.reason, *([check.waiver.sentence] if check.waiver else [])]), _show_basis(check)),
        )
        for check in verdict.checks
    )
    level = format_percent(verdict.confidence)
    heads = ("Check", f"One-sided {level} bounds", "Tolerance", "Outcome", "Reason and basis")
    return Grid("all-checks", f"Every check on {index.name(verdict.model)}", heads, rows)


def _key_of(check: CheckResult) -> float | None:
    return check.estimate.value if check.estimate else None


def _key_of_bounds(check: CheckResult) -> float | None:
    return check.estimate.bounds.low if check.estimate and check.estimate.bounds else None


def _key_of_limit(check: CheckResult) -> float | None:
    return check.limit.at_most if check.limit.at_most is not None else check.limit.at_least


def _show_bounds(check: CheckResult) -> str:
    bounds = check.estimate.bounds if check.estimate else None
    return format_interval(bounds, check.limit) if bounds else NONE


def _show_basis(check: CheckResult) -> str | None:
    if check.estimate is None:
        return None
    method = check.estimate.bounds.method.text if check.estimate.bounds else "no bounds"
    parts = [method, f"n = {check.estimate.n}"]
    if check.estimate.bca is not None:
        parts.append(f"BCa {format_interval(check.estimate.bca, check.limit)}")
    if check.estimate.design_effect is not None:
        parts.append(f"design effect {check.estimate.design_effect:.2f}")
    if check.equivalence_p is not None:
        parts.append(f"equivalence p = {check.equivalence_p:.2g}")
    return ", ".join(parts)
