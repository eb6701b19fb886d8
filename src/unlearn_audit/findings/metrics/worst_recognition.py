"""Worst recognition: whether any single record or patient is still recognised, which an average near 0.5 leaves open.

The right to erasure is one person's. The statistic is the largest t over the audit set; its null distribution comes
from flipping the signs of whole pairs of reference models, which is exact where a procedure forgets perfectly. The
number that decides is p; it may pass only with the power that the policy asks for.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, log

import numpy as np

from unlearn_audit.errors import MeasurementError
from unlearn_audit.findings.audit_set import SIGN_VECTORS, AuditSet, gather_audit_set, reads_pairs
from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.findings.metric import Metric
from unlearn_audit.findings.traits import TRAITS
from unlearn_audit.policy import Policy
from unlearn_audit.records import (
    ALL,
    Direction,
    Estimate,
    Interval,
    Message,
    Population,
    Power,
    Unit,
    derive_rng,
    write_message,
)
from unlearn_audit.records.key import MetricKey
from unlearn_audit.stats import WorstRecord, estimate_worst_record_power, find_worst_record
from unlearn_audit.stats.binomial import compute_clopper_pearson

_MOST_TIES = 0.02
_HIDDEN = 0.5
_SIMULATED, _MOST_SIMULATED = 400, 20_000
_ALPHA = 0.05
_BELOW = 1 - 1e-9
"""Just below: a check passes at its limit, so what is found must lie under it."""


@dataclass(frozen=True)
class _Whose:
    """Records or persons, and what the metric on them is called in the table."""

    name: str
    one: str
    by_person: bool


_RECORD = _Whose("worst-record-recognition", "record", by_person=False)
_PATIENT = _Whose("worst-patient-recognition", "patient", by_person=True)


def find_alpha(policy: Policy, name: str) -> float:
    """Return the level of the test `name`: the lowest limit of its checks, else 5 %."""
    limits = [c.at_least for c in policy.checks if c.metric == name and c.at_least is not None]
    return min(limits, default=_ALPHA)


def find_worst(
    context: EvaluationContext, model: str, among: Population, *, by_person: bool = False
) -> tuple[AuditSet, WorstRecord]:
    """Return the audit set of `model` and what the pairs say about its most recognisable record or person.

    Raises:
        MeasurementError: as `gather_audit_set` and `find_worst_record`; answers so coarse that ties hide records.
    """
    whose = _PATIENT if by_person else _RECORD
    words = (whose.name, model, str(among))
    audit_set = context.remember(
        ("set of", *words), lambda: gather_audit_set(context, model, among, by_person=by_person)
    )
    _validate_resolution(audit_set)
    alpha = find_alpha(context.policy, whose.name)
    rng = derive_rng(context.seed, "measure", *words)
    return audit_set, context.remember(
        words, lambda: find_worst_record(audit_set.differences, alpha=alpha, draws=SIGN_VECTORS, rng=rng)
    )


def _validate_resolution(audit_set: AuditSet) -> None:
    """Refuse answers in which a record could hide: two trained models never say exactly the same by chance.

    Raises:
        MeasurementError: in more than 2 % of all comparisons they do, or in half of those of one record.
    """
    hidden, ties = int((audit_set.equal >= _HIDDEN).sum()), float(audit_set.equal.mean())
    if hidden or ties > _MOST_TIES:
        raise MeasurementError(
            write_message("answers-too-coarse-for-pairs", share=ties, hidden=hidden, n=len(audit_set.equal))
        )


def _measure_p(whose: _Whose) -> Callable[[EvaluationContext, MetricKey], Estimate]:
    def measure(context: EvaluationContext, key: MetricKey) -> Estimate:
        """Measure p of "nobody is recognised", with bounds for the sign vectors that were drawn, and the power.

        `events` are those beyond the critical value, forgotten ones and controls together.

        What must not be concluded: that nobody is, from a large p without power.
        """
        audit_set, worst = find_worst(context, key.model, key.among, by_person=whose.by_person)
        low, high = _bound_p(worst, 1 - context.confidence_for(key.model))
        p, low, high = (min(1.0, context.shares * end) for end in (worst.p, low, high))
        return Estimate(
            value=p,
            unit=Unit.P_VALUE,
            n=audit_set.differences.records,
            events=int(worst.beyond.sum()),
            bounds=Interval(
                low=low,
                high=high,
                confidence=context.confidence_for(key.model),
                method=_name_method(worst, audit_set.differences.pairs),
                sides="one",
            ),
            sizes=audit_set.sizes,
            pairs=audit_set.differences.pairs,
            power=_find_power(context, key, whose, audit_set, worst),
        )

    return measure


def _bound_p(worst: WorstRecord, tail: float) -> tuple[float, float]:
    """Return bounds on the p-value that all sign vectors would give: another draw of them must not turn a verdict."""
    if worst.exact:
        return worst.p, worst.p
    further = round(worst.p * (SIGN_VECTORS + 1)) - 1
    low, high = compute_clopper_pearson(further, SIGN_VECTORS, tail)
    return min(low, worst.p), max(high, worst.p)


def _name_method(worst: WorstRecord, pairs: int) -> Message:
    if worst.exact:
        return write_message("randomisation-all", pairs=pairs, vectors=2**pairs)
    return write_message("randomisation-drawn", pairs=pairs, vectors=SIGN_VECTORS)


def _find_power(
    context: EvaluationContext, key: MetricKey, whose: _Whose, audit_set: AuditSet, worst: WorstRecord
) -> Power | None:
    """Return the power where it can matter: a check asks, and nobody stood out."""
    asked, policy = context.policy.membership.recognition, context.policy
    alpha = find_alpha(policy, whose.name)
    wanted = any(c.metric == whose.name and c.among.is_informed_by(key.among) for c in policy.checks)
    if asked is None or not wanted or worst.p < alpha:
        return None
    words = ("power of", whose.name, key.model, str(key.among))
    needed = 1 - (1 - asked.power) / _count_tries(context, key.model)
    found = context.remember(
        words,
        lambda: estimate_worst_record_power(
            audit_set.differences,
            shift=asked.shift,
            remembered=min(asked.records, audit_set.differences.records),
            alpha=alpha * _BELOW,
            rng=derive_rng(context.seed, "measure", *words),
            repeats=count_simulated_audits(needed),
        ),
    )
    return Power(
        value=found.value,
        low=found.bounds.low if found.bounds else 0.0,
        needed=needed,
        shift=asked.shift,
        records=min(asked.records, audit_set.differences.records),
    )


def count_simulated_audits(needed: float) -> int:
    """Return how many audits to simulate where a power of `needed`, in (0, 1), is to be shown at 95 %.

    400; more where these could hardly show it: of 400 found in 400 the lower bound is 0.9925. Four times as many as
    show it without a miss, which is enough where half as many are missed as may be. At most 20,000, which show 0.99985.

    >>> count_simulated_audits(0.8), count_simulated_audits(0.975), count_simulated_audits(0.9984375)
    (400, 474, 7664)
    """
    return min(_MOST_SIMULATED, max(_SIMULATED, ceil(4 * log(_ALPHA) / log(needed))))


def _count_tries(context: EvaluationContext, model: str) -> float:
    """Return among how many models the chance of a false pass is shared, as that of the bounds is."""
    whole = context.whole or context
    return (1 - context.policy.protocol.confidence) / (1 - whole.confidence_for(model))


def measure_statistic(context: EvaluationContext, key: MetricKey) -> Estimate:
    """Measure T, the largest |t| over the records of the audit set. Read it beside its p."""
    audit_set, worst = find_worst(context, key.model, key.among)
    if not np.isfinite(worst.largest):
        raise MeasurementError(write_message("statistic-not-finite"))
    return Estimate(
        value=worst.largest, unit=Unit.SCORE, n=audit_set.differences.records, pairs=audit_set.differences.pairs
    )


def _count(*, by_person: bool, listed: bool = False) -> Callable[[EvaluationContext, MetricKey], Estimate]:
    def measure(context: EvaluationContext, key: MetricKey) -> Estimate:
        """Count the forgotten that stand out in the test of the whole audit set, so that parts add up to the whole.

        Who they are stays with the evidence. Not those who stand out in a test of the group alone.
        """
        audit_set, worst = find_worst(context.whole or context, key.model, ALL, by_person=by_person)
        asked = context.select_among("forget", key.among)[audit_set.rows] & audit_set.forgotten
        found = asked & (worst.recognised if listed else worst.beyond)
        if not asked.any():
            raise MeasurementError(write_message("nobody-of-group-forgotten"))
        count, pairs = int(found.sum()), audit_set.differences.pairs
        return Estimate(value=float(count), unit=Unit.COUNT, n=int(asked.sum()), events=count, pairs=pairs)

    return measure


def has_patients(policy: Policy) -> bool:
    """Whether a policy that reads pairs says whose record each is."""
    return reads_pairs(policy) and policy.protocol.cluster is not None


_SOURCE = "largest moderated t of phi(IN) - phi(OUT), signs of whole pairs flipped; Westfall and Young 1993, Smyth 2004"
_ABOUT = write_message("speaks-of-procedure")
WORST_RECORD = Metric(
    traits=TRAITS["worst-record-recognition"],
    direction=Direction.HIGHER,
    source=_SOURCE,
    measure=_measure_p(_RECORD),
    groups=("forget",),
    applies=reads_pairs,
    caveat=_ABOUT,
)
WORST_PATIENT = Metric(
    traits=TRAITS["worst-patient-recognition"],
    direction=Direction.HIGHER,
    source=f"{_SOURCE}; phi averaged over a patient's records",
    measure=_measure_p(_PATIENT),
    groups=("forget",),
    applies=has_patients,
    caveat=_ABOUT,
)
WORST_RECORD_STATISTIC = Metric(
    traits=TRAITS["worst-record-statistic"],
    direction=Direction.DESCRIPTIVE,
    source=_SOURCE,
    measure=measure_statistic,
    applies=reads_pairs,
)
RECOGNISED_RECORDS = Metric(
    traits=TRAITS["recognised-records"],
    direction=Direction.LOWER,
    source=f"{_SOURCE}; single step: the chance of any false one is at most the test's level",
    measure=_count(by_person=False),
    groups=(),
    applies=reads_pairs,
)
LISTED_RECORDS = Metric(
    traits=TRAITS["listed-records"],
    direction=Direction.LOWER,
    source="each record's own randomisation p; Benjamini and Hochberg 1995 over the audit set",
    measure=_count(by_person=False, listed=True),
    applies=reads_pairs,
)
RECOGNISED_PATIENTS = Metric(
    traits=TRAITS["recognised-patients"],
    direction=Direction.LOWER,
    source=f"{_SOURCE}; phi averaged over a patient's records",
    measure=_count(by_person=True),
    applies=has_patients,
)
