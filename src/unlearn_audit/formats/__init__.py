"""Output formats by name: each turns a record into the content of one file, and neither prints nor opens files.

Read the table here, then `html` and `pdf` (for people), `junit`, `sarif`, `markdown`, `github` (for pipelines;
`severity` says how grave a check is), `cyclonedx`, `model_card` (for who keeps models). `sources` is what a format may
point at outside of the record. One file and one line here add a format. `choose_formats` says which of them a report is
written in.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from unlearn_audit.errors import ReportError
from unlearn_audit.formats.cyclonedx import render_cyclonedx
from unlearn_audit.formats.github import render_github
from unlearn_audit.formats.html import render_html, render_summary
from unlearn_audit.formats.junit import render_junit
from unlearn_audit.formats.markdown import render_markdown
from unlearn_audit.formats.model_card import render_model_card
from unlearn_audit.formats.pdf import render_pdf, render_summary_pdf, validate_renderer
from unlearn_audit.formats.sarif import render_sarif
from unlearn_audit.formats.sources import Sources
from unlearn_audit.records import AuditRecord
from unlearn_audit.registry import Table

Renderer = Callable[[AuditRecord, Sources], str | bytes]


@dataclass(frozen=True)
class Format:
    """A row of the table of formats: what it is, the file it goes into, and the function that makes its content."""

    title: str
    file: str
    render: Renderer
    """The same record and sources give the same content."""
    default: bool = False
    """Whether it is written where no format is asked for, if this installation can."""
    validate: Callable[[], None] | None = None
    """Raises ReportError where this installation lacks what rendering needs; asked before an audit begins."""


def render_json(record: AuditRecord) -> bytes:
    """Return the record itself: canonical JSON, the bytes that are digested and signed."""
    return record.to_bytes()


def from_record(render: Callable[[AuditRecord], str | bytes]) -> Renderer:
    """Return a renderer that needs nothing but the record."""

    def render_alone(record: AuditRecord, _: Sources) -> str | bytes:
        return render(record)

    return render_alone


FORMATS: Table[Format] = Table(
    "format",
    "unlearn_audit.formats",
    {
        "html": Format("The report for the screen, one file", "report.html", from_record(render_html), default=True),
        "pdf": Format("The report for paper, PDF/A-3a", "report.pdf", from_record(render_pdf), True, validate_renderer),
        "json": Format("The record itself, canonical JSON", "record.json", from_record(render_json), default=True),
        "summary": Format("Page one alone, for the screen", "summary.html", from_record(render_summary)),
        "summary-pdf": Format(
            "Page one alone, for paper, PDF/A-3a",
            "summary.pdf",
            from_record(render_summary_pdf),
            False,
            validate_renderer,
        ),
        "junit": Format("JUnit XML for GitLab and Jenkins", "report.junit.xml", render_junit),
        "sarif": Format("SARIF 2.1.0 for code scanning", "report.sarif", render_sarif),
        "markdown": Format("Step summary or merge-request comment", "report.md", render_markdown),
        "github": Format("Annotations for the log of a GitHub workflow", "report.github.txt", render_github),
        "cyclonedx": Format(
            "CycloneDX 1.6 bill of materials of the model", "model.cdx.json", from_record(render_cyclonedx)
        ),
        "model-card": Format("Metadata and text for a Hugging Face model card", "model-card.md", render_model_card),
    },
)


def choose_formats(asked: Iterable[str] = ()) -> tuple[dict[str, Format], tuple[str, ...]]:
    """Return the formats that are asked for, else all default ones that this installation can write; and why not all.

    Raises:
        UnknownNameError: no format of that name.
        ReportError: a format was asked for that this installation cannot write.
    """
    chosen = {name: FORMATS[name] for name in asked}
    for form in chosen.values():
        if form.validate is not None:
            form.validate()
    if chosen:
        return chosen, ()
    left_out = []
    for name, form in FORMATS.items():
        if not form.default:
            continue
        try:
            if form.validate is not None:
                form.validate()
            chosen[name] = form
        except ReportError as error:
            left_out.append(f"no {form.file}: {error.message} ({error.hint})")
    return chosen, tuple(left_out)
