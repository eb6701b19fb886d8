"""`references plan`: who trains on what, where reference models are made elsewhere."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from unlearn_audit.cli.layout import OrderedGroup
from unlearn_audit.cli.options import FILE
from unlearn_audit.errors import ExitCode


@dataclass(frozen=True, kw_only=True)
class PlanOptions:
    """The options of `references plan`, as they were given."""

    file: Path
    models: int = 16
    by: str | None = None
    forget: Path | None = None
    seed: int = 0
    out: Path = Path("plan")


@click.group("references", cls=OrderedGroup)
def command() -> None:
    """Reference models that are made elsewhere."""


@command.command(name="plan", short_help="Say who trains on what.")
@click.argument("file", type=FILE, metavar="FILE")
@click.option("--models", type=click.IntRange(2, 512), default=16, show_default=True, help="How many; even.")
@click.option("--by", metavar="COLUMN", help="Column of persons or lesions: all records of one go to the same side.")
@click.option("--forget", type=FILE, metavar="CSV", help="List of ids to forget, where the file says 'train'.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the draw.")
@click.option("--out", type=FILE, default=Path("plan"), show_default=True, metavar="DIR", help="Folder to write to.")
def plan(**options: Any) -> int:
    """Draw what reference models elsewhere are trained on, for the records in FILE (id, split, label).

    Train them in any framework, and name their answers in the case file: see docs/references.md.
    """
    return plan_from_options(PlanOptions(**options))


def plan_from_options(options: PlanOptions) -> int:
    """Draw the plan and write it."""
    from unlearn_audit.reference_models.plan import draw_plan

    drawn = draw_plan(options.file, options.models, options.seed, by=options.by, forget=options.forget)
    about, table = drawn.write(options.out)
    counts = {name: int((drawn.candidates & (drawn.split == name)).sum()) for name in ("forget", "test")}
    click.echo(
        f"{len(drawn.trained_on)} models; each trains on all retained records and one half of {counts['forget']} "
        f"forgotten and {counts['test']} test records"
    )
    click.echo(f"Who trains on what:  {table}\nPlan:                {about}")
    return ExitCode.PASS
