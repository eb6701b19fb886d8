"""A policy that keeps patients apart gets such splits, or an error; a case cannot take others."""

import numpy as np
import pytest

from tests.support.policies import ONE_EPOCH, write_case, write_policy
from unlearn_audit.cases import CaseRequest, build_case
from unlearn_audit.errors import CaseError, DataError, EvidenceError, PolicyError
from unlearn_audit.formats.html import render_html
from unlearn_audit.pipeline.audit import judge, name_known, reach_verdicts, run_audit
from unlearn_audit.policy import CaseFile, parse_policy
from unlearn_audit.records import ignore_progress

POLICY = write_policy(
    "tiny",
    [
        "{id: risk, metric: global-risk, among: worst of age_band, at_most: 9, why: ceiling}",
        "{id: forgotten, metric: membership-auc, among: positive, within: [0.01, 0.99], why: unseen}",
        "{id: kept, metric: retain-accuracy, at_least: 0.01, why: utility}",
    ],
    positive='"1"',
    membership="{attacks: [confidence], fpr: [0.1]}",
    protocol="smallest_group: 2",
    subgroups="{columns: [age_band], bands: {age: [30, 50]}, smallest: 2}\nDATA",
    reference_case=write_case(
        "{method: fine-tune, parameters: {epochs: 1}}", ONE_EPOCH, dataset="breastmnist", model="resnet18-small"
    ),
)
PATIENTS = {"train": [f"t{i // 2}" for i in range(60)], "val": [f"v{i}" for i in range(18)] + ["t0", "x0"],
            "test": [f"x{i}" for i in range(27)] + ["t1", "t2", "v1"]}  # fmt: skip


def read(data=""):
    return parse_policy(POLICY.replace("DATA", data), "tiny.yaml", name_known())


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    rng = np.random.default_rng(3)
    arrays = {}
    for prefix, patients in PATIENTS.items():
        n = len(patients)
        label = np.arange(n) % 2
        images = rng.integers(0, 256, (n, 28, 28), dtype=np.uint8)
        images[label == 1, :14] //= 2
        arrays |= {
            f"{prefix}_images": images,
            f"{prefix}_labels": label.astype(np.uint8)[:, None],
            f"{prefix}_patient_id": np.array(patients),
            f"{prefix}_age": np.arange(n) % 60 + 20.0,
            f"{prefix}_new_split": np.array([prefix] * (n - 2) + ["train"] * 2),
        }
    path = tmp_path_factory.mktemp("data") / "own.npz"
    np.savez(path, **arrays)
    return path


@pytest.fixture
def request_of(data, tmp_path_factory):
    cache = tmp_path_factory.mktemp("cache")

    def make(**changes):
        fields = {"retrain": False, "remedy": False, **changes}
        return CaseRequest(created="2026-05-02T03:04:05Z", cache=cache, data=data, **fields)

    return make


def test_patients_of_another_split_are_left_out_and_the_report_says_how_many(request_of):
    """t1 and t2 (four records) leave train for test, t0 (two) for validation; x0 and v1 leave validation."""
    audit = run_audit(read("data: {disjoint: patient_id}"), request_of())

    record = audit.record
    made = record.provenance.data
    assert made.disjoint.dropped == {"train": 6, "validation": 2}
    assert made.splits["retain"].n + made.splits["forget"].n == 54
    assert made.splits["test"].n == 30
    assert not [o for o in made.overlaps if o.column == "patient_id"]
    assert "records left out: 6 of train, 2 of validation" in render_html(record)


def test_without_the_rule_the_patients_stay_and_are_found(request_of):
    data = run_audit(read(), request_of()).record.provenance.data

    assert data.disjoint is None
    assert {o.splits: o.shared_groups for o in data.overlaps if o.column == "patient_id"} == {
        ("train", "validation"): 1,
        ("train", "test"): 2,
        ("validation", "test"): 2,
    }


def test_ages_come_in_the_policys_bands_and_no_exact_age_leaves_the_data(request_of):
    evidence = run_audit(read(), request_of()).evidence

    assert set(evidence.groups["age_band"]) == {"under 30", "30 to 49", "50 and over"}
    assert "age" not in evidence.groups


def test_a_column_that_the_data_lacks_is_an_error(request_of):
    with pytest.raises(DataError, match="needs the column 'lesion_id'"):
        build_case(read("data: {disjoint: lesion_id}"), request_of(), ignore_progress)


def test_the_splits_can_come_from_a_column_of_policy_or_case(request_of):
    case = CaseFile(schema_="unlearn-audit/case/v1", name="n", split_column="new_split")
    for policy, file in ((read("data: {split_column: new_split}"), None), (read(), case)):
        made = build_case(policy, request_of(case=file), ignore_progress).provenance
        assert (made.data.splits["validation"].n, made.data.splits["test"].n) == (18, 28)
        assert [e.details for e in made.intake if e.code == "splits.column"] == [{"column": "new_split"}]


def test_a_case_does_not_take_other_splits_than_the_policy(request_of):
    case = CaseFile(schema_="unlearn-audit/case/v1", name="n", split_column="patient_id")

    with pytest.raises(PolicyError, match="from the column 'patient_id', the policy from 'new_split'"):
        build_case(read("data: {split_column: new_split}"), request_of(case=case), ignore_progress)


def test_a_request_for_somebody_who_was_left_out_says_why(request_of, tmp_path):
    (tmp_path / "ids.csv").write_text("patient_id\nt1\n", encoding="utf-8")

    with pytest.raises(CaseError) as caught:
        build_case(read("data: {disjoint: patient_id}"), request_of(forget=tmp_path / "ids.csv"), ignore_progress)

    assert "6 training records were left out, because their patient_id stands in another split" in caught.value.hint


@pytest.mark.parametrize("judged", [judge, reach_verdicts])
def test_evidence_of_splits_that_share_patients_is_not_judged_by_a_policy_that_keeps_them_apart(request_of, judged):
    named = CaseFile.model_validate(
        {"schema": "unlearn-audit/case/v1", "name": "n", "columns": {"groups": ["patient_id"]}}
    )
    evidence = run_audit(read(), request_of(case=named)).evidence

    with pytest.raises(EvidenceError, match="1 in train and validation; 2 in train and test; 2 in validation and test"):
        judged(read("data: {disjoint: patient_id}"), evidence)
    with pytest.raises(EvidenceError, match="apart by 'lesion_id', which the evidence does not have"):
        judged(read("data: {disjoint: lesion_id}"), evidence)
