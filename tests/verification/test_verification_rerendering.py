"""Pages that do not say what the record says are found, and software that is another accuses nobody."""

from io import BytesIO

import pytest

from unlearn_audit.errors import ExitCode, IntegrityError, ReportError
from unlearn_audit.formats.html import render_html
from unlearn_audit.formats.pdf import render_pdf
from unlearn_audit.records import Outcome
from unlearn_audit.signing.pades import sign_pdf
from unlearn_audit.verification import rerendering
from unlearn_audit.verification.answers import State, Verification, VerificationCheck
from unlearn_audit.verification.pdf_revisions import examine_addition
from unlearn_audit.verification.rerendering import compare_pages


@pytest.fixture(scope="module")
def html(record):
    return render_html(record).encode()


@pytest.fixture(scope="module")
def signed_pdf(pdf, key):
    return sign_pdf(pdf, key)


def revise(pdf: bytes, change) -> bytes:
    """Append a revision to a PDF, as whoever signs could do before signing."""
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

    writer = IncrementalPdfFileWriter(BytesIO(pdf))
    change(writer)
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def test_pages_made_from_the_record_are_ok(record, html, signed_pdf):
    line = compare_pages(record, {"report.html": html, "report.pdf": signed_pdf})
    assert (line.state, line.name, line.asked) == (State.OK, "pages equal record", True)


def test_one_changed_character_of_the_html_is_invalid(record, html):
    changed = html.replace(b">FAIL<", b">PASS<").replace(b"fail", b"pass", 1)
    line = compare_pages(record, {"report.html": changed})
    assert State.INVALID is line.state
    assert "report.html" in line.sentence


def test_a_pdf_of_another_record_is_invalid(record, html, key):
    other = record.model_copy(update={"findings": (), "curves": ()})
    line = compare_pages(record, {"report.html": html, "report.pdf": sign_pdf(render_pdf(other), key)})
    assert State.INVALID is line.state
    assert "report.pdf: its pages are not what the record gives" in line.sentence


def test_a_page_that_was_swapped_before_signing_is_found_although_the_file_begins_as_rendered(pdf, key):
    """The rendered bytes are all still there; a reader would be shown others."""
    from pyhanko.pdf_utils.generic import ArrayObject, DictionaryObject, NumberObject, StreamObject, pdf_name

    def swap_contents(writer):
        page = writer.root["/Pages"]["/Kids"][0]
        page["/Contents"] = writer.add_object(StreamObject(stream_data=b"BT (PASS) Tj ET"))
        writer.update_container(page)

    def swap_content_stream(writer):
        page = writer.root["/Pages"]["/Kids"][1]
        stream = page["/Contents"]
        stream._data, stream._encoded_data = b"BT (PASS) Tj ET", None
        writer.mark_update(page.raw_get("/Contents"))

    def drop_a_page(writer):
        pages = writer.root["/Pages"]
        pages["/Kids"] = ArrayObject(pages["/Kids"].raw_get(i) for i in range(1, len(pages["/Kids"])))
        pages["/Count"] = NumberObject(len(pages["/Kids"]))
        writer.update_container(pages)

    def add_a_stamp(writer):
        stamp = DictionaryObject({pdf_name("/Type"): pdf_name("/Annot"), pdf_name("/Subtype"): pdf_name("/Stamp")})
        page = writer.root["/Pages"]["/Kids"][0]
        page["/Annots"] = ArrayObject([writer.add_object(stamp)])
        writer.update_container(page)

    for change in (swap_contents, swap_content_stream, drop_a_page, add_a_stamp):
        signed = sign_pdf(revise(pdf, change), key)
        assert signed.startswith(pdf)
        with pytest.raises(IntegrityError, match="changed more than once"):
            examine_addition(signed, pdf)


def test_an_attack_inside_the_signing_revision_itself_is_found(pdf, key, monkeypatch):
    """The same in one revision: whoever signs with another program could add to the signature's own."""
    from pyhanko.pdf_utils import incremental_writer
    from pyhanko.pdf_utils.generic import StreamObject

    real = incremental_writer.IncrementalPdfFileWriter

    def tamper(stream):
        writer = real(stream)
        page = writer.root["/Pages"]["/Kids"][0]
        page["/Contents"] = writer.add_object(StreamObject(stream_data=b"BT (PASS) Tj ET"))
        writer.update_container(page)
        return writer

    monkeypatch.setattr(incremental_writer, "IncrementalPdfFileWriter", tamper)
    signed = sign_pdf(pdf, key)
    monkeypatch.undo()
    with pytest.raises(IntegrityError, match=r"more than a signature|first page"):
        examine_addition(signed, pdf)


def test_pages_of_another_version_are_not_compared_and_never_ok(record, html, signed_pdf):
    older = record.model_copy(update={"provenance": record.provenance.model_copy(update={"version": "0.0.9"})})
    line = compare_pages(older, {"report.html": html, "report.pdf": signed_pdf})
    assert State.OTHER_VERSION is line.state
    assert line.sentence.startswith("Other version: cannot compare")


def test_a_difference_under_another_renderer_accuses_nobody_and_is_never_ok(record, html, signed_pdf):
    environment = {**record.provenance.environment, "weasyprint": "12.3"}
    other = record.model_copy(update={"provenance": record.provenance.model_copy(update={"environment": environment})})
    line = compare_pages(other, {"report.pdf": signed_pdf})
    assert State.OTHER_VERSION is line.state
    assert "weasyprint 12.3 there" in line.sentence
    assert State.INVALID is compare_pages(other, {"report.html": html}).state  # which does not depend on WeasyPrint


def test_a_pdf_that_cannot_be_rendered_here_is_not_answered(record, html, signed_pdf, monkeypatch):
    def refuse(_record):
        raise ReportError("WeasyPrint is not installed: a PDF cannot be made")

    monkeypatch.setattr(rerendering, "render_pdf", refuse)
    line = compare_pages(record, {"report.html": html, "report.pdf": signed_pdf})
    assert State.ABSENT is line.state
    assert "WeasyPrint is not installed" in line.sentence


def test_no_pages_at_all_are_not_ok(record):
    assert State.ABSENT is compare_pages(record, {}).state


@pytest.mark.parametrize(
    ("outcome", "code"),
    [(Outcome.PASS, ExitCode.INCOMPLETE), (Outcome.FAIL, ExitCode.FAIL), (Outcome.INCONCLUSIVE, ExitCode.INCONCLUSIVE)],
)
@pytest.mark.parametrize("state", [State.OTHER_VERSION, State.ABSENT])
def test_what_was_asked_and_not_answered_never_exits_0(record, outcome, code, state):
    verdict = (VerificationCheck("authenticity", State.OK, ""), VerificationCheck("verdict", State.OK, ""))
    verification = Verification(verdict, record.model_copy(update={"outcome": outcome}))
    assert code is verification.extend([VerificationCheck("pages equal record", state, "", asked=True)]).exit_code
    assert ExitCode(int(code) % 5) is verification.extend([VerificationCheck("policy file", state, "")]).exit_code
