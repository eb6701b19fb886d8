"""One record as one PDF that is PDF/A-3a and PDF/UA-1 at once, with the record attached; same record, same bytes."""

import gc
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

from unlearn_audit.errors import ReportError
from unlearn_audit.formats.typefaces import Needs, declare_faces, examine, find_fonts, replace_letters
from unlearn_audit.presentation.profiles import Profile
from unlearn_audit.records import AuditRecord, digest_of

ATTACHMENT = "record.json"
_UA = (
    '<rdf:Description rdf:about="" xmlns:pdfuaid="http://www.aiim.org/pdfua/ns/id/">'
    "<pdfuaid:part>1</pdfuaid:part></rdf:Description>"
    '<rdf:Description rdf:about="" xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/"'
    ' xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#"'
    ' xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#">'
    '<pdfaExtension:schemas><rdf:Bag><rdf:li rdf:parseType="Resource">'
    "<pdfaSchema:namespaceURI>http://www.aiim.org/pdfua/ns/id/</pdfaSchema:namespaceURI>"
    "<pdfaSchema:prefix>pdfuaid</pdfaSchema:prefix><pdfaSchema:schema>PDF/UA identification schema</pdfaSchema:schema>"
    '<pdfaSchema:property><rdf:Seq><rdf:li rdf:parseType="Resource">'
    "<pdfaProperty:category>internal</pdfaProperty:category>"
    "<pdfaProperty:description>PDF/UA version identifier</pdfaProperty:description>"
    "<pdfaProperty:name>part</pdfaProperty:name>"
    "<pdfaProperty:valueType>Integer</pdfaProperty:valueType></rdf:li></rdf:Seq></pdfaSchema:property></rdf:li></rdf:Bag>"
    "</pdfaExtension:schemas></rdf:Description>"
)  # the extension schema makes the PDF/UA identification legal inside PDF/A metadata (ISO 19005-3, 6.6.2.3)


def _import_weasyprint() -> Any:
    try:
        import weasyprint
    except ImportError as error:
        raise ReportError(
            "WeasyPrint is not installed: a PDF cannot be made", hint="pip install 'unlearn-audit[pdf]'"
        ) from error
    except OSError as error:  # the Python package is there, the libraries it loads are not
        raise ReportError(
            f"WeasyPrint is installed but the Pango libraries it needs are not: {error}",
            hint="apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0",
        ) from error
    return weasyprint


def validate_renderer() -> None:
    """Refuse an installation that cannot make a PDF; asked before the work, which would be lost otherwise.

    Raises:
        ReportError: WeasyPrint, Pango or the fonts are missing; the message names what to install.
    """
    _import_weasyprint()
    find_fonts()


def _read_clock(record: AuditRecord) -> datetime:
    try:
        moment = datetime.fromisoformat(record.provenance.created)
    except ValueError as error:
        raise ReportError(
            f"the record's date is no ISO 8601 date: {record.provenance.created[:40]!r} in provenance.created"
        ) from error
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


@contextmanager
def _stop_clock(moment: datetime) -> Iterator[None]:
    """Set SOURCE_DATE_EPOCH to the record's own date: font subsets would otherwise carry the clock."""
    before = os.environ.get("SOURCE_DATE_EPOCH")
    os.environ["SOURCE_DATE_EPOCH"] = str(int(moment.timestamp()))
    try:
        yield
    finally:
        if before is None:
            del os.environ["SOURCE_DATE_EPOCH"]
        else:
            os.environ["SOURCE_DATE_EPOCH"] = before


@contextmanager
def _rest_collector() -> Iterator[None]:
    """Let the garbage collector rest: it finds nothing while pages are laid out, and takes a tenth of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _finish(document: Any, pdf: Any, needs: Needs) -> None:
    from unlearn_audit.formats.pdf_structure import mend_structure
    from unlearn_audit.formats.pdf_text import mend_text

    mend_structure(pdf)
    if needs.leftward:
        mend_text(pdf, find_fonts())
    _identify_as_accessible(document, pdf)


def _identify_as_accessible(_document: Any, pdf: Any) -> None:
    """Put the PDF/UA identification inside the existing RDF of the metadata: a second RDF would not conform."""
    streams = [o for o in pdf.objects if getattr(o, "extra", None) and o.extra.get("Type") == "/Metadata"]
    if len(streams) != 1:
        raise ReportError(f"expected one metadata stream in the PDF, found {len(streams)}")
    joined, count = re.subn(rb"</rdf:RDF>", _UA.encode() + b"</rdf:RDF>", b"".join(streams[0].stream))
    if count != 1:
        raise ReportError(f"expected one RDF block in the PDF's metadata, found {count}")
    streams[0].stream = [joined]


def _set_page(record: AuditRecord, profile: Profile) -> tuple[str, Needs]:
    """Return the page with the typefaces that it needs; where they lack letters, page one says so."""
    from unlearn_audit.formats.html import render_page  # verifying needs the attachment's name and draws nothing

    fonts = find_fonts()
    page = render_page(record, declare_faces(fonts), profile=profile)
    needs = examine(page, fonts)
    if needs.wide or needs.missing:
        faces = declare_faces(fonts, wide=needs.wide)
        page = render_page(record, faces, profile=profile, missing=needs.missing)
    return replace_letters(page, needs.missing), needs


def render_summary_pdf(record: AuditRecord) -> bytes:
    """Return page one as a PDF of one page, archival and accessible as the full report, with the record attached.

    Raises:
        ReportError: as `render_pdf`.
    """
    return render_pdf(record, Profile.SUMMARY)


def render_pdf(record: AuditRecord, profile: Profile = Profile.FULL) -> bytes:
    """Return the report as an A4 PDF (PDF/A-3a, PDF/UA-1) with the canonical record attached as record.json.

    The same record gives the same bytes, so a verifier can render it again and compare. Not signed yet.

    Raises:
        ReportError: WeasyPrint, Pango or the fonts are missing; the message names what to install.
    """
    weasyprint = _import_weasyprint()
    moment = _read_clock(record)
    content = record.to_bytes()
    attachment = weasyprint.Attachment(
        string=content.decode(), name=ATTACHMENT, description="The audit record, canonical JSON (RFC 8785)",
        relationship="Data", created=moment, modified=moment,
    )  # fmt: skip
    fetcher = weasyprint.urls.URLFetcher(allowed_protocols=("data", "file"), fail_on_errors=True)
    with _stop_clock(moment), _rest_collector(), warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # WeasyPrint leaves its colour profile to the collector
        shown, needs = _set_page(record, profile)
        page = weasyprint.HTML(string=shown, url_fetcher=fetcher)
        return bytes(
            page.write_pdf(
                attachments=[attachment], pdf_variant="pdf/a-3a", finisher=partial(_finish, needs=needs),
                pdf_identifier=digest_of(content)[:32].encode(),
            )
        )  # fmt: skip
