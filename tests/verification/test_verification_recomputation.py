"""The numbers of a record follow from its evidence, or the first that does not is named."""

import subprocess
import sys
from dataclasses import replace

import pytest

from tests.support.simulated_evidence import POLICY, simulate_evidence
from unlearn_audit import __version__
from unlearn_audit.evidence.parquet import to_parquet
from unlearn_audit.pipeline.audit import judge, name_known
from unlearn_audit.policy import parse_policy
from unlearn_audit.software import NUMBERS, describe_software
from unlearn_audit.verification.answers import State
from unlearn_audit.verification.recomputation import compare_numbers


@pytest.fixture(scope="module")
def policy():
    return parse_policy(POLICY, "planted.yaml", name_known())


@pytest.fixture(scope="module")
def evidence():
    plain = simulate_evidence()
    made = {"version": __version__, "environment": describe_software(NUMBERS)}
    return replace(plain, provenance=plain.provenance.model_copy(update=made))


@pytest.fixture
def folder(tmp_path, evidence, policy):
    import json

    (tmp_path / "evidence.parquet").write_bytes(to_parquet(evidence))
    (tmp_path / "policy.yaml").write_text(json.dumps(policy.model_dump(mode="json")))
    return tmp_path


@pytest.fixture(scope="module")
def record(policy, evidence):
    return judge(policy, evidence)


def change_first_estimate(record, by):
    findings = list(record.findings)
    place = next(i for i, finding in enumerate(findings) if finding.estimate is not None)
    estimate = findings[place].estimate
    findings[place] = findings[place].model_copy(
        update={"estimate": estimate.model_copy(update={"value": estimate.value + by})}
    )
    return record.model_copy(update={"findings": tuple(findings)}), place


def test_numbers_that_follow_from_the_evidence_are_ok(folder, record):
    line = compare_numbers(folder, record)
    assert (line.state, line.asked) == (State.OK, True)


def test_one_changed_number_is_invalid_and_named_with_both_values(folder, record):
    changed, place = change_first_estimate(record, 1e-6)
    line = compare_numbers(folder, changed)
    assert State.INVALID is line.state
    assert f"1 values differ, first findings[{place}].estimate.value" in line.sentence


def test_evidence_of_another_case_is_invalid(folder, record, make_evidence):
    (folder / "evidence.parquet").write_bytes(to_parquet(make_evidence(seed=2)))
    line = compare_numbers(folder, record)
    assert State.INVALID is line.state
    assert "does not follow" in line.sentence


def test_a_policy_that_was_loosened_is_invalid(folder, record, change_policy):
    import json

    loose = change_policy("at_most: 0.5", "at_most: 0.9")
    (folder / "policy.yaml").write_text(json.dumps(loose.model_dump(mode="json")))
    assert State.INVALID is compare_numbers(folder, record).state


@pytest.mark.parametrize("content", [b"", b"PAR1 nothing PAR1", b"\x00" * 100])
def test_evidence_that_does_not_read_is_invalid_and_does_not_crash(folder, record, content):
    (folder / "evidence.parquet").write_bytes(content)
    line = compare_numbers(folder, record)
    assert State.INVALID is line.state
    assert "cannot be judged again" in line.sentence


@pytest.mark.parametrize("name", ["evidence.parquet", "policy.yaml"])
def test_without_evidence_or_policy_it_is_not_answered_and_says_what_is_missing(folder, record, name):
    (folder / name).unlink()
    line = compare_numbers(folder, record)
    assert State.ABSENT is line.state
    assert name in line.sentence


def test_a_policy_of_plug_ins_that_are_not_installed_is_not_answered(folder, record):
    text = (folder / "policy.yaml").read_text()
    (folder / "policy.yaml").write_text(text.replace('"balanced-accuracy"', '"house-metric"'))
    line = compare_numbers(folder, record)
    assert State.ABSENT is line.state
    assert "This installation cannot judge" in line.sentence


@pytest.mark.parametrize("older", [{"version": "0.0.9"}, {"environment": {}}])
def test_a_difference_under_other_software_accuses_nobody_and_is_never_ok(folder, record, older):
    changed, _ = change_first_estimate(record, 1e-6)
    other = changed.model_copy(update={"provenance": changed.provenance.model_copy(update=older)})
    line = compare_numbers(folder, other)
    assert State.OTHER_VERSION is line.state
    assert "Other version: cannot compare" in line.sentence


def test_recomputing_loads_no_torch(folder, record):
    (folder / "record.json").write_bytes(record.to_bytes())
    code = (
        "import sys; from pathlib import Path\n"
        "from unlearn_audit.records import AuditRecord\n"
        "from unlearn_audit.verification.recomputation import compare_numbers\n"
        f"folder = Path({str(folder)!r})\n"
        "print(compare_numbers(folder, AuditRecord.from_bytes((folder / 'record.json').read_bytes())).state)\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "ok\nFalse\n"
