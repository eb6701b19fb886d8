import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.record_factory import make_record
from tests.support.text_everywhere import with_text_everywhere
from unlearn_audit.assets import find_folder
from unlearn_audit.errors import ReportError
from unlearn_audit.formats import pdf as pdf_module
from unlearn_audit.formats import typefaces
from unlearn_audit.formats.pdf import render_pdf, render_summary_pdf
from unlearn_audit.records import AuditRecord, Signer
from unlearn_audit.signing.pades import sign_pdf


def read_pages(content: bytes, tmp_path: Path) -> list[str]:
    if shutil.which("pdftotext") is None:
        pytest.skip("poppler's pdftotext is not installed")
    (tmp_path / "report.pdf").write_bytes(content)
    out = subprocess.run(["pdftotext", "-layout", tmp_path / "report.pdf", "-"], check=True, capture_output=True)
    return out.stdout.decode().rstrip("\f").split("\f")


@pytest.mark.thorough
def test_the_same_record_gives_the_same_bytes(record, pdf):
    assert pdf == render_pdf(AuditRecord.from_bytes(record.to_bytes()))


def test_the_clock_variable_is_given_back(record, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "17")
    with pdf_module._stop_clock(pdf_module._read_clock(record)):
        assert os.environ["SOURCE_DATE_EPOCH"] == "1776938400"
    assert os.environ["SOURCE_DATE_EPOCH"] == "17"


def test_the_record_is_attached_byte_for_byte(record, pdf):
    pypdf = pytest.importorskip("pypdf")
    from io import BytesIO

    reader = pypdf.PdfReader(BytesIO(pdf))
    assert {"record.json": [record.to_bytes()]} == dict(reader.attachments)


def test_page_one_holds_verdict_checks_figure_and_standing(record, pdf, tmp_path):
    first = " ".join(read_pages(pdf, tmp_path)[0].split())
    assert "FAIL" in first
    assert "What to do." in first
    assert all(check.title in first for check in record.verdict.checks)
    assert "Global Risk by model" in first
    assert "not a certificate of compliance" in first


def test_every_page_carries_id_number_and_the_test_key_notice(tmp_path):
    trial = make_record(Signer(kind="test", subject="CN=TEST KEY", fingerprint="0" * 64))
    pages = read_pages(render_pdf(trial), tmp_path)
    assert 6 <= len(pages) <= 12
    for number, page in enumerate(pages, start=1):
        assert f"{number} / {len(pages)}" in page
        assert "Unlearning audit, report " in page
        assert "TEST KEY - not a valid signature" in page


def test_a_laboratory_key_leaves_no_test_notice(pdf, tmp_path):
    assert "TEST KEY" not in "".join(read_pages(pdf, tmp_path))


def test_an_independent_reader_finds_a4_tags_and_no_script(pdf, tmp_path):
    if shutil.which("pdfinfo") is None:
        pytest.skip("poppler's pdfinfo is not installed")
    (tmp_path / "report.pdf").write_bytes(pdf)
    out = subprocess.run(["pdfinfo", tmp_path / "report.pdf"], check=True, capture_output=True).stdout.decode()
    fields = {key.strip(): value.strip() for key, value in (line.split(":", 1) for line in out.splitlines())}
    assert (fields["Tagged"], fields["JavaScript"]) == ("yes", "no")
    assert fields["Page size"].endswith("(A4)")


def test_all_fonts_are_the_embedded_ones(pdf, tmp_path):
    if shutil.which("pdffonts") is None:
        pytest.skip("poppler's pdffonts is not installed")
    (tmp_path / "report.pdf").write_bytes(pdf)
    out = subprocess.run(["pdffonts", tmp_path / "report.pdf"], check=True, capture_output=True).stdout.decode()
    fonts = [line.split()[0] for line in out.splitlines()[2:]]
    assert fonts
    assert all("+UA-" in font for font in fonts)


def test_hostile_text_does_not_stop_the_pdf():
    hostile = make_record(findings=(), curves=())
    policy = {**hostile.policy, "applies_to": "<img src='file:///etc/passwd'> \u202e" + "x" * 10_000}
    assert render_pdf(hostile.model_copy(update={"policy": policy})).startswith(b"%PDF-")


def test_missing_weasyprint_names_what_to_install(record, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "weasyprint", None)
    with pytest.raises(ReportError) as caught:
        render_pdf(record)
    assert caught.value.hint == "pip install 'unlearn-audit[pdf]'"


def test_missing_pango_names_what_to_install(record, monkeypatch):
    import builtins

    real = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name == "weasyprint":
            raise OSError("cannot load library 'libpango-1.0-0'")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ReportError, match="libpango") as caught:
        render_pdf(record)
    assert caught.value.hint == "apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0"


def test_a_record_without_a_real_date_is_refused():
    record = make_record()
    provenance = record.provenance.model_copy(update={"created": "yesterday"})
    with pytest.raises(ReportError, match=r"provenance\.created"):
        render_pdf(record.model_copy(update={"provenance": provenance}))


def test_signing_appends_and_changes_nothing_before(pdf, key):
    signed = sign_pdf(pdf, key)
    assert signed.startswith(pdf)
    assert len(signed) > len(pdf)


def test_poppler_accepts_the_signature_over_the_whole_document(pdf, key, tmp_path):
    if shutil.which("pdfsig") is None:
        pytest.skip("poppler's pdfsig is not installed")
    (tmp_path / "signed.pdf").write_bytes(sign_pdf(pdf, key))
    out = subprocess.run(["pdfsig", tmp_path / "signed.pdf"], check=False, capture_output=True).stdout.decode()
    assert "Signature is Valid" in out
    assert "Total document signed" in out
    assert "ETSI.CAdES.detached" in out


@pytest.mark.parametrize("text", ["x" * 10_000, "W" * 500, "\u6f22\u5b57 \U0001f9ea" * 300, "e\u0301" * 2_000])
def test_page_one_and_the_summary_stay_one_page_whatever_the_texts(text, tmp_path):
    hostile = with_text_everywhere(text)
    checks = tuple(
        check.model_copy(update={"id": f"{check.id}-{i}"}) for i in range(3) for check in hostile.verdict.checks
    )
    verdict = hostile.verdict.model_copy(update={"checks": checks})
    many = hostile.model_copy(update={"verdicts": (verdict,)})
    (page,) = read_pages(render_summary_pdf(many), tmp_path)
    assert "Global Risk by model" in page
    assert "This is a summary" in page
    assert "not a certificate of compliance" in page


def test_a_character_that_no_font_has_is_replaced_and_no_other_font_is_asked(tmp_path):
    record = make_record()
    cards = tuple(c.model_copy(update={"title": "\u6f22\U0001f9ea"}) for c in record.provenance.models)
    odd = record.model_copy(update={"provenance": record.provenance.model_copy(update={"models": cards})})
    content = render_summary_pdf(odd)
    assert "\u6f22\ufffd (audited)" in read_pages(content, tmp_path)[0]
    if shutil.which("pdffonts") is not None:
        out = subprocess.run(["pdffonts", tmp_path / "report.pdf"], check=True, capture_output=True).stdout.decode()
        assert all("+UA-" in line.split()[0] for line in out.splitlines()[2:])


def test_missing_fonts_are_named_with_the_folder_they_belong_in(record, monkeypatch, tmp_path):
    monkeypatch.setattr(typefaces, "find_folder", lambda name: tmp_path / name)
    with pytest.raises(
        ReportError, match=r"templates/fonts, found no DejaVuSans\.ttf, .*DejaVuSansMono\.ttf, WenQuan.*\.ttf"
    ) as caught:
        render_pdf(record)
    assert caught.value.hint == "reinstall unlearn-audit"


def test_the_fonts_of_the_report_come_with_their_licence():
    folder = find_folder("templates") / "fonts"
    fonts = sorted(path.name for path in folder.glob("*.ttf"))
    assert fonts == sorted(name for *_, name in (*typefaces.USUAL, typefaces.WIDE))
    assert "Bitstream Vera" in (folder / "LICENSE_DEJAVU.txt").read_text(encoding="utf-8")
    assert "Apache License, Version 2.0" in (folder / "LICENSE_WENQUANYI.txt").read_text(encoding="utf-8")
