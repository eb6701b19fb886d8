"""Rerendering: the pages are rendered again from the record and compared byte for byte."""

from collections.abc import Mapping

from unlearn_audit import __version__
from unlearn_audit.bundle.layout import HTML, PDF, SUMMARY_HTML, SUMMARY_PDF
from unlearn_audit.errors import IntegrityError, ReportError
from unlearn_audit.formats.html import render_html, render_summary
from unlearn_audit.formats.pdf import render_pdf, render_summary_pdf
from unlearn_audit.records import AuditRecord
from unlearn_audit.software import PAGES, find_differences
from unlearn_audit.verification.answers import State, VerificationCheck
from unlearn_audit.verification.pdf_revisions import examine_addition

NAME = "pages equal record"
NAMES = (HTML, PDF, SUMMARY_HTML, SUMMARY_PDF)
"""What is compared, where it is there: what a record alone is rendered to for a reader."""
_FOR_HTML = ("jinja2",)
_ORDER = (State.INVALID, State.OTHER_VERSION, State.ABSENT, State.OK)


def compare_pages(record: AuditRecord, pages: Mapping[str, bytes]) -> VerificationCheck:
    """Render `record` again and hold its pages against it: by their names in a bundle, PDFs as they were signed.

    The line is as good as the worst of those that there are. Pages of another version are not compared: they may
    differ in layout and still say the same, and nothing would be proven either way.
    """
    if (other := _compare_version(record)) is not None:
        return other
    answers = [_compare(record, name, pages[name]) for name in NAMES if name in pages]
    if not answers:
        return VerificationCheck(NAME, State.ABSENT, "There are neither HTML nor PDF to be compared.", asked=True)
    worst = min((state for state, _ in answers), key=_ORDER.index)
    return VerificationCheck(NAME, worst, " ".join(sentence for _, sentence in answers), asked=True)


def compare_page(record: AuditRecord, page: bytes) -> VerificationCheck:
    """Render the page of `record`, which a signed PDF carries, and hold an HTML file against it: report or summary."""
    if (other := _compare_version(record)) is not None:
        return other
    whole, text = _compare(record, HTML, page)
    if whole is not State.OK:
        summary, found = _compare(record, SUMMARY_HTML, page)
        if summary is State.OK:
            return VerificationCheck(NAME, summary, f"This is the summary, not the whole report. {found}", asked=True)
    return VerificationCheck(NAME, whole, text, asked=True)


def compare_lone_pdf(record: AuditRecord, pdf: bytes) -> VerificationCheck:
    """Render `record` again and hold a signed PDF of any file name against it: the report, or else the summary."""
    if (other := _compare_version(record)) is not None:
        return other
    whole, text = _compare(record, PDF, pdf)
    if whole is not State.OK:
        summary, found = _compare(record, SUMMARY_PDF, pdf)
        if summary is State.OK:
            return VerificationCheck(NAME, summary, f"This is the summary, not the whole report. {found}", asked=True)
    return VerificationCheck(NAME, whole, text, asked=True)


def _compare_version(record: AuditRecord) -> VerificationCheck | None:
    made = record.provenance
    if made.version == __version__:
        return None
    return VerificationCheck(
        NAME, State.OTHER_VERSION,
        f"Other version: cannot compare. {made.tool} {made.version} made the pages, this is {__version__}.", True,
    )  # fmt: skip


def _compare(record: AuditRecord, name: str, content: bytes) -> tuple[State, str]:
    if name in (PDF, SUMMARY_PDF):
        return _compare_pdf(record, name, content)
    rendered = render_html(record) if name == HTML else render_summary(record)
    if rendered.encode() == content:
        return State.OK, f"{name}: the same bytes."
    return _explain(record, f"{name}: its content is not what the record gives", _FOR_HTML)


def _compare_pdf(record: AuditRecord, name: str, pdf: bytes) -> tuple[State, str]:
    try:
        rendered = render_pdf(record) if name == PDF else render_summary_pdf(record)
        if name == SUMMARY_PDF and pdf == rendered:  # of a bundle of before summaries were signed
            return State.OK, f"{name}: the same bytes, without a signature."
        examine_addition(pdf, rendered)
    except ReportError as error:
        return State.ABSENT, f"{name}: cannot be rendered here: {error.message}."
    except IntegrityError as error:
        return _explain(record, f"{name}: {error.message}", PAGES)
    return State.OK, f"{name}: the same bytes, and nothing but the signature after them."


def _explain(record: AuditRecord, problem: str, names: tuple[str, ...]) -> tuple[State, str]:
    """A difference accuses only where the software is the same; else it may come from there."""
    others = find_differences(record.provenance.environment, names)
    if others:
        return State.OTHER_VERSION, f"{problem}. Other version: cannot compare ({'; '.join(others)})."
    return State.INVALID, f"{problem}."
