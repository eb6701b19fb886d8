"""The terminal: progress on stderr, results on stdout."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from unlearn_audit.errors import ExitCode
from unlearn_audit.escaping import show_text
from unlearn_audit.records import AuditRecord, CheckResult, Outcome, ProgressCallback, Verdict

if TYPE_CHECKING:
    from unlearn_audit.verification.verification import Verification

_COLOURS = {Outcome.PASS: "green", Outcome.FAIL: "red", Outcome.INCONCLUSIVE: "yellow", Outcome.NOT_RUN: "yellow"}

EXITS = {Outcome.PASS: ExitCode.PASS, Outcome.FAIL: ExitCode.FAIL, Outcome.INCONCLUSIVE: ExitCode.INCONCLUSIVE}
"""What the command exits with, by the verdict on the audited model."""


@contextmanager
def show_progress() -> Iterator[ProgressCallback]:
    """Yield an observer: bars on a terminal, one line per finished task elsewhere."""
    if not sys.stderr.isatty():
        yield _PlainLines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, int] = {}

        def progress(task: str, done: int, total: int) -> None:
            if task not in tasks:
                tasks[task] = bars.add_task(task, total=total)
            bars.update(tasks[task], completed=done, total=total)  # type: ignore[arg-type]

        yield progress


class _PlainLines:
    """For logs: says once when a task begins and once when it is done."""

    def __init__(self) -> None:
        self._seen: set[tuple[str, bool]] = set()

    def __call__(self, task: str, done: int, total: int) -> None:
        finished = done >= total
        if (task, finished) not in self._seen and (finished or (task, True) not in self._seen):
            self._seen.add((task, finished))
            sys.stderr.write(f"{show_text(task)}: {'done' if finished else '...'}\n")


def print_record(record: AuditRecord) -> None:
    """Print the audited model's checks, the other candidates, and what to do."""
    click.echo()
    _print_checks(record.verdict)
    others = record.verdicts[1:]
    if others:
        click.echo("\nOther candidates")
        titles = {card.name: card.title for card in record.provenance.models}
        width = max(len(_name(v, titles)) for v in others)
        for verdict in others:
            click.echo(f"  {_mark(verdict.outcome)} {_name(verdict, titles):<{width}}  {show_text(verdict.reason)}")
    for search in record.provenance.searches:
        click.echo(f"  Settings of {show_text(search.method)}: {show_text(str(search.reason))}")
    click.echo()
    click.echo(f"Verdict: {_styled(record.outcome, record.verdict.label.upper())}  {show_text(record.verdict.reason)}")
    click.echo(f"To do:   {show_text(record.recommendation.text)}")


def _name(verdict: Verdict, titles: dict[str, str]) -> str:
    return show_text(f"{verdict.model.split('-')[0]}: {titles[verdict.model]}")


def _print_checks(verdict: Verdict) -> None:
    rows = [(_mark(c.outcome), show_text(c.title), _number(c), str(c.limit), _reading_of(c)) for c in verdict.checks]
    head = ("", "Check", "Estimate [bounds]", "Tolerance", "Outcome")
    widths = [max(len(click.unstyle(row[i])) for row in (head, *rows)) for i in range(len(head))]
    for row in (head, *rows):
        cells = (cell + " " * (width - len(click.unstyle(cell))) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def _number(check: CheckResult) -> str:
    estimate = check.estimate
    if estimate is None:
        return "none"
    bounds = f" [{estimate.bounds.low:.3f}, {estimate.bounds.high:.3f}]" if estimate.bounds else ""
    return f"{estimate.value:.3f}{bounds}"


def _reading_of(check: CheckResult) -> str:
    text = _styled(check.outcome, check.outcome.label)
    notes = [show_text(check.reason)] if check.outcome is Outcome.NOT_RUN else []
    notes += [show_text(check.waiver.sentence)] if check.waiver else []
    return "  ".join([f"{text}{check.standing}", *notes])


def _mark(outcome: Outcome) -> str:
    return _styled(outcome, outcome.sign)


def _styled(outcome: Outcome, text: str) -> str:
    return click.style(text, fg=_COLOURS[outcome], bold=True)


def print_verification(verification: "Verification", *, as_json: bool) -> None:
    """Print one line per question that verification answers, and the conclusion."""
    if as_json:
        import json

        lines = [
            {"name": line.name, "state": line.state.value, "sentence": line.sentence} for line in verification.lines
        ]
        document = {"exit_code": int(verification.exit_code), "outcome": verification.outcome, "lines": lines}
        click.echo(json.dumps(document, indent=2))
        return
    width = max(len(line.name) for line in verification.lines)
    for line in verification.lines:
        click.echo(f"{line.name:<{width}}  {line.state.value.upper():<13}  {show_text(line.sentence)}")
