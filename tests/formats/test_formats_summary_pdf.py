"""The summary on paper is signed as the report is, and held against the record when pages are rendered again."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.support.proofs import OFFICER, make_small_record, render_small, sign_at
from tests.support.record_factory import make_record
from unlearn_audit.bundle.attestation import make_statement
from unlearn_audit.bundle.envelope import sign_envelope
from unlearn_audit.bundle.layout import digest_path
from unlearn_audit.cli.commands import group
from unlearn_audit.errors import ExitCode, ReportError
from unlearn_audit.formats.html import render_summary
from unlearn_audit.formats.pdf import render_summary_pdf
from unlearn_audit.pki.keys import describe_signer
from unlearn_audit.pki.time_stamp_client import SignatureLevel
from unlearn_audit.signing.bundle import write_bundle
from unlearn_audit.signing.countersigning import countersign
from unlearn_audit.signing.pades import Purpose, sign_pdf
from unlearn_audit.verification import rerendering
from unlearn_audit.verification.answers import State
from unlearn_audit.verification.pdf_signatures import open_pdf
from unlearn_audit.verification.rerendering import compare_lone_pdf, compare_pages
from unlearn_audit.verification.verification import verify

pytest.importorskip("weasyprint", reason="WeasyPrint is not installed", exc_type=ImportError)


def write_with_summary(out, record, key, signing=None):
    small = render_small(record)
    files = {
        "report.pdf": small,
        "summary.pdf": small,
        "policy.yaml": json.dumps(record.policy).encode(),
        "evidence.parquet": b"PAR1 stands here for the evidence PAR1",
        **{str(card.file): card.name.encode() for card in record.provenance.models},
    }
    return write_bundle(out, files, record, key, signing=signing)


def reseal(folder: Path, record, key) -> None:
    """Sign whatever lies in the folder, as an insider with a key could."""
    listed = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    names = listed - {"attestation.dsse.json", "attestation.tst"}
    statement = make_statement({name: digest_path(folder / name) for name in names}, record)
    (folder / "attestation.dsse.json").write_bytes(sign_envelope(statement, key))


@pytest.fixture(scope="module")
def small_record(lab):
    return make_small_record(lab.key)


@pytest.fixture(scope="module")
def plain(tmp_path_factory, lab, small_record):
    return write_with_summary(tmp_path_factory.mktemp("summaries") / "bundle", small_record, lab.key)


@pytest.fixture
def copy(plain, tmp_path):
    return Path(shutil.copytree(plain, tmp_path / "copy"))


@pytest.fixture(scope="module")
def summary(record):
    return render_summary_pdf(record)


def test_the_summary_carries_the_signature_of_the_bundles_signer(plain, lab, small_record):
    opened = open_pdf((plain / "summary.pdf").read_bytes())
    assert [signature.certificates[0] for signature in opened.signatures] == [lab.key.certificate]
    assert opened.record == small_record.to_bytes()
    line = verify(plain, lab.roots).find("summary signature")
    assert (line.state, line.sentence.split(",")[0]) == (State.OK, "PAdES B-B")


@pytest.mark.parametrize("level", [SignatureLevel.T, SignatureLevel.LTA])
def test_it_is_signed_at_the_level_of_the_report(tmp_path, lab, stamps, level):
    record = make_small_record(lab.key, level)
    out = write_with_summary(tmp_path / "bundle", record, lab.key, sign_at(level, stamps, lab))
    assert [signature.level for signature in open_pdf((out / "summary.pdf").read_bytes()).signatures] == [level.value]
    assert verify(out, lab.roots).find("summary signature").state is State.OK


def test_without_a_summary_nothing_is_said_about_one(tmp_path, lab, small_record):
    files = {"report.pdf": render_small(small_record)}
    out = write_bundle(tmp_path / "bundle", files, small_record, lab.key)
    assert "summary signature" not in {line.name for line in verify(out, lab.roots).lines}


def test_a_summary_of_before_is_covered_by_the_attestation_and_changes_no_exit_code(copy, lab, small_record):
    (copy / "summary.pdf").write_bytes(render_small(small_record))
    reseal(copy, small_record, lab.key)
    verification = verify(copy, lab.roots)
    assert verification.find("summary signature").state is State.ABSENT
    assert "attestation covers it" in verification.find("summary signature").sentence
    assert ExitCode.PASS is verification.exit_code


def test_a_summary_that_is_not_the_bundles_is_invalid_even_where_an_insider_sealed_it(
    copy, lab, small_record, tmp_path
):
    small = render_small(small_record)
    stranger = lab.employ("Somebody Else")
    other = make_small_record(lab.key, evidence_sha256="0" * 64)
    twice = sign_pdf(small, lab.key, None, Purpose(others_follow=True))
    for content, message in (
        (sign_pdf(small, stranger), "signed by someone else"),
        (sign_pdf(render_small(other), lab.key), "not the bundle's record.json"),
        (sign_pdf(twice, stranger, None, Purpose("C1", "C1", "I agree", certifies=False)), "2 signatures"),
        ((copy / "summary.pdf").read_bytes() + b"\n", "does not cover"),
        (b"no PDF", "cannot be read"),
    ):
        (copy / "summary.pdf").write_bytes(content)
        reseal(copy, small_record, lab.key)
        verification = verify(copy, lab.roots)
        assert verification.find("summary signature").state is State.INVALID
        assert message in verification.find("summary signature").sentence
        assert ExitCode.INTEGRITY is verification.exit_code


def test_a_summary_at_a_lower_level_than_the_record_promises_is_invalid(tmp_path, lab, stamps):
    record = make_small_record(lab.key, SignatureLevel.T)
    out = write_with_summary(tmp_path / "bundle", record, lab.key, sign_at(SignatureLevel.T, stamps))
    (out / "summary.pdf").write_bytes(sign_pdf(render_small(record), lab.key))
    reseal(out, record, lab.key)
    (out / "attestation.tst").write_bytes(
        sign_at(SignatureLevel.T, stamps).stamp((out / "attestation.dsse.json").read_bytes()) or b""
    )
    line = verify(out, lab.roots).find("summary signature")
    assert (line.state, "the PDF has B-B" in line.sentence) == (State.INVALID, True)


def test_a_countersigner_signs_the_report_and_covers_the_summary(tmp_path, lab):
    record = make_small_record(lab.key, due=(OFFICER,))
    out = write_with_summary(tmp_path / "bundle", record, lab.key)
    countersign(out, lab.employ(OFFICER), sign_at(SignatureLevel.B), "2026-05-02T03:04:05Z")
    verification = verify(out, lab.roots)
    assert verification.find("summary signature").state is State.OK
    assert ExitCode.PASS is verification.exit_code
    (out / "summary.pdf").write_bytes(sign_pdf(render_small(record), lab.key))
    assert verify(out, lab.roots).find("integrity").state is State.INVALID


def test_a_lone_summary_verifies_as_a_lone_report_does(plain, lab, tmp_path):
    path = tmp_path / "as-received.pdf"
    path.write_bytes((plain / "summary.pdf").read_bytes())
    verification = verify(path, lab.roots)
    assert ExitCode.PASS is verification.exit_code
    assert verification.find("authenticity").state is State.OK


def test_both_summaries_are_compared_when_pages_are_rendered_again(record, summary, key):
    pages = {"summary.html": render_summary(record).encode(), "summary.pdf": sign_pdf(summary, key)}
    line = compare_pages(record, pages)
    assert line.state is State.OK
    assert "summary.html: the same bytes." in line.sentence
    assert "summary.pdf: the same bytes, and nothing but the signature" in line.sentence
    unsigned = compare_pages(record, {"summary.pdf": summary})
    assert (unsigned.state, "without a signature" in unsigned.sentence) == (State.OK, True)


def test_a_summary_that_says_something_else_is_invalid(record, summary, key):
    html = render_summary(record).encode().replace(b"This is a summary", b"This is a pass")
    assert html != render_summary(record).encode()
    line = compare_pages(record, {"summary.html": html, "summary.pdf": sign_pdf(summary, key)})
    assert (line.state, "summary.html: its content is not" in line.sentence) == (State.INVALID, True)
    other = render_summary_pdf(
        make_record(describe_signer(key.certificate), findings=(), curves=(), evidence_sha256="0" * 64)
    )
    for content in (sign_pdf(other, key), other, summary + b" "):
        line = compare_pages(record, {"summary.pdf": content})
        assert (line.state, "summary.pdf: " in line.sentence) == (State.INVALID, True)


def test_a_lone_summary_is_told_from_a_lone_report(record, summary, pdf, key, monkeypatch):
    monkeypatch.setattr(rerendering, "render_pdf", lambda _: pdf)
    monkeypatch.setattr(rerendering, "render_summary_pdf", lambda _: summary)
    lone = compare_lone_pdf(record, sign_pdf(summary, key))
    assert (lone.state, lone.sentence.startswith("This is the summary, not the whole report.")) == (State.OK, True)
    assert compare_lone_pdf(record, sign_pdf(pdf, key)).sentence.startswith("report.pdf: the same bytes")
    wrong = compare_lone_pdf(record, sign_pdf(render_small(record), key))
    assert (wrong.state, wrong.sentence.startswith("report.pdf: its pages")) == (State.INVALID, True)
    older = record.model_copy(update={"provenance": record.provenance.model_copy(update={"version": "0.0.9"})})
    assert compare_lone_pdf(older, sign_pdf(pdf, key)).state is State.OTHER_VERSION


def test_a_report_that_cannot_be_rendered_here_is_not_answered(record, pdf, key, monkeypatch):
    def refuse(_record):
        raise ReportError("WeasyPrint is not installed: a PDF cannot be made")

    monkeypatch.setattr(rerendering, "render_pdf", refuse)
    monkeypatch.setattr(rerendering, "render_summary_pdf", refuse)
    assert compare_lone_pdf(record, sign_pdf(pdf, key)).state is State.ABSENT


@pytest.mark.thorough
def test_verify_with_rerender_names_the_summary(tmp_path, record, summary, key, laboratory):
    files = {"summary.html": render_summary(record).encode(), "summary.pdf": summary}
    out = write_bundle(tmp_path / "bundle", files, record, key)
    trust = ["--trust", str(laboratory["root_certificate"]), "--rerender", "--json"]
    for path, message in ((out, "summary.pdf: the same bytes"), (out / "summary.pdf", "This is the summary")):
        result = CliRunner().invoke(group, ["verify", str(path), *trust], standalone_mode=False)
        assert message in result.stdout
        assert result.return_value == ExitCode.FAIL  # of the verdict
