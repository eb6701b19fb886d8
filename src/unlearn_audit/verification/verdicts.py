"""The worth of a record's verdict today: whether it follows, and whether its waivers still count."""

from collections.abc import Iterator
from datetime import date

from unlearn_audit.policy import describe_looks, describe_spent
from unlearn_audit.records import AuditRecord
from unlearn_audit.verdict.consistency import UnknownRulesError, find_contradictions
from unlearn_audit.verification.answers import State, VerificationCheck


def judge_rules(record: AuditRecord) -> Iterator[VerificationCheck]:
    """Yield a line where the verdict could not be derived again; where it does not follow, the record was refused."""
    try:
        for _ in find_contradictions(record):
            pass  # `check_bundle` refuses the first
    except UnknownRulesError as error:
        text = f"Other version: the verdict cannot be derived from the policy in the record: {error}."
        yield VerificationCheck("verdict follows", State.OTHER_VERSION, text, asked=True)


def judge_looks(record: AuditRecord) -> Iterator[VerificationCheck]:
    """Yield a line on what is left of the looks that the policy plans; none where it plans none."""
    if record.looks is not None:
        spent = describe_spent(record.looks)
        text = f"Spent: {spent}." if spent else str(describe_looks(record.looks, record.provenance))
        yield VerificationCheck("looks", State.OK, text)


def judge_waivers(record: AuditRecord, today: date) -> VerificationCheck:
    """Return whether the verdict rests on waivers, and whether those are still in force `today`."""
    waived = [(check, check.waiver) for check in record.verdict.waived if check.waiver]
    if not waived:
        others = sum(check.waiver is not None for check in record.verdict.checks)
        return VerificationCheck("waivers", State.OK, f"None counts ({others} named)." if others else "None.")
    text = "; ".join(f"{check.id} ({check.outcome.label}) by {w.approver} until {w.expires}" for check, w in waived)
    ended = sorted(check.id for check, waiver in waived if waiver.expires < today)
    if ended:
        without = record.verdict.outcome_without_waivers.label.upper()
        sentence = f"Ended by {today}: {', '.join(ended)}. Without waivers the verdict is {without}. Granted: {text}."
        return VerificationCheck("waivers", State.EXPIRED, sentence)
    return VerificationCheck("waivers", State.WAIVED, f"{len(waived)} required checks do not count: {text}.")


def judge_without_waivers(record: AuditRecord) -> VerificationCheck:
    """Return what the verdict is to a verifier who takes no waiver."""
    waived = [check.id for check in record.verdict.waived]
    if not waived:
        return VerificationCheck("waivers taken", State.OK, "None counts.")
    without = record.verdict.outcome_without_waivers.label.upper()
    sentence = f"None, as asked: {', '.join(waived)}. Without waivers the verdict is {without}."
    return VerificationCheck("waivers taken", State.REFUSED, sentence)
