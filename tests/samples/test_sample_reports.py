"""A committed sample cannot lie: its pages are its record's, its record is its evidence's, its signature covers all."""

from pathlib import Path

import pytest

from unlearn_audit.auditing import judge, name_known
from unlearn_audit.evidence import read_evidence
from unlearn_audit.policy import load_policy
from unlearn_audit.records import AuditRecord
from unlearn_audit.report import render_html, render_pdf
from unlearn_audit.report.verification import verify_bundle

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "sample_reports" / "breast-cytology"


@pytest.fixture(scope="module")
def record():
    return AuditRecord.from_bytes((SAMPLE / "record.json").read_bytes())


def test_the_record_follows_from_the_evidence_and_the_policy_bit_for_bit():
    policy = load_policy(SAMPLE / "policy.yaml", name_known())

    judged = judge(policy, read_evidence(SAMPLE / "evidence.parquet"))

    assert judged.to_bytes() == (SAMPLE / "record.json").read_bytes()


def test_the_policy_is_the_shipped_one():
    assert (SAMPLE / "policy.yaml").read_bytes() == (ROOT / "policies" / "breast-cytology.yaml").read_bytes()


def test_the_pages_follow_from_the_record_byte_for_byte(record):
    assert render_html(record).encode() == (SAMPLE / "report.html").read_bytes()
    assert (SAMPLE / "report.pdf").read_bytes().startswith(render_pdf(record))


def test_the_signature_holds_and_the_exit_code_is_the_verdicts(record):
    verification = verify_bundle(SAMPLE, (ROOT / "sample_reports" / "test-root.pem",))

    assert verification.record == record
    assert int(verification.exit_code) == {"pass": 0, "fail": 1, "inconclusive": 3}[record.outcome]


def test_the_data_card_is_the_embedded_sets(record):
    from unlearn_audit.data import load_dataset

    assert record.provenance.data.sha256 == load_dataset("breast-cytology").sha256
