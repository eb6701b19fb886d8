"""The decision: each check of the policy is held against its findings. Only bounds decide."""

from collections.abc import Iterable, Iterator, Sequence

from unlearn_audit.findings.metrics import METRICS
from unlearn_audit.policy import Acceptances, Check, Policy
from unlearn_audit.records import (
    CheckResult,
    Estimate,
    Finding,
    Interval,
    Limit,
    Message,
    MetricKey,
    Outcome,
    Verdict,
    decide_outcome,
    round_number,
    settle_waivers,
)
from unlearn_audit.stats import compute_equivalence
from unlearn_audit.verdict.group_reasons import explain_groups
from unlearn_audit.verdict.guards import list_idle_checks
from unlearn_audit.verdict.pair_reasons import explain_more_pairs, explain_test
from unlearn_audit.verdict.reasons import explain_chance, explain_crossing, explain_fail, explain_open, explain_pass
from unlearn_audit.verdict.rulings import CheckRuling, Ruling, find_traits, is_above, is_beyond, rule_check
from unlearn_audit.verdict.summary import summarise, title_of


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
    listed = tuple(findings)
    mine = [finding for finding in listed if finding.key.model == model]
    waivers = accepted or Acceptances()
    plain = (_check(check, mine, policy, model, plan=plan) for check in policy.checks)
    checks = settle_waivers(map(waivers.apply, plain), list_idle_checks(policy, listed, waivers))
    used = [c.estimate.bounds.confidence for c in checks if c.estimate is not None and c.estimate.bounds is not None]
    return Verdict(
        model=model,
        outcome=decide_outcome(checks),
        reasons=tuple(summarise(checks)),
        confidence=max(used, default=policy.protocol.confidence),
        checks=checks,
    )


def _check(check: Check, findings: Sequence[Finding], policy: Policy, model: str, *, plan: bool) -> CheckResult:
    ruled = rule_check(check, findings, policy)
    ruling, estimate = ruled.ruling, ruled.ruling.estimate
    return CheckResult(
        id=check.id,
        title=title_of(check, policy),
        why=check.why,
        kind=find_traits(check.metric).kind,
        key=MetricKey(
            metric=check.metric,
            model=model,
            against=check.against,
            among=check.among,
            at=ruled.at,
            attack=ruling.finding.key.attack if ruling.finding else None,
        ),
        limit=ruled.limit,
        required=check.required,
        outcome=ruling.outcome,
        reasons=(*_explain(check, ruled, policy, plan=plan), *explain_groups(ruling.outcome, ruled.parts, ruled.limit)),
        estimate=estimate,
        equivalence_p=_find_equivalence_p(estimate, ruled.limit),
    )


def _explain(check: Check, ruled: CheckRuling, policy: Policy, *, plan: bool) -> Iterator[Message]:
    """Yield why a check came out as it did."""
    ruling, estimate = ruled.ruling, ruled.ruling.estimate
    if ruling.lacking is not None:
        yield ruling.lacking
    elif estimate is not None and estimate.bounds is not None:
        failing = estimate.failing or estimate.bounds
        if find_traits(check.metric).needs_power:
            yield from explain_test(ruling.outcome, estimate, ruled.limit)
        elif ruling.outcome is Outcome.FAIL:
            yield explain_fail(failing, ruled.limit, too_high=is_above(failing, ruled.limit))
        elif ruling.outcome is Outcome.PASS:
            yield explain_pass(estimate.bounds, ruled.limit)
        elif not plan:
            yield explain_crossing(estimate.bounds, ruled.limit)
        else:
            groups = name_groups(check, policy) if plan else None
            yield from _explain_open(ruling, estimate, estimate.bounds, ruled.limit, groups)


def _explain_open(
    ruling: Ruling, estimate: Estimate, bounds: Interval, limit: Limit, groups: Sequence[str] | None
) -> tuple[Message, ...]:
    if groups is None or (ruling.finding is not None and ruling.finding.key.among.is_extreme):
        return (explain_crossing(bounds, limit),)
    if estimate.corrected is not None and is_beyond(bounds, limit):
        return (explain_chance(bounds, limit),)
    if estimate.pairs is not None:
        return (explain_crossing(bounds, limit), explain_more_pairs(estimate, limit))
    return (explain_crossing(bounds, limit), explain_open(estimate, limit, groups))


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
