"""Do the pages say what the record says? They are rendered again from it and compared byte for byte."""

from unlearn_audit import __version__
from unlearn_audit.errors import IntegrityError, ReportError
from unlearn_audit.records import AuditRecord
from unlearn_audit.report.answers import Line, State
from unlearn_audit.report.html import render_html
from unlearn_audit.report.pdf import render_pdf
from unlearn_audit.report.revision import examine_addition
from unlearn_audit.software import PAGES, find_differences

NAME = "pages equal record"
_FOR_HTML = ("jinja2",)
_ORDER = (State.INVALID, State.OTHER_VERSION, State.ABSENT, State.OK)


def compare_pages(record: AuditRecord, html: bytes | None, pdf: bytes | None) -> Line:
    """Render `record` again and hold HTML and signed PDF against it; None stands for a page that there is not.

    The line is as good as the worst of those that there are. Pages of another version are not compared: they may
    differ in layout and still say the same, and nothing would be proven either way.
    """
    made = record.provenance
    if made.version != __version__:
        return Line(
            NAME, State.OTHER_VERSION,
            f"Other version: cannot compare. {made.tool} {made.version} made the pages, this is {__version__}.", True,
        )  # fmt: skip
    answers = [_compare_html(record, html)] if html is not None else []
    answers += [_compare_pdf(record, pdf)] if pdf is not None else []
    if not answers:
        return Line(NAME, State.ABSENT, "There are neither HTML nor PDF to be compared.", asked=True)
    worst = min((state for state, _ in answers), key=_ORDER.index)
    return Line(NAME, worst, " ".join(sentence for _, sentence in answers), asked=True)


def _compare_html(record: AuditRecord, html: bytes) -> tuple[State, str]:
    if render_html(record).encode() == html:
        return State.OK, "report.html: the same bytes."
    return _explain(record, "report.html: its content is not what the record gives", _FOR_HTML)


def _compare_pdf(record: AuditRecord, pdf: bytes) -> tuple[State, str]:
    try:
        examine_addition(pdf, render_pdf(record))
    except ReportError as error:
        return State.ABSENT, f"report.pdf: cannot be rendered here: {error.message}."
    except IntegrityError as error:
        return _explain(record, f"report.pdf: {error.message}", PAGES)
    return State.OK, "report.pdf: the same bytes, and nothing but the signature after them."


def _explain(record: AuditRecord, problem: str, names: tuple[str, ...]) -> tuple[State, str]:
    """A difference accuses only where the software is the same; else it may come from there."""
    others = find_differences(record.provenance.environment, names)
    if others:
        return State.OTHER_VERSION, f"{problem}. Other version: cannot compare ({'; '.join(others)})."
    return State.INVALID, f"{problem}."
