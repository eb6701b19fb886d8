"""The signed report of an audit: its pages rendered, its evidence and policy beside them, all of it signed."""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from unlearn_audit.bundle.layout import ANNEX, EVIDENCE, POLICY
from unlearn_audit.errors import ReportError
from unlearn_audit.evidence.parquet import to_parquet
from unlearn_audit.formats import Format
from unlearn_audit.formats.sources import Sources
from unlearn_audit.pipeline.annex import make_annex
from unlearn_audit.pipeline.result import Audit
from unlearn_audit.pki.keys import SigningKey
from unlearn_audit.pki.time_stamp_client import Signing
from unlearn_audit.policy import Policy
from unlearn_audit.records import AuditRecord
from unlearn_audit.signing.bundle import write_bundle


@dataclass(frozen=True)
class ReportRequest:
    """How the report of an audit is written.

    Attributes:
        key: that signs; the audit's record must name it, see `pipeline.audit.name_signer`.
        formats: what is written beside the record, by the name of the format.
        signing: level, and who stamps.
        sources: what formats for pipelines point at.
        policy_file: the policy as its owner wrote it; the policy as JSON, which is YAML, where there is no file.
        force: replace an earlier report.
    """

    key: SigningKey
    formats: Mapping[str, Format]
    signing: Signing = field(default_factory=Signing)
    sources: Sources = field(default_factory=Sources)
    policy_file: bytes | None = None
    force: bool = False


def write_signed_report(audit: Audit, out: Path, request: ReportRequest) -> Path:
    """Write the signed report of `audit` into the folder `out` and return it.

    Raises:
        ReportError, TimeStampError, KeyFileError: see `write_bundle`; nothing is left behind then.
    """
    taken = {EVIDENCE: to_parquet(audit.evidence), POLICY: request.policy_file or _write_policy(audit.policy)}
    if (annex := make_annex(audit.policy, audit.evidence, audit.record)) is not None:
        taken[ANNEX] = annex
    files = {**render_files(request.formats, audit.record, request.sources, taken=taken), **taken, **audit.models}
    return write_bundle(out, files, audit.record, request.key, force=request.force, signing=request.signing)


def render_files(
    formats: Mapping[str, Format], record: AuditRecord, sources: Sources, taken: Container[str] = ()
) -> dict[str, bytes]:
    """Return the content of each format by the name of its file.

    Raises:
        ReportError: two formats, or a format and something else in the report, want the same file.
    """
    files: dict[str, bytes] = {}
    for name, form in formats.items():
        if form.file in files or form.file in taken:
            raise ReportError(f"the format '{name}' wants the file {form.file}, which is something else's")
        content = form.render(record, sources)
        files[form.file] = content.encode() if isinstance(content, str) else content
    return files


def _write_policy(policy: Policy) -> bytes:
    return f"{policy.model_dump_json(indent=2, by_alias=True, exclude_none=True)}\n".encode()
