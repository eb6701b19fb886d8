"""Earlier audits of the same case: those that the case file names, and the one that is about to be replaced."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from unlearn_audit.errors import AuditError, UsageError
from unlearn_audit.records import AuditRecord, EarlierRun

if TYPE_CHECKING:
    from unlearn_audit.policy import CaseFile, Policy


def find_earlier_runs(
    out: Path, policy: "Policy", case: "CaseFile | None", folder: Path, baseline: AuditRecord | None = None
) -> tuple[EarlierRun, ...]:
    """Return every earlier audit that is known, each once, the oldest first, with those that they list themselves.

    A report in `out` under the same policy is one: it would otherwise be gone without a trace. Under a policy that
    plans its looks every report there is one, and the baseline too: they may have looked at the same test split.

    Raises:
        UsageError: a record that the case file names, or the one that would be replaced, cannot be read.
    """
    records = [*_read_all(out, policy, case, folder), *([baseline] if baseline and policy.protocol.looks else [])]
    runs = {run.record_sha256: run for record in records for run in record.list_runs()}
    return tuple(sorted(runs.values(), key=lambda run: (run.created, run.record_sha256)))


def _read_all(out: Path, policy: "Policy", case: "CaseFile | None", folder: Path) -> Iterator[AuditRecord]:
    for name in case.earlier_runs if case else ():
        yield _read(folder / name, "earlier_runs of the case file", "name the record.json of each earlier audit")
    if (out / "record.json").is_file():
        replaced = _read(out / "record.json", "the report to replace", "move it away, or choose another --out")
        if policy.protocol.looks or replaced.policy.get("id") == policy.id:
            yield replaced


def _read(path: Path, what: str, hint: str) -> AuditRecord:
    try:
        return AuditRecord.from_bytes(path.read_bytes())
    except (OSError, AuditError) as error:
        raise UsageError(f"{what}: expected a record at {path}, could not read one", hint=hint) from error
