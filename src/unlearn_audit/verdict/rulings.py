"""Rulings: the outcome of a check from its finding, or the reason why there is none. No NumPy.

`decision` puts the reasons to it when a record is made; `consistency` asks it again when one is verified.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from unlearn_audit.findings.traits import TRAITS
from unlearn_audit.policy import Check, MetricTraits, Policy
from unlearn_audit.policy.recognition import Recognition
from unlearn_audit.records import (
    Estimate,
    Finding,
    Interval,
    Limit,
    Message,
    OperatingPoint,
    Outcome,
    PopulationKind,
    find_worst,
    round_number,
    write_message,
)


@dataclass(frozen=True)
class Ruling:
    """One finding held against a limit; `lacking` says why there is none to hold against it."""

    outcome: Outcome
    finding: Finding | None = None
    lacking: Message | None = None

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
        ruling: the worst of all, and of several equally bad ones the furthest from the value that means no difference.
        parts: the findings on the groups of a check on the worst of them.
    """

    at: OperatingPoint | None
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
    at, limit = find_point(check, traits, policy), check.limit
    attacks = check.attacks or policy.membership.attacks
    asked = [f for f in findings if (f.key.metric, f.key.against, f.key.at) == (check.metric, check.against, at)]
    if traits.every_attack:
        asked = [f for f in asked if f.key.attack in attacks]
    deciding = [f for f in asked if check.among.is_decided_by(f.key.among)]
    parts = tuple(f for f in asked if check.among.is_informed_by(f.key.among) and f not in deciding)
    rulings = [rule(finding, limit) for finding in deciding]
    if traits.needs_power:
        rulings = [_require_power(ruling, policy) for ruling in rulings]
    if rulings and traits.every_attack:
        rulings += _find_missing_attacks(deciding, attacks)
    rulings += _find_missing_extreme(deciding)
    return CheckRuling(at, limit, _combine([*rulings, *_judge_unassessable(parts, policy)]), parts)


def find_point(check: Check, traits: MetricTraits, policy: Policy) -> OperatingPoint | None:
    """Return where the check reads its metric: where it says, else the first point that the metric is measured at."""
    if check.at is not None and traits.at and traits.points is None:
        return check.at
    return next(iter(traits.list_points(policy)), None)


def rule(finding: Finding, limit: Limit) -> Ruling:
    """Return whether the bounds of a finding lie inside of `limit`, outside, or on both sides.

    A finding passes by its bounds. It fails by those at its share of the error, where several attacks share one. What
    stands in its way to a pass, such as two models that are one, leaves it not run.
    """
    estimate = finding.estimate
    if estimate is None:
        return Ruling(Outcome.NOT_RUN, finding, write_message("not-measured", cause=finding.not_run))
    bounds, failing = estimate.bounds, estimate.failing
    if bounds is None or failing is None:
        return Ruling(Outcome.NOT_RUN, finding, write_message("no-deciding-bounds"))
    if is_beyond(failing, limit):
        return Ruling(Outcome.FAIL, finding)
    if finding.obstacle is not None:
        return Ruling(Outcome.NOT_RUN, finding, write_message("cannot-pass", cause=finding.obstacle))
    below = limit.at_most is None or bounds.high <= limit.at_most
    above = limit.at_least is None or bounds.low >= limit.at_least
    return Ruling(Outcome.PASS if below and above else Outcome.INCONCLUSIVE, finding)


def _require_power(ruling: Ruling, policy: Policy) -> Ruling:
    """A test that finds nothing passes only if it would have found what the policy says that it must find."""
    if ruling.outcome is not Outcome.PASS or has_power(ruling.estimate, policy.membership.recognition):
        return ruling
    return replace(ruling, outcome=Outcome.INCONCLUSIVE)


def has_power(estimate: Estimate | None, asked: Recognition | None) -> bool:
    """Whether a test had the power that it needed, by a number that asks no less than the policy does."""
    power = estimate.power if estimate is not None else None
    if power is None or asked is None:
        return False
    as_hard = power.shift <= asked.shift and power.records <= asked.records
    return as_hard and power.low >= max(power.needed, round_number(asked.power))


def is_beyond(bounds: Interval, limit: Limit) -> bool:
    """Whether both bounds lie outside the tolerance, on one side of it."""
    return is_above(bounds, limit) or (limit.at_least is not None and bounds.high < limit.at_least)


def is_above(bounds: Interval, limit: Limit) -> bool:
    """Whether even the lower bound is above the tolerance."""
    return limit.at_most is not None and bounds.low > limit.at_most


def is_inside(estimate: Estimate, limit: Limit) -> bool:
    """Whether the estimate itself, without its bounds, lies within the tolerance."""
    above = limit.at_least is None or estimate.value >= limit.at_least
    return above and (limit.at_most is None or estimate.value <= limit.at_most)


def _find_missing_attacks(deciding: Sequence[Finding], attacks: Sequence[str]) -> Iterator[Ruling]:
    """An attack that is asked for and nobody ran may be the one that succeeds."""
    found = {finding.key.attack for finding in deciding}
    missing = [attack for attack in attacks if attack not in found]
    if missing:
        yield Ruling(Outcome.NOT_RUN, lacking=write_message("not-measured-with-every-attack", attacks=missing))


def _find_missing_extreme(deciding: Sequence[Finding]) -> Iterator[Ruling]:
    """Where both ends of a column's groups count, the highest and the lowest were measured, and neither may be gone."""
    ends = {finding.key.among.kind for finding in deciding}
    if len(ends & {PopulationKind.HIGHEST, PopulationKind.LOWEST}) == 1:
        yield Ruling(Outcome.NOT_RUN, lacking=write_message("not-measured-at-both-ends"))


def _judge_unassessable(groups: Sequence[Finding], policy: Policy) -> Iterator[Ruling]:
    """A group without a number may be any: the worst of its column then cannot pass, unless the policy says so."""
    if policy.subgroups is None or policy.subgroups.unassessable == "inform":
        return
    causes = list(dict.fromkeys(group.not_run for group in groups if group.not_run))
    if causes:
        yield Ruling(Outcome.NOT_RUN, lacking=write_message("not-measured-in-every-group", causes=causes))


def _combine(rulings: Sequence[Ruling]) -> Ruling:
    """All attacks that are asked for must hold (an intersection-union test needs no correction for a pass)."""
    if not rulings:
        return Ruling(Outcome.NOT_RUN, lacking=write_message("nothing-measured"))
    worst = find_worst(ruling.outcome for ruling in rulings)
    return max((ruling for ruling in rulings if ruling.outcome is worst), key=_margin_used)


def _margin_used(ruling: Ruling) -> float:
    """How far the estimate strays from the value that means no difference: picks the attack to name."""
    if ruling.finding is None or ruling.estimate is None:
        return 0.0
    return abs(ruling.estimate.value - (ruling.finding.null or 0.0))
