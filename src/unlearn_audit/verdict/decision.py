"""The decision: each check of the policy is held against its findings. Only bounds decide."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from unlearn_audit.findings.metric import Metric
from unlearn_audit.findings.metrics import METRICS
from unlearn_audit.policy import (
    Acceptances,
    Check,
    Policy,
    tell_waivers,
)
from unlearn_audit.records import (
    ALL,
    NEGATIVE,
    POSITIVE,
    CheckResult,
    Estimate,
    Finding,
    Interval,
    Limit,
    Message,
    MetricKey,
    OperatingPoint,
    Outcome,
    Verdict,
    decide_outcome,
    find_worst,
    round_number,
    settle_waivers,
    write_message,
)
from unlearn_audit.stats import compute_equivalence
from unlearn_audit.verdict.group_reasons import explain_groups
from unlearn_audit.verdict.reasons import (
    explain_chance,
    explain_crossing,
    explain_fail,
    explain_open,
    explain_pass,
    is_beyond,
)


def decide(
    findings: Iterable[Finding],
    policy: Policy,
    model: str,
    accepted: Acceptances | None = None,
    *,
    plan: bool = True,
) -> Verdict:
    """Hold every check of `policy` against the findings on `model`.

    A check passes when the bound that could contradict it lies inside its limit, fails when the whole range of
    plausible values lies outside, and is inconclusive between. A check whose finding is absent or has no bounds is
    `not_run`. The verdict is the worst required check; a check that was not run makes it inconclusive. A check with a
    waiver in force keeps its outcome and does not count. Without `plan` no check that is left open says how many
    records would decide it, which takes longer than to decide.

    What must not be concluded: a pass is evidence at the stated confidence about this test split, not a proof.
    """
    mine = [finding for finding in findings if finding.key.model == model]
    waivers = accepted or Acceptances()
    checks = settle_waivers(waivers.apply(_check(check, mine, policy, model, plan=plan)) for check in policy.checks)
    used = [c.estimate.bounds.confidence for c in checks if c.estimate is not None and c.estimate.bounds is not None]
    return Verdict(
        model=model,
        outcome=decide_outcome(checks),
        reasons=tuple(_summarise(checks)),
        confidence=max(used, default=policy.protocol.confidence),
        checks=checks,
    )


def _check(check: Check, findings: Sequence[Finding], policy: Policy, model: str, *, plan: bool) -> CheckResult:
    metric = METRICS[check.metric]
    at = _find_point(check, metric, policy)
    limit, groups = _limit_of(check), name_groups(check, policy) if plan else None
    asked = [f for f in findings if (f.key.metric, f.key.against, f.key.at) == (check.metric, check.against, at)]
    rulings = [_rule(finding, limit, groups) for finding in asked if check.among.is_decided_by(finding.key.among)]
    needed = [f for f in asked if check.among.is_informed_by(f.key.among)]
    parts = [f for f in needed if not check.among.is_decided_by(f.key.among)]
    ruling = _combine([*rulings, *_judge_unassessable(parts, policy)])
    estimate = ruling.finding.estimate if ruling.finding else None
    return CheckResult(
        id=check.id,
        title=check.title or title_of(check, policy),
        why=check.why,
        kind=metric.traits.kind,
        key=MetricKey(
            metric=check.metric,
            model=model,
            against=check.against,
            among=check.among,
            at=at,
            attack=ruling.finding.key.attack if ruling.finding else None,
        ),
        limit=limit,
        required=check.required,
        outcome=ruling.outcome,
        reasons=(*ruling.reasons, *explain_groups(ruling.outcome, parts, limit)),
        estimate=estimate,
        equivalence_p=_find_equivalence_p(estimate, limit),
    )


def _find_point(check: Check, metric: Metric, policy: Policy) -> OperatingPoint | None:
    """Return where the check reads its metric: its operating point, or the first false-positive rate of the policy."""
    if metric.points is not None:
        return next(iter(metric.points(policy)), None)
    return (check.at or policy.task.operating_points[0]) if metric.traits.at else None


def _find_equivalence_p(estimate: Estimate | None, limit: Limit) -> float | None:
    """Return the TOST p-value where a check asks for a range: beside the bounds, which alone decide."""
    if estimate is None or limit.at_least is None or limit.at_most is None or estimate.standard_error is None:
        return None
    equivalence = compute_equivalence(estimate.value, estimate.standard_error, limit.at_least, limit.at_most)
    return round_number(equivalence.p)


def name_groups(check: Check, policy: Policy) -> tuple[str, ...]:
    """Return what the groups of records are called that the check's metric counts, such as 'malignant'."""
    task = policy.task
    classes = {"positive": task.positive_name, "negative": task.negative_name}
    among = f"{classes[check.among.kind]} " if check.among.kind in classes else ""
    return tuple(classes.get(group, f"{among}{group}") for group in METRICS[check.metric].groups)


def _judge_unassessable(groups: Sequence[Finding], policy: Policy) -> list["_Ruling"]:
    """A group without a number may be any: the worst of its column then cannot pass, unless the policy says so."""
    if policy.subgroups is None or policy.subgroups.unassessable == "inform":
        return []
    causes = list(dict.fromkeys(group.not_run for group in groups if group.not_run))
    reason = write_message("not-measured-in-every-group", causes=causes) if causes else None
    return [_Ruling(Outcome.NOT_RUN, (reason,))] if reason else []


def title_of(check: Check, policy: Policy) -> str:
    """Return how a check is called in print, such as 'Global Risk, increase over original'."""
    among = {POSITIVE: f", {policy.task.positive_name} records", NEGATIVE: f", {policy.task.negative_name} records"}
    return (
        METRICS[check.metric].title
        + (f" against {check.against}" if check.against else "")
        + among.get(check.among, f", {check.among}" if check.among != ALL else "")
    )


def _limit_of(check: Check) -> Limit:
    low, high = check.ends
    return Limit(at_least=low, at_most=high)


@dataclass(frozen=True)
class _Ruling:
    outcome: Outcome
    reasons: tuple[Message, ...]
    finding: Finding | None = None


def _combine(rulings: Sequence[_Ruling]) -> _Ruling:
    """All attacks that the policy lists must hold (an intersection-union test needs no correction for a pass)."""
    if not rulings:
        return _Ruling(Outcome.NOT_RUN, (write_message("nothing-measured"),))
    worst = find_worst(ruling.outcome for ruling in rulings)
    return max((ruling for ruling in rulings if ruling.outcome is worst), key=_margin_used)


def _margin_used(ruling: _Ruling) -> float:
    """How far the estimate strays from the value that means no difference: picks the attack to name."""
    finding = ruling.finding
    if finding is None or finding.estimate is None:
        return 0.0
    return abs(finding.estimate.value - (finding.null or 0.0))


def _rule(finding: Finding, limit: Limit, groups: Sequence[str] | None) -> _Ruling:
    estimate = finding.estimate
    if estimate is None:
        return _Ruling(Outcome.NOT_RUN, (write_message("not-measured", cause=finding.not_run),), finding)
    bounds = estimate.bounds
    if bounds is None:
        return _Ruling(Outcome.NOT_RUN, (write_message("no-deciding-bounds"),), finding)
    low, high, failing = bounds.low, bounds.high, estimate.failing or bounds
    too_high = limit.at_most is not None and failing.low > limit.at_most
    too_low = limit.at_least is not None and failing.high < limit.at_least
    below = limit.at_most is None or high <= limit.at_most
    above = limit.at_least is None or low >= limit.at_least
    if too_high or too_low:
        return _Ruling(Outcome.FAIL, (explain_fail(failing, limit, too_high=too_high),), finding)
    if finding.obstacle is not None:
        return _Ruling(Outcome.NOT_RUN, (write_message("cannot-pass", cause=finding.obstacle),), finding)
    if below and above:
        return _Ruling(Outcome.PASS, (explain_pass(bounds, limit),), finding)
    return _Ruling(Outcome.INCONCLUSIVE, _explain_open(finding, estimate, bounds, limit, groups), finding)


def _explain_open(
    finding: Finding, estimate: Estimate, bounds: Interval, limit: Limit, groups: Sequence[str] | None
) -> tuple[Message, ...]:
    if finding.key.among.is_extreme or groups is None:
        return (explain_crossing(bounds, limit),)
    if estimate.corrected is not None and is_beyond(bounds, limit):
        return (explain_chance(bounds, limit),)
    return (explain_crossing(bounds, limit), explain_open(estimate, limit, groups))


_COUNTED = (
    (Outcome.FAIL, "checks-failed"),
    (Outcome.INCONCLUSIVE, "checks-inconclusive"),
    (Outcome.NOT_RUN, "checks-not-run"),
    (Outcome.PASS, "checks-passed"),
)
_MOST_NAMED = 3


def _summarise(checks: Sequence[CheckResult]) -> Iterator[Message]:
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
    yield from tell_waivers(checks)


def _name_checks(titles: Sequence[str]) -> Message:
    if not titles:
        return write_message("no-checks-named")
    if len(titles) <= _MOST_NAMED:
        return write_message("checks-named", titles=list(titles))
    more = len(titles) - _MOST_NAMED
    return write_message("checks-named-and-more", titles=list(titles[:_MOST_NAMED]), more=more)
