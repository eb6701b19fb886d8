"""The commands that speak of the gate and of methods, not of one model: selftest and study."""

from pathlib import Path
from typing import Any

import click

from unlearn_audit.cli.commands import group
from unlearn_audit.cli.options import with_workers

__all__ = ["group"]

_FILE = click.Path(path_type=Path)


@group.command(
    short_help="Show how often this gate decides wrongly.",
    epilog="""
\b
Exit codes:
  0  no rate of wrong decisions is shown to exceed what the gate promises
  1  one is: the lower end of its interval lies above it, or a changed report was not refused
""",
)
@click.option("--repeats", type=click.IntRange(20, 100_000), default=200, show_default=True, metavar="N")
@click.option("--seed", type=click.IntRange(0, 2**53 - 1), metavar="N", help="[default: that of the published run]")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.option("--out", type=_FILE, metavar="FILE", help="Write the result as JSON here.")
def selftest(repeats: int, seed: int | None, as_json: bool, out: Path | None) -> int:
    """Show how often this gate decides wrongly, on models whose true risks and leaks are planted.

    Draws evidence with a known truth (no-op, leak, over-unlearning, worse and equal models, values exactly on a
    tolerance), judges it as any evidence is judged, and changes signed reports. Needs no torch.
    """
    from unlearn_audit.cli.selftesting import run_from_options

    return run_from_options(repeats, seed, out, as_json=as_json)


@group.command(
    short_help="Compare methods over seeds.",
    epilog="""
\b
Exit codes:
  0  every cell is finished
  5  some are not: run the same command again
""",
)
@click.argument("file", type=_FILE)
@click.option("--data", type=_FILE, metavar="PATH", help="Data, where the study file names none or others.")
@click.option("--out", type=_FILE, metavar="DIR", help="Folder of the study.  [default: study-<id>]")
@click.option("--jobs", type=click.IntRange(1, 1024), metavar="N", help="Cells at once.  [default: one per core]")
@with_workers
@click.option("--summarise", is_flag=True, help="Make no models: write the numbers of what is finished.")
def study(file: Path, **options: Any) -> int:
    """Run a study: methods over shares to forget and seeds, with intervals over seeds and patients.

    A study speaks of methods and decides nothing about a model: audit that one. What is finished is kept; the same
    command goes on where it stopped.
    """
    from unlearn_audit.cli.studying import study_from_options

    return study_from_options(file, options)
