"""`--baseline`: the record of an earlier release, and the comparison with it on the terminal."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from unlearn_audit.errors import UsageError
from unlearn_audit.escaping import show_text
from unlearn_audit.records import AuditRecord, Interval, Outcome

if TYPE_CHECKING:
    from unlearn_audit.verdict.comparison import CheckChange, Comparison


def read_baseline(path: Path | None) -> AuditRecord | None:
    """Return the record to compare with, None where none was named.

    Raises:
        UsageError: there is no such file.
        IntegrityError: the file is no record.
    """
    if path is None:
        return None
    if not path.is_file():
        hint = f"did you mean {path / 'record.json'}?" if path.is_dir() else "a report folder holds it as record.json"
        raise UsageError(f"--baseline: expected a record, found no file at {path}", hint=hint)
    return AuditRecord.from_bytes(path.read_bytes())


def print_comparison(comparison: "Comparison") -> None:
    """Print each check then and now, regressions by name, and what the comparison does not say."""
    from unlearn_audit.verdict.comparison import HOW_TO_READ

    click.echo(f"\nAgainst the baseline, {show_text(comparison.baseline)}")
    heads = ("", "Check", "Then [bounds]", "Now [bounds]")
    rows = [heads, *(tuple(map(show_text, _show(change))) for change in comparison.changes)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(heads))]
    for row, change in zip(rows, (None, *comparison.changes), strict=True):
        line = "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        notes = f"  ({show_text('; '.join(change.notes))})" if change and change.notes else ""
        click.echo(line + notes)
    names = show_text("; ".join(change.title for change in comparison.regressions))
    click.echo(f"Regressions: {len(comparison.regressions)}{f': {names}' if names else ''}")
    before, after = comparison.outcome_before.label.upper(), comparison.outcome_after.label.upper()
    click.echo(
        f"Verdict then {before}, now {after}. {show_text(' '.join(comparison.notes))}\n{HOW_TO_READ.capitalize()}"
    )


def _show(change: "CheckChange") -> tuple[str, ...]:
    word = f"{'REGRESSION, ' if change.is_regression else ''}{change.change.value}"
    then, now = (change.outcome_before, change.before), (change.outcome_after, change.after)
    return word, change.title, _format_outcome(*then), _format_outcome(*now)


def _format_outcome(outcome: Outcome | None, bounds: Interval | None) -> str:
    shown = f" [{bounds.low:.3f}, {bounds.high:.3f}]" if bounds else ""
    return (outcome.label if outcome else "not checked") + shown
