"""`selftest`: how often this installation's gate decides wrongly, on the terminal and as JSON."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from unlearn_audit.cli.options import FILE

if TYPE_CHECKING:
    from unlearn_audit.selftest import SelfTest, Tampering, Trials


_EXIT_CODES = """
\b
Exit codes:
  0  no rate of wrong decisions is shown to exceed what the gate promises
  1  one is: the lower end of its interval lies above it, or a changed report was not refused
"""


@click.command("selftest", epilog=_EXIT_CODES)
@click.option("--repeats", type=click.IntRange(20, 100_000), default=200, show_default=True, metavar="N")
@click.option("--seed", type=click.IntRange(0, 2**53 - 1), metavar="N", help="[default: that of the published run]")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.option("--out", type=FILE, metavar="FILE", help="Write the result as JSON here.")
def command(repeats: int, seed: int | None, *, as_json: bool, out: Path | None) -> int:
    """Show how often this gate decides wrongly, on models whose true risks and leaks are known.

    Draws evidence with a known truth (no-op, leak, over-unlearning, worse and equal models, values exactly on a
    tolerance), judges it as any evidence is judged, and changes signed reports. Needs no torch.
    """
    return run_from_options(repeats, seed, out, as_json=as_json)


def run_from_options(repeats: int, seed: int | None, out: Path | None, *, as_json: bool) -> int:
    """Run the self-test, print (and write) what it found, return its exit code."""
    from unlearn_audit.cli.console import show_progress
    from unlearn_audit.selftest import SEED, run_selftest
    from unlearn_audit.writing import validate_writable, write_whole

    if out is not None:
        validate_writable(out.parent)
    with show_progress() as progress:
        result = run_selftest(repeats, SEED if seed is None else seed, progress)
    if out is not None:
        write_whole(out, result.to_bytes())
    click.echo(result.to_bytes().decode() if as_json else _describe(result))
    return result.exit_code


_HEAD = ("Scenario", "Planted truth", "Repeats", "Pass", "Fail", "Incon.", "False pass [95 %]", "False fail [95 %]")
_WIDEST = 46


def _describe(result: "SelfTest") -> str:
    rows = [_HEAD, *(_make_row(trials) for trials in result.scenarios), _make_last_row(result.tampering)]
    shown = [[cell if len(cell) <= _WIDEST else f"{cell[: _WIDEST - 1]}…" for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in shown) for i in range(len(_HEAD))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in shown]
    return "\n".join([*lines, "", *_conclude(result)])


def _make_row(trials: "Trials") -> tuple[str, ...]:
    counts = (str(trials.count(letter)) for letter in "pfi")
    rates = (str(rate) if rate else "" for rate in (trials.false_pass, trials.false_fail))
    return (trials.name, trials.truth, str(len(trials.outcomes)), *counts, *rates)


def _make_last_row(tampering: "Tampering") -> tuple[str, ...]:
    """Show accepted reports as passed and refused ones as failed."""
    counts = (tampering.outcomes.count(letter) for letter in "arb")
    planted = "one bit of a signed report changed"
    return ("tampered-report", planted, *map(str, (len(tampering.outcomes), *counts)), str(tampering.accepted), "")


def _conclude(result: "SelfTest") -> list[str]:
    if excesses := result.list_excesses():
        return [*excesses, "", "The gate is shown to decide wrongly more often than it promises: do not rely on it."]
    return [
        f"No rate is shown to exceed {1 - result.confidence:.2g}, and every changed report was refused.",
        f"With {result.repeats} repeats a scenario is flagged from {result.fewest_noticed} wrong decisions on.",
    ]
