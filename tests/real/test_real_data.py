"""The shipped policies on real data, where this machine has it (../shared/data beside the checkout)."""

from pathlib import Path

import numpy as np
import pytest
from tools.docs_tissue import MISSED, RANKING, audit_tiles, list_numbers, read_runs

from tests.support.ordinary_core import measure_work
from unlearn_audit.cases import CaseRequest
from unlearn_audit.data import find_overlaps, load_dataset, make_disjoint, near_identical, take_splits
from unlearn_audit.formats.html import render_html
from unlearn_audit.pipeline.audit import judge, name_known, run_audit
from unlearn_audit.policy import CaseFile, MethodChoice, Recipe, find_policy, load_policy, parse_policy
from unlearn_audit.records import ALL, Outcome, ignore_progress

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.fixture
def audit(tmp_path):
    def run(policy_name, file, case=None):
        if not (DATA / file).is_file():
            pytest.skip(f"{file} is not in ../shared/data beside the checkout")
        policy = load_policy(find_policy(policy_name), name_known())
        request = CaseRequest(
            created="2026-05-02T03:04:05Z",
            cache=tmp_path,
            data=DATA / file,
            case=case,
            remedy=case is None,
            threads=1,
            offline=True,
        )
        return policy, run_audit(policy, request)

    return run


@pytest.mark.thorough
def test_skin_lesions_leak_between_splits_and_their_clusters_count(audit):
    """One epoch instead of twenty: the path, not the figures."""
    quick = CaseFile(
        schema_="unlearn-audit/case/v1",
        name="quick",
        unlearn=MethodChoice(method="fine-tune", parameters={"epochs": 1}),
        recipe=Recipe(epochs=1),
    )

    _, done = audit("dermatology", "dermamnist_rebuilt_28.npz", quick)

    record = done.record
    shared = {(o.column, o.splits): o.shared_groups for o in record.provenance.data.overlaps}
    assert shared["lesion_id", ("train", "test")] == 641
    assert record.provenance.forget.count == 1401
    risk = next(f for f in record.findings if f.key.metric == "global-risk" and f.key.model == "unlearned")
    assert "cluster" in risk.estimate.bounds.method.text
    assert record.outcome is not Outcome.PASS


@pytest.mark.slow
def test_ultrasound_is_audited_with_all_its_remedies(audit):
    _, done = audit("breast-ultrasound", "breastmnist.npz")

    record = done.record
    assert record.provenance.data.official is True
    assert record.provenance.data.splits["test"].positive == 42
    assert len(record.verdicts) > 1 or record.outcome is Outcome.PASS


@pytest.mark.slow
def test_a_thousand_tiles_of_colorectal_tissue_are_audited_and_show_that_they_are_too_few(tmp_path):
    """What docs/study.md says of them: the path works, no claim follows, and no number holds on another processor."""
    if not (DATA / "pathmnist_sample_28.npz").is_file():
        pytest.skip("pathmnist_sample_28.npz is not in ../shared/data beside the checkout")

    done = audit_tiles(DATA / "pathmnist_sample_28.npz", tmp_path, remedy=False)

    record = done.record
    assert record.outcome is Outcome.FAIL
    checks = {check.id: check for check in record.verdicts[0].checks}
    assert checks["forgotten-malignant"].outcome is Outcome.NOT_RUN
    assert "14 forget records (positive) are fewer than 30" in checks["forgotten-malignant"].reasons[0].text
    policy = load_policy(find_policy("histopathology"), name_known())
    assert judge(policy, done.evidence).to_bytes() == record.to_bytes()
    found, (published, *_) = list_numbers(done), read_runs().values()
    assert found["splits"] == published["splits"]
    for name in ("original", "retrained"):
        ours, theirs = (numbers["models"][name]["numbers"] for numbers in (found, published))
        assert ours[RANKING][0] == pytest.approx(theirs[RANKING][0], abs=0.25)
        assert ours[MISSED][0] == pytest.approx(theirs[MISSED][0], abs=0.25)


@pytest.mark.slow
def test_by_the_policys_own_ten_epochs_the_tiles_are_not_learned_and_forgetting_is_not_run(audit):
    shown = CaseFile(schema_="unlearn-audit/case/v1", name="a thousand tiles, ten epochs")

    _, done = audit("histopathology", "pathmnist_sample_28.npz", shown)

    called = {
        str(f.key.at): f.estimate.value
        for f in done.record.findings
        if (f.key.metric, f.key.model, f.key.among) == ("positive-share", "original", ALL)
    }
    assert called["argmax"] == 0
    checks = {check.id: check for check in done.record.verdicts[0].checks}
    assert checks["membership"].outcome is Outcome.NOT_RUN
    assert "nothing here can tell forgetting from never having learned" in checks["membership"].reasons[0].text


def load(name, file):
    if not (DATA / file).is_file():
        pytest.skip(f"{file} is not in ../shared/data beside the checkout")
    return load_dataset(name, DATA / file, download=False, progress=ignore_progress)


def list_overlaps(dataset, column):
    return {
        o.splits: o.shared_groups
        for o in find_overlaps(dataset)
        if " ".join(filter(None, (o.copies, o.column))) == column
    }


@pytest.mark.thorough
def test_the_official_split_of_skin_lesions_shares_lesions_and_near_identical_images():
    dataset = load("dermamnist", "dermamnist_rebuilt_28.npz")

    assert list_overlaps(dataset, "lesion_id") == {
        ("train", "validation"): 332,
        ("train", "test"): 641,
        ("validation", "test"): 113,
    }
    near = list_overlaps(dataset, "near-identical image")
    assert near["train", "test"] == 38


@pytest.mark.thorough
def test_every_skin_lesion_called_near_identical_is_one_lesion():
    """The false-positive rate of the threshold: none of the pairs found shows two lesions."""
    dataset = load("dermamnist", "dermamnist_rebuilt_28.npz")
    lesion = dataset.groups["lesion_id"]
    whole, seen = near_identical._shrink(dataset.x, (0.0, 1.0), (0.0, 1.0))
    train, test = (np.flatnonzero(dataset.select(name) & seen) for name in ("train", "test"))
    pairs = near_identical._find_candidates(whole, train, test)

    alike = pairs[near_identical._align(dataset.x, whole, pairs) >= 0.985]

    assert len(alike) == 43
    assert (lesion[alike[:, 0]] == lesion[alike[:, 1]]).all()


def test_the_official_split_of_ultrasound_shares_images():
    """A third of the test images: BUSI holds many images twice, and MedMNIST's split parts the copies."""
    dataset = load("breastmnist", "breastmnist.npz")

    assert list_overlaps(dataset, "near-identical image")["train", "test"] == 56
    assert list_overlaps(dataset, "identical image") == {("train", "test"): 1}


@pytest.mark.thorough
def test_skin_lesions_are_kept_in_one_split_by_the_column_that_does_so():
    dataset, account = make_disjoint(
        take_splits(load("dermamnist", "dermamnist_rebuilt_28.npz"), "c_split"), "lesion_id", "c_split"
    )

    assert [int(dataset.select(name).sum()) for name in ("train", "validation", "test")] == [8215, 573, 1227]
    assert account.dropped == {"train": 0, "validation": 0}
    assert list_overlaps(dataset, "lesion_id") == {}


@pytest.mark.thorough
def test_skin_lesions_are_kept_in_one_split_by_leaving_records_out():
    dataset, account = make_disjoint(load("dermamnist", "dermamnist_rebuilt_28.npz"), "lesion_id")

    assert int(dataset.select("test").sum()) == 2005
    assert account.dropped["train"] == 7007 - int(dataset.select("train").sum()) > 641
    assert list_overlaps(dataset, "lesion_id") == {}


@pytest.fixture(scope="module")
def disjoint_audit(tmp_path_factory):
    """The dermatology policy with lesions kept apart, one epoch instead of twenty."""
    if not (DATA / "dermamnist_rebuilt_28.npz").is_file():
        pytest.skip("dermamnist_rebuilt_28.npz is not in ../shared/data beside the checkout")
    text = find_policy("dermatology").read_text("utf-8")
    policy = parse_policy(f"{text}\ndata: {{disjoint: lesion_id, split_column: c_split}}\n", "p.yaml", name_known())
    quick = CaseFile(
        schema_="unlearn-audit/case/v1",
        name="quick",
        unlearn=MethodChoice(method="fine-tune", parameters={"epochs": 1}),
        recipe=Recipe(epochs=1),
    )
    request = CaseRequest(
        created="2026-05-02T03:04:05Z",
        cache=tmp_path_factory.mktemp("cache"),
        data=DATA / "dermamnist_rebuilt_28.npz",
        case=quick,
        remedy=False,
        threads=1,
        offline=True,
    )
    return policy, run_audit(policy, request)


@pytest.mark.thorough
def test_a_policy_that_keeps_lesions_apart_is_audited_on_such_splits(disjoint_audit):
    _, done = disjoint_audit
    data = done.record.provenance.data

    assert {name: data.splits[name].n for name in ("validation", "test")} == {"validation": 573, "test": 1227}
    assert data.splits["retain"].n + data.splits["forget"].n == 8215
    assert not [o for o in data.overlaps if o.column == "lesion_id"]
    assert data.disjoint.model_dump() == {
        "column": "lesion_id",
        "split_column": "c_split",
        "dropped": {"train": 0, "validation": 0},
        "unknown": 0,
    }
    assert "No lesion_id in two splits" in render_html(done.record)


@pytest.mark.thorough
def test_subgroups_of_real_patients_are_measured_in_reasonable_time(disjoint_audit):
    policy, done = disjoint_audit
    records = []

    assert measure_work(lambda: records.append(judge(policy, done.evidence)), enough=20) < 20
    record = records[0]
    found = {str(f.key.among) for f in record.findings if f.key.metric == "false-negative-rate"}
    assert {"sex=female", "sex=male", "worst of sex", "worst of age_band"} <= found
    assert record.to_bytes() == done.record.to_bytes()
