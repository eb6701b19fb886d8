"""What a check's finding amounts to: outcomes alone, no sentence. Policy and findings are enough, and so is no NumPy.

`decision` puts the reasons to it when a record is made; `consistency` asks it again when one is verified.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from unlearn_audit.findings.traits import TRAITS
from unlearn_audit.policy import Check, MetricTraits, Policy, belongs_to, decides, find_column
from unlearn_audit.records import Estimate, Finding, Limit, Outcome, find_worst


@dataclass(frozen=True)
class Ruling:
    """One finding held against a limit; `lacking` says why there is none to hold against it."""

    outcome: Outcome
    finding: Finding | None = None
    lacking: str = ""

    @property
    def estimate(self) -> Estimate | None:
        """The number that decided, where there is one."""
        return self.finding.estimate if self.finding else None


@dataclass(frozen=True)
class CheckRuling:
    """A check of the policy held against all findings that it asks for.

    Attributes:
        at: the operating point, None for a metric that is read at none.
        limit: the tolerance.
        ruling: the worst of all, and of several equally bad ones the furthest from its best value.
        parts: the findings on the groups of a check on the worst of them.
    """

    at: str | None
    limit: Limit
    ruling: Ruling
    parts: tuple[Finding, ...]


def find_traits(name: str) -> MetricTraits:
    """Return the traits of a metric, shipped or of a plug-in; only for the latter the whole table is loaded.

    Raises:
        UnknownNameError: nothing of that name is installed.
    """
    if name in TRAITS:
        return TRAITS[name]
    from unlearn_audit.findings.metrics import METRICS

    return METRICS[name].traits


def rule_check(check: Check, findings: Sequence[Finding], policy: Policy) -> CheckRuling:
    """Return what the findings on one model amount to for `check`: what is asked for and not there never passes."""
    traits = find_traits(check.metric)
    at = (check.at or policy.task.operating_points[0]) if traits.at else None
    limit = limit_of(check)
    asked = [f for f in findings if (f.metric, f.against, f.at) == (check.metric, check.against, at)]
    deciding = [f for f in asked if decides(check.among, f.among)]
    rulings = [rule(finding, limit) for finding in deciding]
    parts = tuple(f for f in asked if belongs_to(check.among, f.among) and f not in deciding)
    if rulings and traits.every_attack:
        rulings += _find_missing_attacks(deciding, policy)
    rulings += _find_missing_extreme(deciding)
    return CheckRuling(at, limit, _combine([*rulings, *_judge_unassessable(parts, policy)]), parts)


def limit_of(check: Check) -> Limit:
    """Return the tolerance of a check."""
    if check.within is not None:
        return Limit(at_least=check.within[0], at_most=check.within[1])
    return Limit(at_least=check.at_least, at_most=check.at_most)


def rule(finding: Finding, limit: Limit) -> Ruling:
    """Return whether the bounds of a finding lie inside of `limit`, outside, or on both sides."""
    estimate = finding.estimate
    if estimate is None:
        return Ruling(Outcome.NOT_RUN, finding, f"Not measured: {finding.not_run}")
    if estimate.bounds is None:
        lacking = "Measured, but without a bound of tested coverage, so it cannot decide."
        return Ruling(Outcome.NOT_RUN, finding, lacking)
    if is_too_high(estimate, limit) or is_too_low(estimate, limit):
        return Ruling(Outcome.FAIL, finding)
    below = limit.at_most is None or estimate.bounds.high <= limit.at_most
    above = limit.at_least is None or estimate.bounds.low >= limit.at_least
    return Ruling(Outcome.PASS if below and above else Outcome.INCONCLUSIVE, finding)


def is_too_high(estimate: Estimate, limit: Limit) -> bool:
    """Whether even the lower bound is above the tolerance."""
    return estimate.bounds is not None and limit.at_most is not None and estimate.bounds.low > limit.at_most


def is_too_low(estimate: Estimate, limit: Limit) -> bool:
    """Whether even the upper bound is below the tolerance."""
    return estimate.bounds is not None and limit.at_least is not None and estimate.bounds.high < limit.at_least


def is_inside(estimate: Estimate, limit: Limit) -> bool:
    """Whether the estimate itself, without its bounds, lies within the tolerance."""
    above = limit.at_least is None or estimate.value >= limit.at_least
    return above and (limit.at_most is None or estimate.value <= limit.at_most)


def _find_missing_attacks(deciding: Sequence[Finding], policy: Policy) -> Iterator[Ruling]:
    """An attack that the policy lists and nobody ran may be the one that succeeds."""
    found = {finding.attack for finding in deciding}
    missing = [attack for attack in policy.membership.attacks if attack not in found]
    if missing:
        yield Ruling(Outcome.NOT_RUN, lacking=f"Not measured with every attack: {', '.join(missing)} is not there.")


def _find_missing_extreme(deciding: Sequence[Finding]) -> Iterator[Ruling]:
    """Where both ends of a column's groups count, the highest and the lowest were measured, and neither may be gone."""
    ends = {finding.among.split(" of ")[0] for finding in deciding if find_column(finding.among) is not None}
    if len(ends & {"highest", "lowest"}) == 1:
        yield Ruling(Outcome.NOT_RUN, lacking="Not measured in both the highest and the lowest group.")


def _judge_unassessable(groups: Sequence[Finding], policy: Policy) -> Iterator[Ruling]:
    """A group without a number may be any: the worst of its column then cannot pass, unless the policy says so."""
    if policy.subgroups is None or policy.subgroups.unassessable == "inform":
        return
    reasons = dict.fromkeys(group.not_run.removesuffix(".") for group in groups if group.not_run)
    if reasons:
        yield Ruling(Outcome.NOT_RUN, lacking=f"Not measured in every group: {'; '.join(reasons)}.")


def _combine(rulings: Sequence[Ruling]) -> Ruling:
    """All attacks that the policy lists must hold (an intersection-union test needs no correction for a pass)."""
    if not rulings:
        return Ruling(Outcome.NOT_RUN, lacking="Nothing was measured for this check.")
    worst = find_worst(ruling.outcome for ruling in rulings)
    return max((ruling for ruling in rulings if ruling.outcome is worst), key=_margin_used)


def _margin_used(ruling: Ruling) -> float:
    """How far the estimate strays from 0.5 (membership) or simply its size: picks the attack to name."""
    if ruling.finding is None or ruling.estimate is None:
        return 0.0
    centre = 0.5 if ruling.finding.metric == "membership-auc" else 0.0
    return abs(ruling.estimate.value - centre)
