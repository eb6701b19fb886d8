"""The decision: each check of the policy against its findings. Only bounds decide, never a point estimate."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from unlearn_audit.metrics import METRICS
from unlearn_audit.policy import Acceptances, Check, Policy, tell_release, tell_waivers
from unlearn_audit.records import (
    CheckResult,
    Estimate,
    Finding,
    Limit,
    Outcome,
    Provenance,
    Recommendation,
    Verdict,
    decide_outcome,
    find_worst,
    settle_waivers,
)
from unlearn_audit.stats import estimate_more_records

_WORDS = {"all": "", "positive": "{positive} ", "negative": "{negative} "}


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
    limit = _limit_of(check)
    rulings = [
        _rule(finding, limit)
        for finding in findings
        if (finding.metric, finding.against, finding.among, finding.at)
        == (check.metric, check.against, check.among, at)
    ]
    ruling = _combine(rulings)
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
        reason=ruling.reason,
        estimate=ruling.finding.estimate if ruling.finding else None,
    )


def title_of(check: Check, policy: Policy) -> str:
    """Return how a check is called in print, such as 'Global Risk, increase over original'."""
    among = {"positive": f", {policy.task.positive_name} records", "negative": f", {policy.task.negative_name} records"}
    return (
        METRICS[check.metric].title
        + (f" against {check.against}" if check.against else "")
        + among.get(check.among, "")
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


def _rule(finding: Finding, limit: Limit) -> _Ruling:
    estimate = finding.estimate
    if estimate is None:
        return _Ruling(Outcome.NOT_RUN, f"Not measured: {finding.not_run}", finding)
    if estimate.bounds is None:
        return _Ruling(
            Outcome.NOT_RUN, "Measured, but without a bound of tested coverage, so it cannot decide.", finding
        )
    low, high = estimate.bounds.low, estimate.bounds.high
    too_high = limit.at_most is not None and low > limit.at_most
    too_low = limit.at_least is not None and high < limit.at_least
    below = limit.at_most is None or high <= limit.at_most
    above = limit.at_least is None or low >= limit.at_least
    if too_high or too_low:
        return _Ruling(Outcome.FAIL, _explain_fail(estimate, limit, too_high=too_high), finding)
    if below and above:
        return _Ruling(Outcome.PASS, _explain_pass(estimate, limit), finding)
    return _Ruling(Outcome.INCONCLUSIVE, _explain_straddle(estimate, limit), finding)


def _bounds_text(estimate: Estimate) -> str:
    bounds = estimate.bounds
    if bounds is None:
        return "no bounds"
    return f"between {bounds.low:.3f} and {bounds.high:.3f} at {100 * bounds.confidence:.3g} % confidence each side"


def _explain_pass(estimate: Estimate, limit: Limit) -> str:
    return f"The value lies {_bounds_text(estimate)}: inside the tolerance ({limit})."


def _explain_fail(estimate: Estimate, limit: Limit, *, too_high: bool) -> str:
    bounds = estimate.bounds
    if bounds is None:
        raise ValueError("a failing check has bounds")
    if too_high:
        return f"Even the lower bound, {bounds.low:.3f}, is above the tolerance ({limit})."
    return f"Even the upper bound, {bounds.high:.3f}, is below the tolerance ({limit})."


def _explain_straddle(estimate: Estimate, limit: Limit) -> str:
    """Say what would decide it: 'inconclusive' alone is no answer."""
    text = f"The value lies {_bounds_text(estimate)}: that range crosses the tolerance ({limit})."
    ends = [end for end in (limit.at_least, limit.at_most) if end is not None]
    more = [estimate_more_records(estimate, end) for end in ends]
    if any(number is None for number in more):
        return f"{text} The estimate sits on the limit: no number of further records is likely to decide it."
    needed = max(number for number in more if number is not None)
    side = "" if _is_inside(estimate, limit) else ", against the model"
    return f"{text} If the estimate stays, about {needed:,} more records like these {estimate.n:,} decide it{side}."


def _is_inside(estimate: Estimate, limit: Limit) -> bool:
    above = limit.at_least is None or estimate.value >= limit.at_least
    return above and (limit.at_most is None or estimate.value <= limit.at_most)


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


def recommend(verdicts: Sequence[Verdict], provenance: Provenance) -> Recommendation:
    """Say what to do, by the verdicts alone; `provenance` names the remedies in the order they were tried."""
    audited, titles = verdicts[0], {card.name: card.title for card in provenance.models}
    remedied = [card.name for card in provenance.models if card.role == "remedied"]
    if audited.outcome is Outcome.PASS and audited.waived:
        return Recommendation(action="release", model=audited.model, text=tell_release(audited))
    if audited.outcome is Outcome.PASS:
        return Recommendation(
            action="release",
            model=audited.model,
            text="Every required check holds: the numbers support releasing the unlearned model.",
        )
    passing = [v for v in verdicts if v.model in remedied and v.outcome is Outcome.PASS]
    if passing:
        name = passing[0].model
        return Recommendation(
            action="release-remedied",
            model=name,
            text="Do not release the unlearned model. "
            f"The model remedied by {titles[name]} passes every required check: release that one instead.",
        )
    tried = (
        f" The remedies tried ({', '.join(titles[name] for name in remedied)}) do not pass either." if remedied else ""
    )
    tried += "".join(f" {s.method}: {s.reason}" for s in provenance.searches if s.chosen is None)
    if audited.outcome is Outcome.FAIL:
        return Recommendation(
            action="do-not-release",
            model=audited.model,
            text=f"Do not release the unlearned model.{tried} " + _next_step(verdicts, titles, remedied),
        )
    return Recommendation(
        action="collect-evidence",
        model=audited.model,
        text=f"The evidence does not decide: do not release yet.{tried} " + _next_step(verdicts, titles, remedied),
    )


def _next_step(verdicts: Sequence[Verdict], titles: dict[str, str], remedied: Sequence[str]) -> str:
    promising = [titles[v.model] for v in verdicts if v.model in remedied and _could_pass(v)]
    if promising:
        return (
            f"On {promising[0]} every required estimate lies inside its tolerance: a larger test split could decide "
            "for it. Section 2 says how many records each check needs."
        )
    return "Change the unlearning where checks fail, collect more test records where they are inconclusive."


def _could_pass(verdict: Verdict) -> bool:
    """Whether more records alone might turn the verdict into a pass: every required estimate is inside its limit."""
    required = [check for check in verdict.checks if check.required]
    return all(c.estimate is not None and c.estimate.bounds and _is_inside(c.estimate, c.limit) for c in required)
