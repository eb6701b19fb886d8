"""The HTML in a real browser: it computes what Python does, sorts, asks for nothing, and is whole without script."""

import json
import math
import re

import pytest

from tests.support.reading_pages import EVERY_VIEW, find_violations, read_risks
from tests.support.record_factory import make_findings, make_record
from tests.support.waived_records import make_whole
from unlearn_audit.formats.html import render_html, render_page, render_summary
from unlearn_audit.presentation.sections.exploration import embed
from unlearn_audit.presentation.wording import format_number
from unlearn_audit.records import Estimate, Unit

RATIOS = (0.0, 0.001, 0.5, 1.0, 3.7, 12.345, 20.0, 49.0, 137.5, 1e6)
CEILING = 1.5


@pytest.fixture(scope="module")
def record():
    """Counts at which rounding is hard: halves that lie exactly in the middle, and a model that misses nothing."""
    findings = list(make_findings())
    for place, finding in enumerate(findings):
        if finding.key.model == "retrained" and finding.key.metric in ("false-negatives", "false-positives"):
            events = 0 if finding.key.metric == "false-negatives" else 375
            estimate = Estimate(value=events, unit=Unit.COUNT, n=1000, events=events)
            findings[place] = finding.model_copy(update={"estimate": estimate})
        if finding.key.model == "original" and finding.key.metric in ("false-negatives", "false-positives"):
            events = 3 if finding.key.metric == "false-negatives" else 17
            findings[place] = finding.model_copy(
                update={"estimate": Estimate(value=events, unit=Unit.COUNT, n=8, events=events)}
            )
    return make_record(findings=tuple(findings))


@pytest.fixture(scope="module")
def counts(record):
    """(title's beginning, FN, FP, N) per model at the default operating point, straight from the record."""
    by = {(f.key.metric, f.key.model): f.estimate for f in record.findings if str(f.key.at) == "cost-optimal"}
    titles = {"original": "Original", "retrained": "Retrained", "unlearned": "SalUn (audited)",
              "remedied-salun-cra": "SalUn-CRA", "remedied-warm-restart": "Warm restart"}  # fmt: skip
    return [
        (title, int(missed.value), int(alarms.value), missed.n + alarms.n)
        for model, title in titles.items()
        for missed, alarms in [(by["false-negatives", model], by["false-positives", model])]
    ]


@pytest.fixture(scope="module")
def place(record, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(render_html(record))
    return path


@pytest.fixture(scope="module")
def whole_page(tmp_path_factory):
    """A report with all that is optional in it: waivers, hazards, deviations, earlier runs."""
    path = tmp_path_factory.mktemp("whole") / "report.html"
    path.write_text(render_html(make_whole()))
    return path


@pytest.mark.parametrize("ratio", RATIOS)
def test_the_panel_computes_exactly_what_python_computes(open_page, counts, ratio):
    page = open_page()
    page.locator("#explore-exact").fill(repr(ratio))
    shown = read_risks(page)
    for title, missed, alarms, n in counts:
        row = next(row for row in shown if row[0].startswith(title))
        risk = (ratio * missed + alarms) / n
        assert float(row[1]) == risk
        assert row[2] == format_number(risk)
        assert row[3] == ("above" if risk > CEILING else "at or below")
        turn = (CEILING * n - alarms) / missed if missed else math.inf if alarms / n <= CEILING else -1
        assert row[4] == ("at no ratio" if turn < 0 else "at every ratio" if turn == math.inf else format_number(turn))


def test_the_slider_drives_the_same_numbers(open_page, counts):
    page = open_page()
    for ratio in (0, 1, 7, 20, 33, 100):
        page.locator("#explore-ratio").fill(str(ratio))
        assert page.locator("#explore-exact").input_value() == str(ratio)
        assert [float(row[1]) for row in read_risks(page)[: len(counts)]] == [
            (ratio * missed + alarms) / n for _, missed, alarms, n in counts
        ]


def test_the_arrow_keys_move_the_slider(open_page):
    page = open_page()
    page.locator("#explore-ratio").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("#explore-exact").input_value() == "21"


def test_it_begins_at_the_policys_ratio_and_comes_back_to_it(open_page):
    page = open_page()
    begun = read_risks(page), page.locator("#explore-said").inner_text()
    assert "the policy's own" in begun[1].replace("\u2019", "'")
    page.locator("#explore-exact").fill("3")
    page.locator("#explore-point").select_option("argmax")
    assert read_risks(page) != begun[0]
    page.locator("#explore-reset").click()
    assert (read_risks(page), page.locator("#explore-said").inner_text()) == begun


def test_an_operating_point_without_a_ceiling_says_so(open_page):
    page = open_page()
    page.locator("#explore-point").select_option("argmax")
    assert {row[3] for row in read_risks(page)} == {"no ceiling"}
    assert "sets no ceiling" in page.locator("#explore-said").inner_text()
    assert "0.500" in page.locator("#explore-said").inner_text()


@pytest.mark.parametrize("ratio", ["-1", "", "1e12"])
def test_a_ratio_that_is_none_shows_no_number(open_page, ratio):
    page = open_page()
    page.locator("#explore-exact").fill(ratio)
    assert read_risks(page) == []
    assert "ratio of 0 or more" in page.locator("#explore-said").inner_text()


def test_it_is_marked_as_exploration_beside_the_signed_verdict_and_never_says_pass_or_fail(open_page):
    page = open_page()
    text = page.locator(".explore").inner_text()
    assert "EXPLORATION" in text.upper()
    assert "not part of the signed verdict" in text
    assert "Signed verdict: FAIL" in text
    assert "decides nothing" in text
    for ratio in ("0", "1e6"):
        page.locator("#explore-exact").fill(ratio)
        shown = page.locator("#explore-table").inner_text() + page.locator("#explore-said").inner_text()
        assert not re.search(r"\b(pass|fail)", shown, re.IGNORECASE)
        assert page.locator(".banner h2").inner_text().split()[-1] == "FAIL"


def column(page, table, place):
    return page.locator(f"#{table} tbody tr").evaluate_all(f"rows => rows.map(row => row.cells[{place}].innerText)")


def test_sorting_by_outcome_puts_the_worst_first_then_last_then_the_policys_order(open_page):
    page = open_page()
    own = column(page, "checks", 0)
    outcomes = [text.split("\u00a0")[-1] for text in column(page, "checks", 3)]
    order = ["fail", "not run", "inconclusive", "pass"]
    head = page.locator("#checks thead th").nth(3)
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    shown = [text.split("\u00a0")[-1] for text in column(page, "checks", 3)]
    assert shown == sorted(outcomes, key=order.index)
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    assert [text.split("\u00a0")[-1] for text in column(page, "checks", 3)] == sorted(
        outcomes, key=order.index, reverse=True
    )
    head.locator("button").click()
    assert head.get_attribute("aria-sort") is None
    assert column(page, "checks", 0) == own


def test_numbers_are_sorted_as_numbers_and_texts_as_texts(open_page, record):
    page = open_page()
    page.locator("#checks thead button").nth(1).click()
    estimates = sorted(check.estimate.value for check in record.verdict.checks)
    keys = page.locator("#checks tbody tr").evaluate_all("rows => rows.map(row => row.cells[1].dataset.key)")
    assert [float(key) for key in keys] == estimates
    page.locator("#all-checks thead button").nth(0).click()
    ids = [text.split("\n")[0] for text in column(page, "all-checks", 0)]
    assert ids == sorted(check.id for check in record.verdict.checks)


def test_sorting_loses_no_row_and_works_by_keyboard(open_page):
    page = open_page()
    before = sorted(column(page, "checks", 0))
    for place in range(5):
        page.locator("#checks thead button").nth(place).focus()
        page.keyboard.press("Enter")
        assert page.locator("#checks thead [aria-sort]").count() == 1
        assert sorted(column(page, "checks", 0)) == before


def test_without_javascript_the_page_is_whole_and_shows_no_dead_controls(open_page, record):
    page = open_page(java_script_enabled=False)
    text = page.locator("body").inner_text()
    assert "EXPLORATION" not in text.upper()
    assert page.locator("#checks tbody tr").count() == len(record.verdict.checks)
    assert page.locator("button:visible, input:visible, select:visible").count() == 0
    assert "by what a false negative costs in false positives" in text


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_reaches_beyond_the_side_of_the_page(open_page, width):
    page = open_page(viewport={"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("ids", [(), ("w" * 64, "case-1")])
def test_listed_records_stay_on_a_narrow_page_whatever_they_are_called(open_page, record, tmp_path, ids):
    """Without ids in the record a sentence stands in their place."""
    findings = tuple(f.model_copy(update={"records": ids}) if f.records else f for f in record.findings)
    assert findings != record.findings
    path = tmp_path / "report.html"
    path.write_text(render_html(record.model_copy(update={"findings": findings})))
    page = open_page(path, viewport={"width": 390, "height": 900})
    assert ("Named in annex.json" in page.locator("main").inner_text()) == (not ids)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize(("scheme", "width"), EVERY_VIEW)
def test_axe_finds_nothing_that_keeps_a_person_out(open_page, whole_page, width, scheme):
    page = open_page(whole_page, viewport={"width": width, "height": 900}, color_scheme=scheme)
    assert find_violations(page) == []


def test_axe_finds_nothing_in_the_summary(open_page, record, tmp_path):
    path = tmp_path / "summary.html"
    path.write_text(render_summary(record))
    assert find_violations(open_page(path)) == []


def test_axe_can_find_something(open_page, place, tmp_path):
    """The check itself must be able to fail."""
    path = tmp_path / "bad.html"
    path.write_text(place.read_text().replace('<html lang="en">', "<html>"))
    assert [name for name, _ in find_violations(open_page(path))] == ["html-has-lang"]


def test_a_script_in_the_record_does_not_run_and_hostile_titles_stay_text(open_page, record, tmp_path):
    hostile = '</script><script>alert(1)</script><img src=x onerror="alert(2)"><!--<script>'
    cards = tuple(card.model_copy(update={"title": hostile}) for card in record.provenance.models)
    provenance = record.provenance.model_copy(update={"models": cards})
    path = tmp_path / "hostile.html"
    path.write_text(render_html(record.model_copy(update={"provenance": provenance})))
    page = open_page(path)
    assert any(hostile in row[0] for row in read_risks(page))


def test_numbers_inside_the_page_end_no_element():
    text = embed({"a": "</script><!-- & \u2028"})
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == {"a": "</script><!-- & \u2028"}


def test_paper_carries_no_script_and_the_screen_has_the_same_text_besides(record):
    paper, screen = render_page(record), render_html(record)
    assert "<script" not in paper
    assert "explore" not in paper.split("</style>")[1]
    without = re.sub(r'<section class="explore".*?</script>\n?|<script>.*?</script>\n', "", screen, flags=re.DOTALL)
    assert without.split("</style>")[1].split() == paper.split("</style>")[1].split()


def test_a_record_without_counts_has_no_panel_and_still_sorts(open_page, tmp_path):
    path = tmp_path / "bare.html"
    path.write_text(render_html(make_record(findings=(), curves=())))
    page = open_page(path)
    assert page.locator(".explore").count() == 0
    page.locator("#checks thead button").nth(3).click()
    assert page.locator("#checks thead [aria-sort]").count() == 1
