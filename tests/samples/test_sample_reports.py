"""A committed sample cannot lie: its pages are its record's, its record is its evidence's, its signature covers all."""

import shutil
from html import unescape
from pathlib import Path

import pytest

from unlearn_audit.evidence.parquet import read_evidence
from unlearn_audit.formats.html import render_html
from unlearn_audit.formats.pdf import render_pdf
from unlearn_audit.pipeline.audit import judge, name_known
from unlearn_audit.policy import load_case, load_policy
from unlearn_audit.records import AuditRecord, Outcome
from unlearn_audit.verification.verification import verify_bundle

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "sample_reports"
POLICY = ROOT / "policies" / "breast-cytology.yaml"
VERDICTS = {
    "breast-cytology": Outcome.FAIL,
    "breast-cytology-pass": Outcome.PASS,
    "breast-cytology-inconclusive": Outcome.INCONCLUSIVE,
}
PRESENT = sorted(path.parent.name for path in SAMPLES.glob("*/record.json"))


SHORTEST = "breast-cytology-pass"
"""The fast tests look at this one; the thorough ones at all."""


@pytest.fixture(
    scope="module",
    params=[name if name == SHORTEST else pytest.param(name, marks=pytest.mark.thorough) for name in PRESENT],
)
def sample(request):
    return SAMPLES / request.param


@pytest.fixture(scope="module")
def record(sample):
    return AuditRecord.from_bytes((sample / "record.json").read_bytes())


def test_there_is_a_sample_for_every_verdict():
    assert set(PRESENT) == set(VERDICTS)


def test_the_record_follows_from_the_evidence_and_the_policy_bit_for_bit(sample):
    policy = load_policy(sample / "policy.yaml", name_known())

    judged = judge(policy, read_evidence(sample / "evidence.parquet"))

    assert judged.to_bytes() == (sample / "record.json").read_bytes()


def test_the_policy_is_the_one_that_the_repository_holds(sample):
    assert (sample / "policy.yaml").read_bytes() == POLICY.read_bytes()


def test_the_verdict_is_the_one_that_the_sample_is_there_for(sample, record):
    assert record.outcome is VERDICTS[sample.name]
    if sample.name == "breast-cytology":
        assert record.recommendation.model == "remedied-warm-restart"
        assert record.recommendation.action == "release-remedied"


def test_the_pages_follow_from_the_record_byte_for_byte(sample, record):
    assert render_html(record).encode() == (sample / "report.html").read_bytes()
    assert (sample / "report.pdf").read_bytes().startswith(render_pdf(record))


def test_every_metric_that_was_measured_is_printed_by_its_one_name(sample, record):
    page = unescape((sample / "report.html").read_text("utf-8"))
    in_words = {"threshold", "risk-by-threshold", "risk-by-discrimination"}
    titles = {f.key.metric: f.title for f in record.findings if f.key.metric not in in_words}

    assert [metric for metric, title in titles.items() if title not in page] == []
    assert "positive from probability" in page
    assert "because another number of records is predicted" in page


def test_a_sample_has_eight_to_sixteen_pages(sample):
    if shutil.which("pdfinfo") is None:
        pytest.skip("poppler's pdfinfo is not installed")
    import subprocess

    output = subprocess.run(["pdfinfo", sample / "report.pdf"], check=True, capture_output=True).stdout.decode()
    (pages,) = (int(line.split()[1]) for line in output.splitlines() if line.startswith("Pages:"))
    assert 8 <= pages <= 16


def test_a_sample_is_no_larger_than_what_a_reader_downloads_without_a_thought(sample):
    """Two thirds of the largest is what 384 reference models say about each record."""
    assert sum(path.stat().st_size for path in sample.rglob("*") if path.is_file()) < 8_000_000


def test_the_signature_holds_and_the_exit_code_is_the_verdicts(sample, record):
    verification = verify_bundle(sample, (SAMPLES / "test-root.pem",))

    assert verification.record == record
    assert int(verification.exit_code) == {"pass": 0, "fail": 1, "inconclusive": 3}[record.outcome]


def test_the_data_card_is_the_embedded_sets(record):
    from unlearn_audit.data import load_dataset

    assert record.provenance.data.sha256 == load_dataset("breast-cytology").sha256


@pytest.mark.parametrize("path", sorted((SAMPLES / "cases").glob("*.yaml")), ids=lambda path: path.name)
def test_the_cases_of_the_samples_have_no_mistake(path):
    load_case(path, name_known())
