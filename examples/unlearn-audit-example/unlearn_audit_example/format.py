"""The checks as CSV, for a spreadsheet. A text that a spreadsheet would take for a formula is made inert."""

import csv
import io

from unlearn_audit.formats import Format, from_record
from unlearn_audit.records import AuditRecord

_HEADS = ("check", "title", "outcome", "required", "estimate", "low", "high", "tolerance", "reason")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def render_csv(record: AuditRecord) -> str:
    """Return one line for each check of the audited model."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_HEADS)
    for check in record.verdict.checks:
        estimate = check.estimate
        bounds = estimate.bounds if estimate is not None else None
        numbers = (estimate.value if estimate else "", bounds.low if bounds else "", bounds.high if bounds else "")
        facts = (check.id, check.title, check.outcome.value, str(check.required).lower())
        writer.writerow([*map(_write, facts), *numbers, _write(str(check.limit)), _write(check.reason)])
    return text.getvalue()


def _write(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


CSV = Format("The checks as CSV, for a spreadsheet", "checks.csv", from_record(render_csv))
