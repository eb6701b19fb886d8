"""The slider of thresholds, on real evidence: the page says at every place of it what the metrics say there."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from tests.support.reading_pages import EVERY_VIEW, find_violations, read_risks
from unlearn_audit.evidence.parquet import read_evidence
from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.findings.measurement import measure
from unlearn_audit.formats.html import render_html, render_page
from unlearn_audit.pipeline.audit import judge, name_known
from unlearn_audit.policy import load_policy
from unlearn_audit.presentation.wording import format_number
from unlearn_audit.records import ALL, OperatingPoint, round_number

SAMPLE = Path(__file__).parents[2] / "sample_reports" / "breast-cytology-pass"
SETTINGS = tuple(
    zip(
        (0, 7, 31, 58, 90, 100, 133, 155, 180, 200),
        (0.5, 20.0, 1.0, 49.0, 3.7, 12.345, 0.001, 137.5, 20.0, 1e6),
        strict=True,
    )
)
METRICS = ("global-risk", "false-negative-rate", "false-positive-rate", "false-negatives", "false-positives")


@pytest.fixture(scope="module")
def policy():
    return load_policy(SAMPLE / "policy.yaml", name_known())


@pytest.fixture(scope="module")
def evidence():
    return read_evidence(SAMPLE / "evidence.parquet")


@pytest.fixture(scope="module")
def record(policy, evidence):
    return judge(policy, evidence)


@pytest.fixture(scope="module")
def place(record, tmp_path_factory):
    path = tmp_path_factory.mktemp("slider") / "report.html"
    path.write_text(render_html(record))
    return path


def measure_at(policy, evidence, threshold, ratio):
    """What the metrics say of every model at a threshold and a cost ratio that the policy does not name."""
    task = policy.task.model_copy(update={"operating_points": (OperatingPoint.parse(f"threshold {threshold!r}"),)})
    costs = policy.costs.model_copy(update={"false_negative": ratio, "false_positive": 1.0})
    protocol = policy.protocol.model_copy(update={"resamples": 100})
    other = policy.model_copy(update={"task": task, "costs": costs, "protocol": protocol, "checks": ()})
    found = measure(EvaluationContext(evidence, other), wants=lambda key: key.metric in METRICS and key.among == ALL)
    return {(f.key.metric, f.key.model): f.estimate.value for f in found if f.key.metric in METRICS and f.estimate}


def move(page, place):
    page.locator("#explore-threshold").fill(str(place))


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_page_shows_what_the_metrics_compute_from_the_evidence(open_page, record, policy, evidence, setting):
    at, ratio = setting
    page = open_page()
    page.locator("#explore-exact").fill(repr(ratio))
    move(page, at)
    truth = measure_at(policy, evidence, record.threshold_counts.thresholds[at], ratio)
    shown = read_risks(page)
    models = [card.name for card in record.provenance.models]
    order = sorted(models, key=lambda name: ("original", "retrained", "unlearned", name).index(name))
    assert len(shown) == len(models) + 2
    for row, model in zip(shown, [*order, "call-all-positive", "call-none-positive"], strict=True):
        assert round_number(float(row[1])) == truth["global-risk", model]
        assert row[2] == format_number(float(row[1]))
        assert row[9:] == [str(int(truth[metric, model])) for metric in ("false-negatives", "false-positives")]
        for printed, exact, metric in ((row[5], row[6], METRICS[1]), (row[7], row[8], METRICS[2])):
            assert printed == format_number(float(exact))
            assert (metric, model) not in truth or round_number(float(exact)) == truth[metric, model]
    assert ("false-negative-rate", "original") in truth


def test_every_place_of_the_slider_is_its_threshold(open_page, record, policy, evidence):
    """All of it, against the definition: a record is called positive from the threshold upwards."""
    page = open_page()
    scope = EvaluationContext(evidence, policy)
    probability = evidence.positive_probability(record.verdict.model)[scope.test]
    exact = {round_number(t): t for point in policy.task.operating_points if (t := scope.find_threshold(point))}
    shown = page.evaluate(
        "length => Array.from({length}, (_, at) => { const slider = document.querySelector('#explore-threshold'); "
        "slider.value = String(at); slider.dispatchEvent(new Event('input')); const cells = document.querySelector("
        "'#explore-table tbody .audited').parentNode.cells; return [cells[6].textContent, cells[7].textContent]; })",
        len(record.threshold_counts.thresholds),
    )
    for threshold, counts in zip(record.threshold_counts.thresholds, shown, strict=True):
        called = probability >= exact.get(threshold, threshold)
        assert counts == [str((scope.actual & ~called).sum()), str((~scope.actual & called).sum())]


def test_a_point_of_the_policy_moves_the_slider_and_the_slider_finds_the_point(open_page, record):
    page = open_page()
    slider, chosen = page.locator("#explore-threshold"), page.locator("#explore-point")
    threshold = next(
        f.estimate.value for f in record.findings if f.key.metric == "threshold" and str(f.key.at) == "cost-optimal"
    )
    mark = record.threshold_counts.thresholds.index(threshold)
    chosen.select_option("cost-optimal")
    assert slider.input_value() == str(mark)
    at_point = read_risks(page)
    text = page.locator("#explore-said").inner_text()
    move(page, mark + 1)
    assert chosen.input_value() == ""
    assert "is no operating point of the policy" in page.locator("#explore-said").inner_text()
    move(page, mark)
    assert chosen.input_value() == "cost-optimal"
    assert (read_risks(page), page.locator("#explore-said").inner_text()) == (at_point, text)
    assert page.locator("#explore-marks option").evaluate_all("all => all.map(one => one.value)") == [str(mark)]


def test_the_most_probable_class_is_no_place_of_the_slider(open_page):
    page = open_page()
    assert page.locator("#explore-point").input_value() == "argmax"
    assert page.locator("#explore-at").inner_text() == "no threshold"
    assert page.locator("#explore-threshold").get_attribute("aria-valuetext").startswith("no threshold, the policy")


def test_it_begins_at_the_policys_point_and_comes_back_to_it(open_page):
    page = open_page()
    begun = read_risks(page), page.locator("#explore-said").inner_text()
    move(page, 3)
    page.locator("#explore-exact").fill("3")
    assert read_risks(page) != begun[0]
    page.locator("#explore-reset").click()
    assert (read_risks(page), page.locator("#explore-said").inner_text()) == begun
    assert page.locator("#explore-point").input_value() == "argmax"


@pytest.mark.parametrize("ratio", [0.0, 20.0, 1e6])
def test_it_says_at_which_thresholds_the_estimate_keeps_the_ceiling(open_page, record, ratio):
    page = open_page()
    page.locator("#explore-exact").fill(repr(ratio))
    counts = record.threshold_counts
    own = next(mistakes for mistakes in counts.models if mistakes.model == record.verdict.model)
    ceiling = min(
        check.limit.at_most
        for check in record.verdict.checks
        if check.key.metric == "global-risk" and check.key.among == ALL
    )
    risk = (ratio * np.array(own.false_negatives) + np.array(own.false_positives)) / (
        counts.positives + counts.negatives
    )
    kept = np.flatnonzero(risk <= ceiling)
    text = page.locator("#explore-said").inner_text()
    listed = re.search(r"at or below the ceiling at thresholds of (.*)\.$", text)[1]
    ends = [[float(end) for end in part.split(" to ")] for part in listed.split(", ")]
    inside = [i for i, t in enumerate(counts.thresholds) if any(e[0] <= t <= e[-1] for e in ends)]
    assert inside == kept.tolist()
    assert 0 < len(inside) < len(counts.thresholds)


@pytest.mark.parametrize(("ceiling", "word"), [(0.0, "above"), (1e9, "at or below")])
def test_a_ceiling_that_no_threshold_or_every_one_keeps_is_said_so(open_page, record, tmp_path, ceiling, word):
    checks = tuple(
        check.model_copy(update={"limit": check.limit.model_copy(update={"at_most": ceiling})})
        if check.key.metric == "global-risk"
        else check
        for check in record.verdict.checks
    )
    verdicts = (record.verdict.model_copy(update={"checks": checks}), *record.verdicts[1:])
    path = tmp_path / "ceiling.html"
    path.write_text(render_html(record.model_copy(update={"verdicts": verdicts})))
    page = open_page(path)
    assert f"{word} the ceiling at every threshold of the slider" in page.locator("#explore-said").inner_text()


def test_keys_move_it_and_a_screen_reader_hears_the_threshold(open_page, record):
    page = open_page()
    slider = page.get_by_label("Positive from this probability upwards")
    slider.focus()
    page.keyboard.press("Home")
    assert float(slider.get_attribute("aria-valuetext")) == record.threshold_counts.thresholds[0]
    page.keyboard.press("ArrowRight")
    assert float(slider.get_attribute("aria-valuetext")) == record.threshold_counts.thresholds[1]
    assert page.locator("#explore-at").inner_text() == slider.get_attribute("aria-valuetext")
    page.keyboard.press("End")
    assert float(slider.get_attribute("aria-valuetext")) == record.threshold_counts.thresholds[-1]
    ratio = page.locator("#explore-ratio")
    assert ratio.get_attribute("aria-valuetext") == "10 false positives, the policy\u2019s own"
    ratio.focus()
    page.keyboard.press("ArrowRight")
    assert ratio.get_attribute("aria-valuetext") == "11 false positives"


def test_it_never_says_pass_or_fail_and_warns_of_choosing_on_test(open_page):
    page = open_page()
    assert "looks better than it is" in page.locator(".explore").inner_text()
    assert "not part of the signed verdict" in page.locator(".explore").inner_text()
    verdict = page.locator(".banner").inner_text()
    for at in (0, 60, 120, 200):
        move(page, at)
        shown = page.locator("#explore-table").inner_text() + page.locator("#explore-said").inner_text()
        assert not re.search(r"\b(pass|fail)", shown, re.IGNORECASE)
        assert page.locator(".banner").inner_text() == verdict


@pytest.mark.parametrize(("scheme", "width"), EVERY_VIEW)
def test_it_keeps_nobody_out_and_stays_on_the_page(open_page, width, scheme):
    page = open_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    move(page, 40)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert find_violations(page, ".explore") == []


def test_it_is_not_printed(open_page, record):
    page = open_page()
    page.emulate_media(media="print")
    assert not page.locator(".explore").is_visible()
    assert "explore-threshold" not in render_page(record)


def test_a_record_of_before_shows_the_points_alone(open_page, record, tmp_path):
    path = tmp_path / "before.html"
    path.write_text(render_html(record.model_copy(update={"threshold_counts": None})))
    page = open_page(path)
    assert page.locator("#explore-threshold, #explore-marks, #explore-at").count() == 0
    page.locator("#explore-point").select_option("cost-optimal")
    assert "cost-optimal threshold" in page.locator("#explore-said").inner_text()
    assert "slider has" not in page.locator(".explore").inner_text()
    assert len(read_risks(page)) == len(record.provenance.models) + 2


def test_the_record_grows_by_little(record):
    before = record.model_copy(update={"threshold_counts": None})
    assert len(record.threshold_counts.thresholds) <= 201
    assert len(record.to_bytes()) - len(before.to_bytes()) < 0.02 * len(before.to_bytes())


def test_a_record_of_before_keeps_its_bytes(record):
    before = record.model_copy(update={"threshold_counts": None})
    content = before.to_bytes()
    assert "threshold_counts" not in json.loads(content)
    assert type(record).from_bytes(content).to_bytes() == content
    assert type(record).from_bytes(record.to_bytes()) == record
