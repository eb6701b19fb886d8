"""The decision: each check of the policy against its findings. Only bounds decide, never a point estimate."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from unlearn_audit.findings.metrics import METRICS
from unlearn_audit.policy import (
    Acceptances,
    Check,
    Policy,
    belongs_to,
    decides,
    find_column,
    tell_waivers,
)
from unlearn_audit.records import (
    CheckResult,
    Estimate,
    Finding,
    Limit,
    Outcome,
    Unit,
    Verdict,
    decide_outcome,
    find_worst,
    round_number,
    settle_waivers,
)
from unlearn_audit.stats import compute_equivalence
from unlearn_audit.verdict.group_reasons import explain_groups
from unlearn_audit.verdict.pair_reasons import explain_more_pairs, explain_test, has_power
from unlearn_audit.verdict.reasons import explain_crossing, explain_fail, explain_pass, explain_straddle


def decide(findings: Iterable[Finding], policy: Policy, model: str, accepted: Acceptances | None = None) -> Verdict:
    """Hold every check of `policy` against the findings on `model`.

    A check passes when the bound that could contradict it lies inside its limit, fails when the whole range of
    plausible values lies outside, and is inconclusive between. A check whose finding is absent or has no bounds is
    `not_run`. The verdict is the worst required check; a check that was not run makes it inconclusive. A check with a
    waiver in force keeps its outcome and does not count.

    What must not be concluded: a pass is evidence at the stated confidence about this test split, not a proof.
    """
    mine = [finding for finding in findings if finding.model == model]
    waivers = accepted or Acceptances()
    checks = settle_waivers(waivers.apply(_check(check, mine, policy, model)) for check in policy.checks)
    used = [c.estimate.bounds.confidence for c in checks if c.estimate is not None and c.estimate.bounds is not None]
    return Verdict(
        model=model,
        outcome=decide_outcome(checks),
        reason=_summarise(checks),
        confidence=max(used, default=policy.protocol.confidence),
        checks=checks,
    )


def _check(check: Check, findings: Sequence[Finding], policy: Policy, model: str) -> CheckResult:
    metric = METRICS[check.metric]
    at = (check.at or policy.task.operating_points[0]) if metric.traits.at else None
    limit, groups = _limit_of(check), name_groups(check, policy)
    asked = [f for f in findings if (f.metric, f.against, f.at) == (check.metric, check.against, at)]
    rulings = [_rule(finding, limit, groups) for finding in asked if decides(check.among, finding.among)]
    parts = [f for f in asked if belongs_to(check.among, f.among) and not decides(check.among, f.among)]
    ruling = _combine([*rulings, *_judge_unassessable(parts, policy)])
    estimate = ruling.finding.estimate if ruling.finding else None
    return CheckResult(
        id=check.id,
        title=check.title or title_of(check, policy),
        why=check.why,
        kind=metric.traits.kind,
        metric=check.metric,
        model=model,
        against=check.against,
        among=check.among,
        at=at,
        attack=ruling.finding.attack if ruling.finding else None,
        limit=limit,
        required=check.required,
        outcome=ruling.outcome,
        reason=ruling.reason + explain_groups(ruling.outcome, parts, limit),
        estimate=estimate,
        equivalence_p=_find_equivalence_p(estimate, limit),
    )


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
    among = f"{classes[check.among]} " if check.among in classes else ""
    return tuple(classes.get(group, f"{among}{group}") for group in METRICS[check.metric].groups)


def _judge_unassessable(groups: Sequence[Finding], policy: Policy) -> list["_Ruling"]:
    """A group without a number may be any: the worst of its column then cannot pass, unless the policy says so."""
    if policy.subgroups is None or policy.subgroups.unassessable == "inform":
        return []
    reasons = dict.fromkeys(group.not_run.removesuffix(".") for group in groups if group.not_run)
    return [_Ruling(Outcome.NOT_RUN, f"Not measured in every group: {'; '.join(reasons)}.")] if reasons else []


def title_of(check: Check, policy: Policy) -> str:
    """Return how a check is called in print, such as 'Global Risk, increase over original'."""
    among = {"positive": f", {policy.task.positive_name} records", "negative": f", {policy.task.negative_name} records"}
    return (
        METRICS[check.metric].title
        + (f" against {check.against}" if check.against else "")
        + among.get(check.among, f", {check.among}" if check.among != "all" else "")
    )


def _limit_of(check: Check) -> Limit:
    if check.within is not None:
        return Limit(at_least=check.within[0], at_most=check.within[1])
    return Limit(at_least=check.at_least, at_most=check.at_most)


@dataclass(frozen=True)
class _Ruling:
    outcome: Outcome
    reason: str
    finding: Finding | None = None


def _combine(rulings: Sequence[_Ruling]) -> _Ruling:
    """All attacks that the policy lists must hold (an intersection-union test needs no correction for a pass)."""
    if not rulings:
        return _Ruling(Outcome.NOT_RUN, "Nothing was measured for this check.")
    worst = find_worst(ruling.outcome for ruling in rulings)
    return max((ruling for ruling in rulings if ruling.outcome is worst), key=_margin_used)


def _margin_used(ruling: _Ruling) -> float:
    """How far the estimate strays from 0.5 (membership) or simply its size: picks the attack to name."""
    finding = ruling.finding
    if finding is None or finding.estimate is None:
        return 0.0
    centre = 0.5 if finding.metric == "membership-auc" else 0.0
    return abs(finding.estimate.value - centre)


def _rule(finding: Finding, limit: Limit, groups: Sequence[str]) -> _Ruling:
    estimate = finding.estimate
    if estimate is None:
        return _Ruling(Outcome.NOT_RUN, f"Not measured: {finding.not_run}", finding)
    if estimate.bounds is None:
        return _Ruling(
            Outcome.NOT_RUN, "Measured, but without a bound of tested coverage, so it cannot decide.", finding
        )
    outcome = _place(estimate, limit)
    return _Ruling(outcome, _explain(outcome, finding, estimate, limit, groups), finding)


def _place(estimate: Estimate, limit: Limit) -> Outcome:
    """Return where the bounds lie: inside, outside or across the limit. A test inside passes only with its power."""
    if estimate.bounds is None:
        return Outcome.NOT_RUN
    low, high = estimate.bounds.low, estimate.bounds.high
    too_high = limit.at_most is not None and low > limit.at_most
    too_low = limit.at_least is not None and high < limit.at_least
    if too_high or too_low:
        return Outcome.FAIL
    below = limit.at_most is None or high <= limit.at_most
    above = limit.at_least is None or low >= limit.at_least
    return Outcome.PASS if below and above and has_power(estimate) else Outcome.INCONCLUSIVE


def _explain(outcome: Outcome, finding: Finding, estimate: Estimate, limit: Limit, groups: Sequence[str]) -> str:
    if estimate.unit is Unit.P_VALUE:
        return explain_test(outcome, estimate, limit)
    if outcome is Outcome.FAIL and estimate.bounds is not None:
        too_high = limit.at_most is not None and estimate.bounds.low > limit.at_most
        return explain_fail(estimate, limit, too_high=too_high)
    if outcome is Outcome.PASS:
        return explain_pass(estimate, limit)
    if find_column(finding.among) is not None:
        return explain_crossing(estimate, limit)
    if estimate.pairs is not None:
        return explain_crossing(estimate, limit) + explain_more_pairs(estimate, limit)
    return explain_straddle(estimate, limit, groups)


def _summarise(checks: Sequence[CheckResult]) -> str:
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
