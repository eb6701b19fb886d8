"""From evidence to verdict: planted truths come out as what they are."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest

from unlearn_audit.errors import EvidenceError
from unlearn_audit.pipeline.annex import make_annex, read_annex
from unlearn_audit.pipeline.audit import judge
from unlearn_audit.records import AuditRecord, Outcome, join_texts
from unlearn_audit.stats import adjust_differences, compute_equivalence

GOOD = {"original": (3.0, 4.0, 0.0), "retrained": (3.0, 0.0, 0.0), "unlearned": (3.0, 0.0, 0.0)}


def outcomes(record, model="unlearned"):
    verdict = next(v for v in record.verdicts if v.model == model)
    return {check.id: check.outcome for check in verdict.checks}


def _text(part):
    return None if part is None else str(part)


def find(record, metric, model="unlearned", **address):
    found = [
        f
        for f in record.findings
        if f.key.metric == metric
        and f.key.model == model
        and all(_text(getattr(f.key, k)) == v for k, v in address.items())
    ]
    assert found, (metric, model, address)
    return found[0]


def test_a_model_that_forgot_and_stayed_safe_passes(policy, make_evidence):
    record = judge(policy, make_evidence(sizes=(1000, 1500, 400, 3000), **GOOD))

    assert record.outcome is Outcome.PASS, outcomes(record)
    assert record.recommendation.action == "release"


def test_a_no_op_fails_because_it_still_knows_the_forget_set(policy, make_evidence):
    record = judge(policy, make_evidence(**{**GOOD, "unlearned": GOOD["original"]}))

    assert outcomes(record)["forgotten"] is Outcome.FAIL
    assert outcomes(record)["forgotten-malignant"] is Outcome.FAIL
    assert record.outcome is Outcome.FAIL


def test_over_unlearning_fails_because_it_marks_the_forget_set_as_well(policy, make_evidence):
    record = judge(policy, make_evidence(**{**GOOD, "unlearned": (3.0, -2.0, 0.0)}))

    assert outcomes(record)["forgotten"] is Outcome.FAIL
    assert find(record, "membership-auc", among="all", attack="confidence").estimate.value < 0.4


def test_a_model_that_misses_more_fails_the_clinical_checks(policy, make_evidence):
    record = judge(policy, make_evidence(**{**GOOD, "unlearned": (3.0, 0.0, -3.0)}))

    assert outcomes(record)["increase"] is Outcome.FAIL
    assert record.recommendation.action == "do-not-release"


def test_a_collapsed_model_fails_although_it_looks_perfectly_forgotten(policy, make_evidence):
    record = judge(policy, make_evidence(**{**GOOD, "unlearned": (0.0, 0.0, -50.0)}))

    assert outcomes(record)["alive"] is Outcome.FAIL
    assert outcomes(record)["balanced"] is Outcome.FAIL
    assert record.outcome is Outcome.FAIL


def test_a_model_that_answers_the_same_for_everybody_gets_no_membership_number(policy, make_evidence):
    evidence = make_evidence(**GOOD)
    evidence.log_probs["unlearned"][:] = np.log(0.5)

    record = judge(policy, evidence)

    assert outcomes(record)["forgotten"] is Outcome.NOT_RUN
    assert find(record, "membership-auc").estimate is None
    assert record.outcome is not Outcome.PASS


def test_few_records_are_inconclusive_and_say_how_many_would_decide(policy, make_evidence):
    record = judge(policy, make_evidence(sizes=(60, 30, 40, 60), seed=3, **GOOD))

    forgotten = next(check for check in record.verdict.checks if check.id == "forgotten")
    assert forgotten.outcome is Outcome.INCONCLUSIVE
    assert "more records like these" in forgotten.reason
    assert record.outcome is Outcome.INCONCLUSIVE
    assert record.recommendation.action == "collect-evidence"


def test_an_inconclusive_check_names_the_records_that_it_needs_more_of(change_policy, make_evidence):
    policy = change_policy(
        "  - {id: kept,",
        "  - {id: missed, metric: false-negative-rate, at_most: 0.05, why: x}\n"
        "  - {id: missed-more, metric: newly-missed-rate, against: original, at_most: 0.02, why: x}\n"
        "  - {id: kept,",
    )
    record = judge(policy, make_evidence(sizes=(60, 30, 40, 60), seed=3, **GOOD))
    reasons = {c.id: c.reason for c in record.verdict.checks if c.outcome is Outcome.INCONCLUSIVE}

    assert re.search(r"decide it[^:]*: about [\d,]+ malignant \(now \d+\)\.$", reasons["missed-more"])
    assert re.search(r"about [\d,]+ forget \(now 30\) and [\d,]+ test \(now 60\)\.$", reasons["forgotten"])
    assert re.search(r"about [\d,]+ malignant \(now \d+\) and [\d,]+ benign \(now \d+\)\.$", reasons["increase"])


def test_a_check_of_a_range_carries_its_equivalence_p_value_and_others_none(policy, make_evidence):
    checks = {c.id: c for c in judge(policy, make_evidence(**GOOD)).verdict.checks}
    forgotten = checks["forgotten"]
    expected = compute_equivalence(forgotten.estimate.value, forgotten.estimate.standard_error, 0.42, 0.58).p

    assert forgotten.equivalence_p == pytest.approx(expected, rel=1e-6)
    assert (forgotten.outcome is Outcome.PASS) == (forgotten.equivalence_p <= 0.05)
    assert checks["risk"].equivalence_p is None


def test_the_attacks_on_one_model_share_a_family_of_p_values(policy, make_evidence):
    record = judge(policy, make_evidence(**GOOD))
    family = [
        f
        for f in record.findings
        if f.key.metric == "membership-auc" and (f.key.model, str(f.key.among)) == ("original", "all")
    ]
    expected = adjust_differences([f.estimate for f in family], 0.5)

    assert [f.key.attack for f in family] == ["confidence", "modified-entropy"]
    assert expected == pytest.approx([f.holm_p for f in family], rel=1e-6)
    assert {f.key.metric for f in record.findings if f.holm_p is not None} == {
        "membership-auc",
        "membership-auc-difference",
        "retain-leakage",
    }


def test_a_record_of_before_the_optional_numbers_still_reads(policy, make_evidence):
    record = judge(policy, make_evidence(**GOOD)).model_dump(mode="json")
    added = {"bca", "standard_error", "design_effect", "sizes", "cells", "holm_p", "equivalence_p"}

    def strip(value):
        if isinstance(value, dict):
            return {name: strip(inner) for name, inner in value.items() if name not in added}
        return [strip(inner) for inner in value] if isinstance(value, list) else value

    older = AuditRecord.model_validate(strip(record))
    assert older.outcome is Outcome(record["outcome"])
    assert all(f.estimate.cells == () for f in older.findings if f.estimate is not None)


def test_a_group_below_the_smallest_size_is_not_run_and_does_not_pass(change_policy, make_evidence):
    policy = change_policy("protocol: {resamples: 1000}", "protocol: {resamples: 1000, smallest_group: 200}")

    record = judge(policy, make_evidence(**GOOD))

    assert outcomes(record)["forgotten-malignant"] is Outcome.NOT_RUN
    assert record.outcome is not Outcome.PASS


def test_without_a_retrained_reference_checks_against_it_are_not_run(change_policy, make_evidence):
    policy = change_policy(
        "{id: kept,", "{id: like-retrained, metric: membership-auc-difference, against: retrained, "
        "within: [-0.1, 0.1], why: w}\n  - {id: kept,"
    )  # fmt: skip

    record = judge(policy, make_evidence(models=("original", "unlearned"), **GOOD))

    check = next(check for check in record.verdict.checks if check.id == "like-retrained")
    assert check.outcome is Outcome.NOT_RUN
    assert "no model 'retrained'" in check.reason
    assert record.outcome is not Outcome.PASS


def test_a_check_that_is_not_required_does_not_decide(change_policy, make_evidence):
    policy = change_policy(
        "{id: risk, metric: global-risk, at_most: 0.5,",
        "{id: risk, metric: global-risk, at_most: 0.001, required: false,",
    )

    record = judge(policy, make_evidence(sizes=(1000, 1500, 400, 3000), **GOOD))

    assert outcomes(record)["risk"] is Outcome.FAIL
    assert record.outcome is Outcome.PASS


def test_a_required_cluster_column_that_is_absent_makes_the_check_not_run(change_policy, make_evidence):
    policy = change_policy("protocol: {resamples: 1000}", "protocol: {resamples: 1000, cluster: lesion_id}")

    record = judge(policy, make_evidence(**GOOD))

    assert outcomes(record)["risk"] is Outcome.NOT_RUN
    assert "lesion_id" in record.verdict.checks[0].reason


def test_a_tolerated_absence_of_the_cluster_column_is_said_with_every_finding(change_policy, make_evidence):
    policy = change_policy(
        "protocol: {resamples: 1000}", "protocol: {resamples: 1000, cluster: lesion_id, cluster_required: false}"
    )

    record = judge(policy, make_evidence(**GOOD))

    assert all("too narrow" in join_texts(f.caveats) for f in record.findings)


def test_clusters_of_identical_records_widen_the_bounds(change_policy, make_evidence):
    evidence = make_evidence(**GOOD)
    for values in (evidence.label, *evidence.log_probs.values()):
        values[1::2] = values[::2]
    clustered = judge(
        change_policy("protocol: {resamples: 1000}", "protocol: {resamples: 4000, cluster: patient_id}"), evidence
    )
    plain = judge(change_policy("protocol: {resamples: 1000}", "protocol: {resamples: 4000}"), evidence)

    def width(record):
        bounds = find(record, "global-risk", at="argmax").estimate.bounds
        return bounds.high - bounds.low

    assert width(clustered) > 1.2 * width(plain)


def test_remedies_are_judged_at_a_stricter_confidence_because_the_first_that_passes_is_taken(policy, make_evidence):
    record = judge(policy, make_evidence(models=("original", "retrained", "unlearned", "remedied-salun-cra"), **GOOD))

    assert record.verdicts[0].confidence == pytest.approx(0.975)
    assert record.verdicts[1].confidence == pytest.approx(1 - 0.05 / 4)


def test_a_remedy_that_passes_is_recommended_but_does_not_change_the_outcome(policy, make_evidence):
    evidence = make_evidence(
        models=("original", "retrained", "unlearned", "remedied-salun-cra"),
        sizes=(1000, 2500, 400, 4000),
        **{**GOOD, "unlearned": GOOD["original"]},
        remedied_salun_cra=(3.0, 0.0, 0.0),
    )

    record = judge(policy, evidence)

    assert record.outcome is Outcome.FAIL
    assert record.verdicts[1].outcome is Outcome.PASS
    assert record.recommendation.action == "release-remedied"
    assert record.recommendation.model == "remedied-salun-cra"


def test_the_same_policy_and_evidence_give_the_same_bytes(policy, make_evidence):
    assert judge(policy, make_evidence(**GOOD)).to_bytes() == judge(policy, make_evidence(**GOOD)).to_bytes()


def test_a_record_reads_back_as_itself(policy, make_evidence):
    record = judge(policy, make_evidence(**GOOD))

    assert AuditRecord.from_bytes(record.to_bytes()) == record


def test_the_record_does_not_hold_the_salt_of_the_forget_commitment(policy, make_evidence):
    evidence = make_evidence(**GOOD)

    record = judge(policy, evidence)

    assert evidence.provenance.forget.salt.encode() not in record.to_bytes()


def test_evidence_of_another_task_is_refused(change_policy, make_evidence):
    policy = change_policy("positive: [malignant]", "positive: [benign]")

    with pytest.raises(EvidenceError, match=r"positive classes are \['benign'\]"):
        judge(policy, make_evidence(**GOOD))


def test_counts_are_those_of_the_confusion_matrix(policy, make_evidence):
    evidence = make_evidence(**GOOD)
    record = judge(policy, evidence)
    test = evidence.split == "test"
    called = evidence.log_probs["unlearned"][test, 1] > evidence.log_probs["unlearned"][test, 0]
    actual = evidence.label[test] == 1
    missed, alarmed = int((actual & ~called).sum()), int((~actual & called).sum())

    assert find(record, "false-negatives", at="argmax").estimate.value == missed
    assert find(record, "false-positives", at="argmax").estimate.value == alarmed
    assert find(record, "global-risk", at="argmax").estimate.value == pytest.approx(
        (10 * missed + alarmed) / test.sum()
    )


def test_newly_missed_patients_are_named_in_the_annex_and_in_the_record_only_where_the_policy_says_so(
    policy, make_evidence
):
    evidence = make_evidence(**{**GOOD, "unlearned": (3.0, 0.0, -2.0)})
    named = policy.model_copy(update={"record_ids": "report"})
    record, silent = judge(named, evidence), judge(policy, evidence)
    test = evidence.split == "test"
    before = evidence.log_probs["original"][:, 1] > np.log(0.5)
    after = evidence.log_probs["unlearned"][:, 1] > np.log(0.5)
    expected = set(evidence.ids[test & (evidence.label == 1) & before & ~after])

    finding = find(record, "newly-missed", against="original", at="argmax")

    assert expected == set(finding.records)
    assert finding.estimate.value == len(expected) > 0
    assert make_annex(named, evidence, record) is None
    assert not any(name in silent.to_bytes().decode() for name in expected)
    lists = read_annex(make_annex(policy, evidence, silent))
    where = {"metric": "newly-missed", "model": "unlearned", "against": "original", "at": "argmax"}
    (listed,) = [entry["ids"] for entry in lists if where.items() <= entry["key"].items()]
    assert set(listed) == expected


def test_trivial_models_stand_beside_the_audited_one(policy, make_evidence):
    evidence = make_evidence(**GOOD)
    record = judge(policy, evidence)
    prevalence = evidence.is_positive[evidence.split == "test"].mean()

    assert find(record, "global-risk", "call-all-positive").estimate.value == pytest.approx(1 - prevalence)
    assert find(record, "global-risk", "call-none-positive").estimate.value == pytest.approx(10 * prevalence)


def test_the_frozen_threshold_is_the_originals_and_serves_every_model(policy, make_evidence):
    first = judge(policy, make_evidence(**GOOD))
    second = judge(policy, make_evidence(**{**GOOD, "unlearned": (1.0, 3.0, 2.0)}))

    assert find(first, "threshold", "original") == find(second, "threshold", "original")


def test_judging_imports_no_torch():
    """An auditor without torch can recompute every number."""
    code = (
        "import sys, unlearn_audit.pipeline.audit, unlearn_audit.findings.metrics, unlearn_audit.formats; "
        "import unlearn_audit.evidence.parquet; "
        "unlearn_audit.pipeline.audit.name_known(); print('torch' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_the_record_is_canonical_json(policy, make_evidence):
    content = judge(policy, make_evidence(**GOOD)).to_bytes()

    assert json.dumps(json.loads(content), ensure_ascii=False, sort_keys=True, separators=(",", ":")).count(":") > 0
    assert b"NaN" not in content
