"""Severity of a check for a pipeline, and its description in one line that no pipeline can misread."""

from enum import StrEnum

from unlearn_audit.escaping import show_text
from unlearn_audit.presentation.wording import format_estimate, format_interval, format_limit
from unlearn_audit.records import AuditRecord, CheckResult, Outcome

LONGEST_TITLE, LONGEST_TEXT = 200, 1000


class Severity(StrEnum):
    """What a check that does not pass means for the gate. The words are SARIF's and GitHub's own."""

    ERROR = "error"
    """A required check that is not passed: failed, inconclusive or not run."""
    WARNING = "warning"
    """A check that is not required, failed or inconclusive; or one that is waived."""
    NOTE = "note"
    """A check that is not required and was not run."""


def weigh(check: CheckResult) -> Severity | None:
    """Return how grave the outcome of `check` is, None when it passed."""
    if check.outcome is Outcome.PASS:
        return None
    if check.is_waived:
        return Severity.WARNING
    if check.required:
        return Severity.ERROR
    return Severity.NOTE if check.outcome is Outcome.NOT_RUN else Severity.WARNING


def flatten(text: str, longest: int = LONGEST_TEXT) -> str:
    """Return `text` as one line of at most `longest` characters that every reader takes.

    Control characters, characters that XML forbids and those that turn the direction of writing are shown as escapes:
    a title must not be able to reorder, hide or end the line that it stands in.
    """
    return show_text(" ".join(part for part in text.split(" ") if part), longest)


def title_of(check: CheckResult) -> str:
    """Return 'id: title' of a check."""
    return f"{flatten(check.id, LONGEST_TITLE)}: {flatten(check.title, LONGEST_TITLE)}"


def describe(check: CheckResult) -> str:
    """Return outcome, value with the bounds that decided, tolerance and reason of a check in one line."""
    limit, reason = flatten(format_limit(check.limit)), flatten(check.reason)
    waiver = f" {flatten(check.waiver.sentence)}" if check.waiver else ""
    return f"{outcome_of(check)}: {format_value(check)}, tolerance {limit}. {reason}{waiver}"


def outcome_of(check: CheckResult) -> str:
    """Return the outcome in capitals, and whether the check is waived or not required."""
    return check.outcome.label.upper() + check.standing


def format_value(check: CheckResult) -> str:
    """Return the value with the bounds that decided, or that there is none."""
    estimate = check.estimate
    if estimate is None:
        return "no value"
    value = format_estimate(estimate, check.limit)
    return f"{value} ({format_interval(estimate.bounds, check.limit)})" if estimate.bounds else f"{value} (no bounds)"


def name_policy(record: AuditRecord) -> str:
    """Return id and version of the policy in a line."""
    return flatten(f"{record.policy.get('id')} {record.policy.get('version')}", LONGEST_TITLE)
