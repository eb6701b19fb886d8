"""Output formats by name: each turns a record into the content of one file, and neither prints nor opens files."""

from typing import Protocol

from unlearn_audit.records import AuditRecord
from unlearn_audit.registry import Table
from unlearn_audit.report.html import render_html
from unlearn_audit.report.pdf import render_pdf


class Formatter(Protocol):
    """Turns a record into text or bytes; the same record gives the same content."""

    def __call__(self, record: AuditRecord, /) -> str | bytes:
        """Return the content of the file."""
        ...


def render_json(record: AuditRecord) -> bytes:
    """Return the record itself: canonical JSON, the bytes that are digested and signed."""
    return record.to_bytes()


FORMATS: Table[Formatter] = Table(
    "format", "unlearn_audit.formats", {"html": render_html, "pdf": render_pdf, "json": render_json}
)
