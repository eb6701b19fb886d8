"""What is logged, what binds a version, what speaks against a promotion: without any server."""

import json
from datetime import date
from pathlib import Path

import pytest

from unlearn_audit.errors import ExitCode, UsageError
from unlearn_audit.publishing.binding import Binding, bind, digest_files
from unlearn_audit.publishing.description import OUTCOME, describe, name_outcome
from unlearn_audit.publishing.promotion import find_objection
from unlearn_audit.publishing.server import RegisteredVersion, mask_secrets, mask_uri
from unlearn_audit.records import AuditRecord, Outcome
from unlearn_audit.records.waivers import AppliedWaiver
from unlearn_audit.verification.answers import State, Verification, VerificationCheck

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "sample_reports"
GOLDEN = ROOT / "tests" / "golden" / "bundles" / "v0.1.0"
BOUND = Binding("w.safetensors", "byte for byte")


def read(name):
    return AuditRecord.from_bytes((SAMPLES / name / "record.json").read_bytes())


def verified(record, *, authenticity=State.OK, waivers=State.OK):
    lines = (
        VerificationCheck("integrity", State.OK, "."),
        VerificationCheck("authenticity", authenticity, "."),
        VerificationCheck("waivers", waivers, "."),
    )
    return Verification(lines, record)


def with_check(record, outcome, *, waived=False, whole=None):
    """Give the first check another outcome, and the verdict `whole`."""
    first, *others = record.verdict.checks
    waiver = AppliedWaiver(check=first.id, reason="r", approver="A", expires=date(2026, 12, 31), covers="fail",
                           state="in force", given_in="policy")  # fmt: skip
    estimate = None if outcome is Outcome.NOT_RUN else first.estimate
    first = first.model_copy(
        update={"outcome": outcome, "required": True, "waiver": waiver if waived else None, "estimate": estimate}
    )
    verdict = record.verdict.model_copy(update={"checks": (first, *others), "outcome": whole or outcome})
    return record.model_copy(update={"verdicts": (verdict,), "outcome": verdict.outcome})


@pytest.mark.parametrize(
    ("name", "outcome"),
    [("breast-cytology-pass", "pass"), ("breast-cytology-inconclusive", "inconclusive"), ("breast-cytology", "fail")],
)
def test_the_outcome_is_the_audited_models_and_says_what_it_is(name, outcome):
    description = describe(verified(read(name)))
    assert description.outcome == outcome
    assert description.name.endswith(outcome)
    assert OUTCOME not in description.tags  # it is set last


def test_a_pass_with_waivers_is_no_bare_pass_and_one_whose_waiver_ended_is_none():
    record = with_check(read("breast-cytology-pass"), Outcome.FAIL, waived=True, whole=Outcome.PASS)
    assert name_outcome(verified(record)) == "pass with waivers"
    assert name_outcome(verified(record, waivers=State.EXPIRED)) == "fail"
    first = record.verdict.checks[0].id
    assert describe(verified(record)).checks[f"unlearn_audit.check.{first}"] == "fail (waived)"


def test_a_check_that_was_not_run_is_said_and_has_no_number():
    record = with_check(read("breast-cytology-pass"), Outcome.NOT_RUN, whole=Outcome.INCONCLUSIVE)
    description, first = describe(verified(record)), record.verdict.checks[0].id
    assert description.checks[f"unlearn_audit.check.{first}"] == "not run"
    assert not [name for name in description.metrics if name.startswith(f"check/{first}/")]
    assert description.metrics["required_checks/not_run"] == 1
    assert description.outcome == "inconclusive"


def test_a_check_that_decides_nothing_says_so():
    description = describe(verified(read("breast-cytology")))
    assert description.checks["unlearn_audit.check.risk-increase-retrained"] == "inconclusive (not required)"


@pytest.mark.parametrize("name", ["breast-cytology-pass", "breast-cytology-inconclusive", "breast-cytology"])
def test_every_number_is_that_of_the_record(name):
    record = read(name)
    description = describe(verified(record))
    for check in record.verdict.checks:
        assert description.metrics[f"check/{check.id}/estimate"] == check.estimate.value
        assert description.metrics[f"check/{check.id}/lower"] == check.estimate.bounds.low
        assert description.metrics[f"check/{check.id}/upper"] == check.estimate.bounds.high
        assert description.params[f"check/{check.id}/tolerance"] == str(check.limit)
    assert sum(description.metrics[f"required_checks/{o.value}"] for o in Outcome) == sum(
        check.required for check in record.verdict.checks
    )
    assert description.params["forget_count"] == str(record.provenance.forget.count)
    assert "salt" not in json.dumps([description.params, description.tags])


def test_a_report_that_does_not_verify_is_not_described():
    with pytest.raises(ValueError, match="not described"):
        describe(Verification((VerificationCheck("integrity", State.INVALID, "x"),), None))


def digests(record):
    return {card.role: card.sha256 for card in record.provenance.models}


def test_a_version_is_bound_by_the_bytes_of_the_audited_model_whatever_the_file_is_called():
    record = read("breast-cytology-inconclusive")
    found = bind(record, {"MLmodel": "0" * 64, "data/w.bin": digests(record)["unlearned"]})
    assert found.holds
    assert found.file == "data/w.bin"


@pytest.mark.parametrize("role", ["original", "retrained", "remedied"])
@pytest.mark.parametrize("beside", [True, False])
def test_a_version_with_another_model_of_the_audit_is_not_bound(role, beside):
    record = read("breast-cytology")
    files = {"other.safetensors": digests(record)[role]}
    found = bind(record, files | ({"ours.safetensors": digests(record)["unlearned"]} if beside else {}))
    assert not found.holds
    assert "other.safetensors (" in found.sentence


def test_other_weights_no_files_and_no_digest_do_not_bind():
    record = read("breast-cytology-inconclusive")
    assert "none of its 1 files" in bind(record, {"w": "0" * 64}).sentence
    assert not bind(record, {}).holds
    cards = tuple(card.model_copy(update={"sha256": None}) for card in record.provenance.models)
    bare = record.model_copy(update={"provenance": record.provenance.model_copy(update={"models": cards})})
    found = bind(bare, {"w": "0" * 64})
    assert not found.holds
    assert "names no digest" in found.sentence


def test_the_digests_are_those_of_the_files_below_the_folder():
    found = digest_files(GOLDEN / "bundle" / "models")
    record = AuditRecord.from_bytes((GOLDEN / "bundle" / "record.json").read_bytes())
    assert found["unlearned.safetensors"] == digests(record)["unlearned"]


def test_nothing_speaks_against_a_bound_pass():
    assert find_objection(verified(read("breast-cytology-pass")), BOUND) is None


@pytest.mark.parametrize(
    ("verification", "binding", "code", "message"),
    [
        (verified(read("breast-cytology")), BOUND, ExitCode.FAIL, "the verdict is fail"),
        (verified(read("breast-cytology-inconclusive")), BOUND, ExitCode.INCONCLUSIVE, "the verdict is inconclusive"),
        (verified(read("breast-cytology-pass"), authenticity=State.TEST_KEY), BOUND, ExitCode.INTEGRITY, "TEST key"),
        (verified(read("breast-cytology-pass"), authenticity=State.UNTRUSTED), BOUND, ExitCode.INTEGRITY, ""),
        (verified(read("breast-cytology-pass")), Binding(None, "other"), ExitCode.INTEGRITY, "not bound"),
        (
            Verification((VerificationCheck("integrity", State.INVALID, "x"),), None),
            BOUND,
            ExitCode.INTEGRITY,
            "not verify",
        ),
    ],
)
def test_everything_else_is_an_objection_with_its_exit_code(verification, binding, code, message):
    objection = find_objection(verification, binding)
    assert objection.exit_code is code
    assert message in objection.sentence


def test_an_expired_waiver_is_an_objection():
    record = with_check(read("breast-cytology-pass"), Outcome.FAIL, waived=True, whole=Outcome.PASS)
    assert find_objection(verified(record), BOUND) is None
    assert find_objection(verified(record, waivers=State.EXPIRED), BOUND).exit_code is ExitCode.FAIL


@pytest.mark.parametrize("text", ["skin/3", "models:/skin/3"])
def test_a_model_version_is_read(text):
    assert RegisteredVersion.parse(text) == RegisteredVersion("skin", "3")


@pytest.mark.parametrize(
    "text", ["", "skin", "skin/", "/3", "skin/latest", "skin@champion", "skin/Production", "skin/-1"]
)
def test_what_can_move_is_no_model_version(text):
    with pytest.raises(UsageError, match="NAME/VERSION"):
        RegisteredVersion.parse(text)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("https://anna:s3cret@mlflow.example/base", "https://***@mlflow.example/base"),
        ("https://s3cret@mlflow.example", "https://***@mlflow.example"),
        ("https://anna:s3c@ret@mlflow.example", "https://***@mlflow.example"),
        ("https://mlflow.example/?token=s3cret#s3cret", "https://mlflow.example/"),
        ("postgresql://anna:s3cret@db/x?sslmode=s3cret", "postgresql://***@db/x"),
        ("databricks", "databricks"),
    ],
)
def test_an_address_is_shown_without_what_is_secret(given, shown):
    assert mask_uri(given) == shown
    assert "s3c" not in mask_uri(given)


def test_secrets_are_taken_out_of_any_text(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "tok-123")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "")
    text = mask_secrets("GET 'https://anna:p@ss@host/api' failed with Bearer tok-123; see http://host/a and a@b")
    assert text == "GET 'https://***@host/api' failed with Bearer ***; see http://host/a and a@b"
