"""Which formats are written, what they point at, and `render`."""

from collections.abc import Container, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from unlearn_audit.errors import ExitCode, PolicyError, ReportError, UsageError
from unlearn_audit.records import AuditRecord
from unlearn_audit.writing import write_whole

if TYPE_CHECKING:
    from unlearn_audit.formats import Format
    from unlearn_audit.formats.sources import Sources

_COPY = "policy.yaml"
_SUMMARIES = {"html": "summary", "pdf": "summary-pdf"}


def choose_formats(asked: Iterable[str]) -> "dict[str, Format]":
    """Return what a bundle is to hold: what every bundle holds, and what was asked for, each once.

    Raises:
        UnknownNameError: no format of that name.
    """
    from unlearn_audit.formats import FORMATS

    chosen = {name: FORMATS[name] for name in asked}
    return {name: form for name, form in FORMATS.items() if form.always} | chosen


def choose_profile(asked: Iterable[str], profile: str) -> tuple[str, ...]:
    """Return the formats of `profile`: a summary has html and pdf of its own and nothing else.

    Raises:
        UsageError: a format that has no summary.
    """
    names = tuple(asked)
    if profile == "full":
        return names
    unfit = sorted(set(names) - _SUMMARIES.keys() - set(_SUMMARIES.values()))
    if unfit:
        known = " and ".join(_SUMMARIES)
        raise UsageError(f"--profile summary: expected the formats {known}, found {', '.join(unfit)}")
    return tuple(dict.fromkeys(_SUMMARIES.get(name, name) for name in names))


def render_files(
    formats: "Mapping[str, Format]", record: AuditRecord, sources: "Sources", taken: Container[str] = ()
) -> dict[str, bytes]:
    """Return the content of each format by the name of its file.

    Raises:
        ReportError: two formats, or a format and something else in the bundle, want the same file.
    """
    files: dict[str, bytes] = {}
    for name, form in formats.items():
        if form.file in files or form.file in taken:
            raise ReportError(f"the format '{name}' wants the file {form.file}, which is something else's")
        content = form.render(record, sources)
        files[form.file] = content.encode() if isinstance(content, str) else content
    return files


def name_policy_file(given: str) -> str:
    """Return the policy that was `given` as a path from the working folder, which is a pipeline's repository.

    The copy in the bundle stands for a policy from elsewhere, such as a shipped one.
    """
    path = Path(given)
    if path.is_file() and path.resolve().is_relative_to(Path.cwd().resolve()):
        return path.resolve().relative_to(Path.cwd().resolve()).as_posix()
    return _COPY


def render_record(record_path: Path, out: Path, names: tuple[str, ...], policy_name: str | None) -> int:
    """Write the record in each format."""
    from unlearn_audit.formats import FORMATS
    from unlearn_audit.formats.sources import Sources

    if not record_path.is_file():
        raise ReportError(f"expected a record at {record_path}, found no file")
    formats = {name: FORMATS[name] for name in names}  # unknown names are refused before anything is written
    record = AuditRecord.from_bytes(record_path.read_bytes())
    pointing = policy_name is not None or not all(form.always for form in formats.values())
    sources = _find_sources(record, record_path, policy_name) if pointing else Sources()
    for name, content in render_files(formats, record, sources).items():
        write_whole(out / name, content)
        click.echo(out / name)
    return ExitCode.PASS


def _find_sources(record: AuditRecord, record_path: Path, policy_name: str | None) -> "Sources":
    """Return where the checks stand; where no policy fits, say so and point at no line."""
    from unlearn_audit.formats.sources import Sources
    from unlearn_audit.policy import find_policy

    if policy_name is not None:
        lines = _locate(find_policy(policy_name), record)
        if lines is None:
            raise UsageError(
                f"{policy_name} is not the policy of this record, whose digest is {record.policy_sha256}",
                hint="a bundle holds the right one as policy.yaml",
            )
        return Sources(name_policy_file(policy_name), lines)
    beside = record_path.parent / _COPY
    try:
        lines = _locate(beside, record)
    except PolicyError:
        lines = None
    if lines is None:
        click.echo(f"{beside} is not there or not this record's: results point at no line (see --policy)", err=True)
        return Sources()
    return Sources(name_policy_file(str(beside)), lines)


def _locate(path: Path, record: AuditRecord) -> dict[str, int] | None:
    """Return the line of each check in the policy at `path`, None where it is not the policy of `record`."""
    from unlearn_audit.policy import KnownNames, load_policy, locate_checks

    if load_policy(path, KnownNames()).digest() != record.policy_sha256:
        return None
    return locate_checks(path.read_text(encoding="utf-8"), str(path))
