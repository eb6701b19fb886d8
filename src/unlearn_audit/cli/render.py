"""`render`: a record in any format, as it was before it was signed."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from unlearn_audit.bundle.layout import RECORD
from unlearn_audit.cli import reports
from unlearn_audit.cli.options import FILE, FORMAT_HELP, split_names
from unlearn_audit.errors import ExitCode, PolicyError, ReportError, UsageError

if TYPE_CHECKING:
    from unlearn_audit.formats.sources import Sources
    from unlearn_audit.records import AuditRecord

_SUMMARIES = {"html": "summary", "pdf": "summary-pdf"}
_PROFILE = "The whole report, or page one alone: summary.html and summary.pdf."


@dataclass(frozen=True, kw_only=True)
class RenderOptions:
    """The options of `render`, as they were given."""

    record: Path
    out: Path = Path()
    formats: tuple[str, ...] = ()
    profile: str = "full"
    policy: str | None = None


@click.command("render")
@click.argument("record", type=FILE)
@click.option("--out", type=FILE, default=Path(), metavar="DIR", help="Folder to write to.  [default: here]")
@click.option("--format", "formats", multiple=True, metavar="NAME", help=FORMAT_HELP)
@click.option("--profile", type=click.Choice(["full", "summary"]), default="full", show_default=True, help=_PROFILE)
@click.option(
    "--policy", metavar="FILE", help="Policy that sarif, junit and github point at.  [default: beside RECORD]"
)
def command(**options: Any) -> int:
    """Render a record again, byte for byte as the report was before it was signed."""
    return render_from_options(RenderOptions(**options))


def choose_profile(asked: Iterable[str], profile: str) -> tuple[str, ...]:
    """Return the formats of `profile`: a summary has html and pdf of its own and nothing else.

    Raises:
        UsageError: a format that has no summary.
    """
    names = tuple(asked) or (tuple(_SUMMARIES) if profile == "summary" else ())
    if profile == "full":
        return names
    unfit = sorted(set(names) - _SUMMARIES.keys() - set(_SUMMARIES.values()))
    if unfit:
        known = " and ".join(_SUMMARIES)
        raise UsageError(f"--profile summary: expected the formats {known}, found {', '.join(unfit)}")
    return tuple(dict.fromkeys(_SUMMARIES.get(name, name) for name in names))


def render_from_options(options: RenderOptions) -> int:
    """Write the record in each format."""
    from unlearn_audit.cli.reports import announce_formats
    from unlearn_audit.formats.sources import Sources
    from unlearn_audit.records import AuditRecord
    from unlearn_audit.signing.report import render_files
    from unlearn_audit.writing import write_whole

    path = options.record
    if not path.is_file():
        raise ReportError(f"expected a record at {path}, found no file")
    formats = announce_formats(choose_profile(split_names(options.formats), options.profile))
    if not options.formats:
        formats = {name: form for name, form in formats.items() if form.file != RECORD}
    record = AuditRecord.from_bytes(path.read_bytes())
    pointing = options.policy is not None or not all(form.default for form in formats.values())
    sources = _find_sources(record, path, options.policy) if pointing else Sources()
    for name, content in render_files(formats, record, sources).items():
        write_whole(options.out / name, content)
        click.echo(options.out / name)
    return ExitCode.PASS


def _find_sources(record: "AuditRecord", record_path: Path, policy_name: str | None) -> "Sources":
    """Return where the checks stand; where no policy fits, say so and point at the record, at no line."""
    from unlearn_audit.formats.sources import Sources

    beside = record_path.parent / reports.POLICY_COPY
    if policy_name is not None:
        return _find_named(record, policy_name, beside)
    lines = _try_to_locate(beside, record)
    if lines is None:
        click.echo(f"{beside} is not there or not this record's: results point at no line (see --policy)", err=True)
        return Sources(reports.name_file(record_path))
    return Sources(reports.name_file(beside), lines)


def _find_named(record: "AuditRecord", name: str, beside: Path) -> "Sources":
    """Return the places of checks in the policy that was named, or in its copy where it is not of this repository."""
    from unlearn_audit.formats.sources import Sources
    from unlearn_audit.policy import find_policy

    path = find_policy(name)
    lines = _locate(path, record)
    if lines is None:
        raise UsageError(
            f"{name} is not the policy of this record, whose digest is {record.policy_sha256}",
            hint="a bundle holds the right one as policy.yaml",
        )
    if (below := reports.find_below(Path(name))) is not None:
        return Sources(below, lines)
    copied = _try_to_locate(beside, record)
    if copied is not None:
        return Sources(reports.name_file(beside), copied)
    return Sources(f"{_shelf_of(path)}/{path.name}", lines)


def _shelf_of(path: Path) -> str:
    """Return the folder that is printed for a policy of which this repository has no copy: none of its own."""
    from unlearn_audit.policy import list_policies

    return "unlearn-audit/policies" if path in list_policies().values() else "elsewhere"


def _try_to_locate(path: Path, record: "AuditRecord") -> dict[str, int] | None:
    try:
        return _locate(path, record)
    except PolicyError:
        return None


def _locate(path: Path, record: "AuditRecord") -> dict[str, int] | None:
    """Return the line of each check in the policy at `path`, None where it is not the policy of `record`."""
    from unlearn_audit.policy import KnownNames, load_policy, locate_checks

    if load_policy(path, KnownNames()).digest() != record.policy_sha256:
        return None
    return locate_checks(path.read_text(encoding="utf-8"), str(path))
