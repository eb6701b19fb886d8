"""`study`: methods over shares and seeds, on the terminal and as page, figure and JSON."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from unlearn_audit.cli.layout import SectionedCommand, SectionedOption
from unlearn_audit.cli.options import FILE, WorkerOptions, with_workers
from unlearn_audit.errors import ExitCode, UsageError
from unlearn_audit.escaping import show_text

if TYPE_CHECKING:
    from unlearn_audit.policy import Policy, StudyFile
    from unlearn_audit.study import StudyResult

_what = partial(click.option, cls=SectionedOption, section="What")


@dataclass(frozen=True, kw_only=True)
class StudyOptions(WorkerOptions):
    """The options of `study`, as they were given."""

    file: Path
    data: Path | None = None
    out: Path | None = None
    summarise: bool = False


_EXIT_CODES = """
\b
Exit codes:
  0  every cell is finished
  5  some are not: run the same command again
"""


@click.command("study", cls=SectionedCommand, epilog=_EXIT_CODES)
@click.argument("file", type=FILE)
@_what("--data", type=FILE, metavar="PATH", help="Data, where the study file names none or others.")
@_what("--out", type=FILE, metavar="DIR", help="Folder of the study.  [default: study-<id>]")
@_what("--summarise", is_flag=True, help="Make no models: write the numbers of what is finished.")
@partial(with_workers, what="Cells")
def command(**options: Any) -> int:
    """Run a study: methods over shares to forget and seeds, with intervals over seeds and patients.

    A study speaks of methods and decides nothing about a model: audit that one. What is finished is kept; the same
    command goes on where it stopped.
    """
    return study_from_options(StudyOptions(**options))


def study_from_options(options: StudyOptions) -> int:
    """Make what is missing of a study, write its three files, say what the claims come to."""
    validate_used_options(options)
    from unlearn_audit.pipeline.audit import name_known
    from unlearn_audit.policy import find_policy, load_policy, load_study

    known = name_known()
    study = load_study(options.file, known)
    beside = options.file.parent / study.policy
    policy = load_policy(beside if beside.is_file() else find_policy(study.policy), known)
    data = options.data or (options.file.parent / study.data if study.data else None)
    out = options.out or Path(f"study-{study.id}")
    result = _make_result(study, policy, data, out, options)
    written = write_result(result, out)
    _print_answers(result)
    click.echo("\nStudy:   " + "\n         ".join(str(path) for path in written))
    return ExitCode.INCOMPLETE if result.missing else ExitCode.PASS


def _make_result(
    study: "StudyFile", policy: "Policy", data: Path | None, out: Path, options: StudyOptions
) -> "StudyResult":
    from unlearn_audit.cli.console import show_progress
    from unlearn_audit.data import find_cache
    from unlearn_audit.records.clock import read_clock
    from unlearn_audit.reference_models.workers import open_workers
    from unlearn_audit.software import require_module
    from unlearn_audit.study import digest_data, list_jobs, read_study, run_study

    if options.summarise:
        return read_study(study, policy, list_jobs(study, policy, data, digest_data(data)), out)
    require_module("torch", "making models")
    with show_progress() as progress, open_workers(options.jobs, options.cluster) as workers:
        cache = options.cache or find_cache()
        return run_study(
            study, policy, data, out=out, cache=cache, created=read_clock(), workers=workers, progress=progress
        )


def write_result(result: "StudyResult", out: Path) -> list[Path]:
    """Write numbers, page and figure into `out`, and return their paths."""
    from unlearn_audit.study import render_study
    from unlearn_audit.writing import write_whole

    contents = {out / f"study{suffix}": content for suffix, content in render_study(result).items()}
    for path, content in contents.items():
        write_whole(path, content)
    return list(contents)


def _print_answers(result: "StudyResult") -> None:
    from unlearn_audit.study import list_troubles, show_estimate, show_share

    if result.missing:
        click.echo(f"Unfinished: {', '.join(result.missing)}", err=True)
    for cell in result.cells:
        click.echo(f"\n{show_text(show_share(cell.forget))} forgotten, {len(cell.seeds)} seeds")
        for row in cell.rows:
            fnr, auroc, risk = (show_estimate(row.find(name).mean) for name in ("fnr", "auroc", "risk"))
            click.echo(f"  {show_text(row.title):<26} FNR {fnr:<22}  AUROC {auroc:<22}  risk {risk}")
        for trouble in list_troubles(cell):
            click.echo(f"  ! {show_text(trouble)}")
        for answer in cell.answers:
            shown, says = show_estimate(answer.difference, signed=True), show_text(answer.claim.says)
            click.echo(f"  {answer.outcome:<12} {says} ({shown}; {answer.agreeing} of {answer.seeds} seeds)")


def validate_used_options(options: StudyOptions) -> None:
    """Refuse options for making models beside --summarise, which makes none.

    Raises:
        UsageError: one of them was given.
    """
    given = [name for name in ("jobs", "cluster", "cache") if getattr(options, name) is not None]
    if options.summarise and given:
        raise UsageError(f"--{given[0]} says how models are made, --summarise makes none", hint="leave one of them out")
