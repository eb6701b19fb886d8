"""Comparison of a record with an earlier one, check by check. It never changes a verdict."""

from dataclasses import dataclass
from enum import StrEnum

from unlearn_audit.records import AuditRecord, CheckResult, Interval, Limit, MetricKey, Outcome, digest_of

HOW_TO_READ = (
    "better, worse: the bounds do not overlap; same: they do, which does not show that nothing changed. "
    "None of this changes the verdict."
)


class Change(StrEnum):
    """How a check stands to the same check of the baseline. Only bounds that lie apart make it better or worse."""

    BETTER = "better"
    WORSE = "worse"
    SAME = "same"
    """The bounds overlap: no difference is shown, which does not show that there is none."""
    NEW = "new"
    GONE = "no longer checked"
    UNKNOWN = "not comparable"


@dataclass(frozen=True)
class CheckChange:
    """One check then and now: `before` and `after` are the bounds that could decide, absent where there were none."""

    id: str
    title: str
    change: Change
    outcome_before: Outcome | None
    outcome_after: Outcome | None
    before: Interval | None
    after: Interval | None
    notes: tuple[str, ...] = ()

    @property
    def is_regression(self) -> bool:
        """Whether it passed and now does not, for whatever reason: failed, undecided, not run or not checked."""
        return self.outcome_before is Outcome.PASS and self.outcome_after is not Outcome.PASS


@dataclass(frozen=True)
class Comparison:
    """All checks of the audited model against those of the baseline's.

    Attributes:
        baseline: what the baseline is, in words.
        outcome_before: the baseline's verdict.
        outcome_after: this record's verdict.
        changes: one for each check, in the order of this policy; checks that are gone come last.
        notes: what else differs between the two, so that numbers are not compared as if nothing did.
    """

    baseline: str
    outcome_before: Outcome
    outcome_after: Outcome
    changes: tuple[CheckChange, ...]
    notes: tuple[str, ...]

    @property
    def regressions(self) -> tuple[CheckChange, ...]:
        """The checks that passed and now do not."""
        return tuple(change for change in self.changes if change.is_regression)


def compare_records(record: AuditRecord, baseline: AuditRecord) -> Comparison:
    """Compare the verdict on the audited model with the one of `baseline`.

    Two checks are compared when they have the same id and measure the same thing. 'better' and 'worse' need bounds
    that do not overlap, in the direction of the tolerance; for a tolerance with two ends that is nearer to its middle.

    What must not be concluded: 'same' does not show that nothing changed, and nothing here was corrected for looking
    at several checks at once.
    """
    before = {check.id: check for check in baseline.verdict.checks}
    now = record.verdict.checks
    known = {check.id for check in now}
    gone = [check for check in baseline.verdict.checks if check.id not in known]
    created = baseline.provenance.created
    return Comparison(
        baseline=f"record {digest_of(baseline.to_bytes())[:12]} of case '{baseline.provenance.case}', {created}",
        outcome_before=baseline.outcome,
        outcome_after=record.outcome,
        changes=(*(_compare(check, before.get(check.id)) for check in now), *map(_lose, gone)),
        notes=tuple(_note_differences(record, baseline)),
    )


def _compare(check: CheckResult, before: CheckResult | None) -> CheckChange:
    then, now = _bounds_of(before), _bounds_of(check)
    change, notes = _judge(check, before)
    return CheckChange(
        id=check.id,
        title=check.title,
        change=change,
        outcome_before=before.outcome if before else None,
        outcome_after=check.outcome,
        before=then,
        after=now,
        notes=notes,
    )


def _lose(check: CheckResult) -> CheckChange:
    bounds = _bounds_of(check)
    return CheckChange(check.id, check.title, Change.GONE, check.outcome, None, bounds, None)


def _bounds_of(check: CheckResult | None) -> Interval | None:
    return check.estimate.bounds if check is not None and check.estimate is not None else None


def _judge(check: CheckResult, before: CheckResult | None) -> tuple[Change, tuple[str, ...]]:
    if before is None:
        return Change.NEW, ()
    if _measures(check) != _measures(before) or _shape(check.limit) != _shape(before.limit):
        return Change.UNKNOWN, ("the check of this id measured something else",)
    notes = []
    if check.limit != before.limit:
        notes.append(f"the tolerance was {before.limit}")
    if before.required and not check.required:
        notes.append("it is no longer required")
    then, now = _bounds_of(before), _bounds_of(check)
    if then is None or now is None:
        which = "now" if then else "then" if now else "both times"
        return Change.UNKNOWN, (*notes, f"without bounds {which}")
    if then.confidence != now.confidence:
        notes.append(f"the bounds were at {100 * then.confidence:.3g} % confidence")
    least_then, most_then = _harm(then, check.limit)
    least_now, most_now = _harm(now, check.limit)
    change = Change.WORSE if least_now > most_then else Change.BETTER if most_now < least_then else Change.SAME
    return change, tuple(notes)


def _measures(check: CheckResult) -> MetricKey:
    """What a check is about, whatever the model is called and whichever attack decided."""
    return check.key.model_copy(update={"model": "", "attack": None})


def _shape(limit: Limit) -> tuple[bool, bool]:
    return limit.at_most is None, limit.at_least is None


def _harm(bounds: Interval, limit: Limit) -> tuple[float, float]:
    """Return the least and the most harm that the bounds allow: larger is worse whatever the tolerance looks like."""
    if limit.at_most is None:
        return -bounds.high, -bounds.low
    if limit.at_least is None:
        return bounds.low, bounds.high
    centre = (limit.at_least + limit.at_most) / 2
    far = sorted((abs(bounds.low - centre), abs(bounds.high - centre)))
    return (0.0 if bounds.low <= centre <= bounds.high else far[0]), far[1]


def _note_differences(record: AuditRecord, baseline: AuditRecord) -> list[str]:
    now, then = record.provenance, baseline.provenance
    notes = ["The baseline was taken as given: its signature was not checked."]
    if record.evidence_sha256 == baseline.evidence_sha256:
        notes.append("Both judge the same evidence.")
    if record.policy_sha256 != baseline.policy_sha256:
        old, new = baseline.policy, record.policy
        notes.append(
            f"The policy differs: {old.get('id')} {old.get('version')} then, {new.get('id')} {new.get('version')} now."
        )
    if (now.data.name, now.data.sha256) != (then.data.name, then.data.sha256):
        notes.append(f"The data differs: '{then.data.name}' then, '{now.data.name}' now.")
    if now.seed != then.seed:
        notes.append("The seeds differ, so the splits may.")
    return notes
