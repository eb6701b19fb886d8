"""Studies by class: shares to forget of positives and negatives, and what is measured of either."""

import json

import numpy as np
import pytest

from tests.support.tiny_studies import CLAIM, FINE
from unlearn_audit.errors import CaseError, PolicyError, UsageError
from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.reference_models.workers import Workers
from unlearn_audit.study import (
    digest_data,
    list_jobs,
    make_cell,
    read_cell,
    render_study,
    run_study,
    show_share,
    write_page,
)
from unlearn_audit.study.by_class import BY_CLASS, list_by_class
from unlearn_audit.study.cells import is_finished

UNEVEN = {"malignant": 0.5, "benign": 0.11}
CELLS = [{"forget": UNEVEN, "models": [FINE]}]
NAME = "forget-benign-0.11-malignant-0.5-seed-1"


@pytest.fixture(scope="module")
def result(make_study, run, tmp_path_factory):
    out = tmp_path_factory.mktemp("by-class")
    return out, run(make_study(cells=CELLS, by_class=True, seeds=[1, 2, 3], cost_ratio=20), out)


@pytest.fixture(scope="module")
def context(result, make_study, policy):
    study = make_study(cells=CELLS, by_class=True, seeds=[1, 2, 3], cost_ratio=20)
    cell = read_cell(result[0] / "cells", list_jobs(study, policy, None, None)[0])
    return EvaluationContext(cell.evidence, policy)


# --- what is forgotten ---


def test_each_class_gives_the_share_that_is_asked_of_it(result):
    cell = result[1].cells[0]
    trained = {split: cell.splits[split] for split in ("forget", "retain")}
    positive = {split: cell.positives[split] for split in ("forget", "retain")}
    negative = {split: trained[split] - positive[split] for split in trained}
    assert positive["forget"] == round(0.5 * sum(positive.values()))
    assert negative["forget"] == round(0.11 * sum(negative.values()))


def test_the_shares_name_the_cell_and_head_its_tables(result):
    assert (result[0] / "cells" / f"{NAME}.json").is_file()
    assert "## 11 % of benign, 50 % of malignant forgotten" in write_page(result[1])
    assert show_share(0.2) == "20 %"


def test_a_result_with_shares_by_class_is_read_back_as_it_was(result):
    assert json.loads(result[1].to_bytes())["cells"][0]["forget"] == UNEVEN
    read = type(result[1]).model_validate_json(result[1].to_bytes())

    assert read == result[1]
    assert render_study(read) == render_study(result[1])


def test_a_finished_cell_is_not_made_again_and_one_of_other_shares_is(result, make_study, policy, cache, monkeypatch):
    jobs = list_jobs(make_study(cells=CELLS, by_class=True, seeds=[1]), policy, None, None)
    assert is_finished(result[0] / "cells", jobs[0])
    monkeypatch.setattr("unlearn_audit.study.cells.begin_case", lambda *_: pytest.fail("made again"))
    assert make_cell(cache, result[0] / "cells", "2026-05-02T03:04:05Z", jobs[0]) == NAME
    changed = [{"forget": {**UNEVEN, "benign": 0.12}, "models": [FINE]}]
    assert not is_finished(result[0] / "cells", list_jobs(make_study(cells=changed), policy, None, None)[0])


def test_shares_and_a_share_stand_side_by_side(make_study):
    study = make_study(cells=[*CELLS, {"forget": 0.2, "models": [FINE]}])
    assert [cell.forget for cell in study.cells] == [UNEVEN, 0.2]


@pytest.mark.parametrize(
    "forget",
    [{"malignant": 0.5, "benign": 0.110000000001}, {"benign": 0.11, "malignant": 0.5}],
    ids=["nearly the same", "another order"],
)
def test_two_cells_of_the_same_shares_are_refused(make_study, forget):
    with pytest.raises(PolicyError, match="each share to forget once"):
        make_study(cells=[*CELLS, {"forget": forget, "models": [FINE]}])


@pytest.mark.parametrize("forget", [{}, {"malignant": 0}, {"malignant": 1}, {"malignant": "half"}, {"malignant": None}])
def test_shares_that_are_none_are_refused(make_study, forget):
    with pytest.raises(PolicyError, match="forget"):
        make_study(cells=[{"forget": forget, "models": [FINE]}])


def test_a_class_that_the_data_lack_is_refused_by_name(make_study, run, tmp_path):
    with pytest.raises(CaseError, match=r"shares to forget of classes of data set .* found 'melanoma'"):
        run(make_study(cells=[{"forget": {"melanoma": 0.5}, "models": [FINE]}]), tmp_path)


# --- what is measured ---


@pytest.mark.parametrize("model", ["original", "fine", "retrained"])
def test_the_measures_are_what_their_titles_say(context, model):
    evidence, test = context.evidence, context.evidence.select("test")
    truth, predicted = evidence.is_positive[test], evidence.log_probs[model][test].argmax(axis=1) == 1
    misses, alarms = int((truth & ~predicted).sum()), int((~truth & predicted).sum())
    positives, negatives = int(truth.sum()), int((~truth).sum())
    expected = {
        "risk-equal": (misses + alarms) / len(truth),
        "positive-risk": 20 * misses / positives,
        "negative-risk": alarms / negatives,
        "risk-gap": abs(20 * misses / positives - alarms / negatives),
        "accuracy-gap": abs((1 - misses / positives) - (1 - alarms / negatives)),
        "accuracy-worst": min(1 - misses / positives, 1 - alarms / negatives),
    }
    measures = list_by_class(20)
    found = {name: float(measures[name].compute(context, model).mean()) for name in BY_CLASS}
    assert found == pytest.approx(expected)


def test_means_over_records_know_which_records_they_are_of(context):
    for name, measure in list_by_class(20).items():
        values = measure.compute(context, "fine")
        assert len(values) == (1 if measure.records is None else int(measure.records(context).sum())), name


def test_a_study_that_does_not_ask_for_them_has_none(make_study, run, tmp_path):
    plain = run(make_study(), tmp_path)
    assert not set(BY_CLASS) & {figure.measure for figure in plain.cells[0].rows[0].figures}
    assert "### Positives and negatives" not in write_page(plain)
    assert "by_class" not in json.loads(plain.to_bytes())["study"]


def test_they_stand_in_a_table_of_their_own(result):
    page = write_page(result[1])
    heads = page.split("### Positives and negatives\n\n")[1].splitlines()[0].strip("| ").split(" | ")
    titles = ["Risk 1", "Risk of positives", "Risk of negatives", "Risk gap", "Accuracy gap", "Worse accuracy"]
    assert heads == ["Model", *titles]
    assert "Risk gap" not in page.split("### Positives and negatives")[0]


def test_a_claim_on_one_of_them_is_answered_where_the_study_has_it(make_study, run, result, tmp_path):
    claim = CLAIM | {"measure": "risk-gap"}
    study = make_study(cells=CELLS, by_class=True, seeds=[1, 2, 3], cost_ratio=20, claims=[claim])
    answer = run(study, result[0]).cells[0].answers[0]
    assert answer.seeds == 3
    with pytest.raises(UsageError, match="found 'risk-gap'"):
        run(make_study(claims=[claim]), tmp_path)


# --- the network ---


def test_a_study_may_name_another_network_than_its_policy(make_study, run, policy, tmp_path):
    study = make_study(model="linear", seeds=[1])
    assert policy.reference_case.model != "linear"
    assert run(study, tmp_path).recipe["model"] == "linear"
    with_it, without = (list_jobs(s, policy, None, None)[0].digest() for s in (study, make_study(seeds=[1])))
    assert with_it != without


def test_a_network_that_no_table_holds_is_refused_by_name(make_study, run, tmp_path):
    with pytest.raises(UsageError, match="resnet19"):
        run(make_study(model="resnet19"), tmp_path)


def test_the_numbers_of_a_gap_are_over_runs_alone(result):
    gap = result[1].cells[0].find("fine").find("risk-gap").mean
    assert gap.interval is None or gap.interval.method.code == "student-over-runs"
    assert np.isfinite(gap.value)


# --- a head of many classes ---

COUNTS = [30, 20, 40, 10, 20, 30, 20, 10, 60]


@pytest.fixture(scope="module")
def tiles(tmp_path_factory):
    """PathMNIST's shape in small: nine classes of unequal size, in colour, each class brighter than the last."""
    rng, arrays = np.random.default_rng(2), {}
    for prefix, factor in (("train", 1.0), ("val", 0.5), ("test", 0.5)):
        label = np.repeat(np.arange(9), [int(count * factor) for count in COUNTS])
        images = rng.integers(0, 60, (len(label), 28, 28, 3)) + 20 * label[:, None, None, None]
        arrays |= {f"{prefix}_images": images.astype(np.uint8), f"{prefix}_labels": label.astype(np.uint8)[:, None]}
    path = tmp_path_factory.mktemp("tiles") / "pathmnist.npz"
    np.savez(path, **arrays)
    return path


@pytest.fixture(scope="module")
def many(make_study, read_policy, cache, tiles, tmp_path_factory):
    """Nine classes by an augmented recipe that drops, read as two: class 8 is malignant."""
    policy = read_policy(
        ("dataset: breast-cytology", "dataset: pathmnist"), ("positive: [malignant]", 'positive: ["8"]')
    )
    study = make_study(
        cells=[{"forget": 0.2, "models": [FINE]}, {"forget": UNEVEN, "models": [FINE]}],
        seeds=[1],
        head="classes",
        model="linear",
        by_class=True,
        recipe={"epochs": 4, "batch": 16, "drops": [0.5], "augmentation": ["shift", "horizontal-flip"]},
    )
    out = tmp_path_factory.mktemp("many")
    settings = {"cache": cache, "created": "2026-05-02T03:04:05Z", "workers": Workers()}
    done = run_study(study, policy, tiles, out=out, **settings)
    jobs = list_jobs(study, policy, tiles.absolute(), digest_data(tiles))
    return done, [read_cell(out / "cells", job).evidence for job in jobs]


def test_a_share_of_all_is_a_share_of_each_of_many_classes(many):
    evidence = many[1][0]
    assert evidence.classes[8] == "colorectal adenocarcinoma epithelium"
    forgotten = np.bincount(evidence.label[evidence.select("forget")], minlength=9)
    assert forgotten.tolist() == [count // 5 for count in COUNTS]


def test_shares_by_malignancy_are_divided_among_the_classes_of_each(many):
    evidence = many[1][1]
    forgotten = np.bincount(evidence.label[evidence.select("forget")], minlength=9)
    assert forgotten[8] == 30
    assert forgotten[:8].sum() == round(0.11 * sum(COUNTS[:8]))


def test_many_classes_are_read_as_two_after_the_most_probable_one(many):
    done, (evidence, _) = many
    test = evidence.select("test")
    top, truth = evidence.log_probs["fine"][test].argmax(axis=1), evidence.label[test]
    assert evidence.log_probs["fine"].shape[1] == 9
    figures = {name: done.cells[0].find("fine").find(name).values[0] for name in ("fnr", "fpr", "risk-equal")}
    missed, alarmed = (top[truth == 8] != 8).mean(), (top[truth != 8] == 8).mean()
    assert figures == pytest.approx({"fnr": missed, "fpr": alarmed, "risk-equal": ((top == 8) != (truth == 8)).mean()})


def test_the_recipe_of_the_study_is_in_its_result(many):
    assert many[0].recipe["drops"] == [0.5]
    assert many[0].recipe["augmentation"] == ["shift", "horizontal-flip"]
