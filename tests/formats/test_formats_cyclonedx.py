"""A bill of materials of the model: valid by CycloneDX's own schemas, and never better than the verdict."""

import json

import pytest

from tests.support.pipeline_records import HOSTILE, make_check, with_checks, with_every_outcome, with_text
from tests.support.record_factory import make_record
from tests.support.waived_records import make_whole
from unlearn_audit.formats.cyclonedx import render_cyclonedx
from unlearn_audit.records import Outcome, digest_of

validation = pytest.importorskip("cyclonedx.validation.json")
schema = pytest.importorskip("cyclonedx.schema")


def read(record):
    return json.loads(render_cyclonedx(record))


def properties(bill):
    return {one["name"]: one["value"] for one in bill["metadata"]["component"]["properties"]}


def find_faults(text):
    validator = validation.JsonStrictValidator(schema.SchemaVersion.V1_6)
    fault = validator.validate_str(text)
    return None if fault is None else str(fault.data.message)


@pytest.mark.parametrize("make", [make_record, make_whole, with_every_outcome], ids=lambda make: make.__name__)
def test_it_is_valid_by_the_schema_that_cyclonedx_publishes(make):
    assert find_faults(render_cyclonedx(make())) is None


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_it_stays_valid_whatever_a_policy_says(text):
    assert find_faults(render_cyclonedx(with_text(text))) is None


def test_the_validator_would_find_a_fault():
    bill = read(make_record())
    bill["metadata"]["component"]["modelCard"]["quantitativeAnalysis"]["performanceMetrics"][0]["value"] = 0.5
    assert find_faults(json.dumps(bill)) is not None


@pytest.mark.parametrize("outcome", [Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.PASS])
def test_the_verdict_is_a_property_and_its_words_are_the_records(outcome):
    record = with_checks(make_check(outcome), outcome=outcome)
    values = properties(read(record))

    assert values["unlearn-audit:verdict"] == outcome.value
    assert values["unlearn-audit:record.sha256"] == digest_of(record.to_bytes())


def test_a_pass_that_rests_on_waivers_does_not_read_as_a_pass():
    values = properties(read(make_whole()))

    assert values["unlearn-audit:verdict"] == "pass with waivers"
    assert values["unlearn-audit:check:ranking:outcome"] == "fail (waived)"
    assert values["unlearn-audit:device.version"] == "2.4"


def test_each_check_says_its_outcome_with_the_bounds_that_decided():
    record = with_every_outcome()
    values = properties(read(record))

    for check in record.verdict.checks:
        assert values[f"unlearn-audit:check:{check.id}:outcome"] == f"{check.outcome.label}{check.standing}"
        assert check.reason in values[f"unlearn-audit:check:{check.id}"]
    assert "no value" in values["unlearn-audit:check:not-run-required"]


def test_numbers_are_the_records_and_what_was_not_run_has_none():
    record = make_record()
    card = read(record)["metadata"]["component"]["modelCard"]
    findings = [finding for finding in record.findings if finding.key.model == record.verdict.model]
    metrics, limits = card["quantitativeAnalysis"]["performanceMetrics"], card["considerations"]["technicalLimitations"]

    measured = [finding for finding in findings if finding.estimate]
    assert [float(metric["value"]) for metric in metrics] == [finding.estimate.value for finding in measured]
    for metric, finding in zip(metrics, measured, strict=True):
        interval = finding.estimate.interval
        assert ("confidenceInterval" in metric) == (interval is not None)
        if interval:
            ends = metric["confidenceInterval"]
            assert (float(ends["lowerBound"]), float(ends["upperBound"])) == (interval.low, interval.high)
    assert properties(read(record))["unlearn-audit:intervals"] == "two-sided, 95\u202f% each; they decide nothing"
    missing = [finding for finding in findings if finding.not_run]
    assert missing
    assert all(any(finding.not_run.text in limit for limit in limits) for finding in missing)
    assert limits[-1] == "Evidence for a decision, not a certificate of compliance."


def test_digests_of_models_and_data_are_there_and_no_record_is_named():
    record = make_record()
    bill = read(record)
    text = json.dumps(bill)

    listed = [bill["metadata"]["component"], *bill["components"]]
    hashes = {one["hashes"][0]["content"] for one in listed if "hashes" in one}
    assert hashes == {card.sha256 for card in record.provenance.models if card.sha256} | {record.provenance.data.sha256}
    assert len({one["bom-ref"] for one in listed}) == len(listed)
    assert not any(name in text for finding in record.findings for name in finding.records)
