"""The page, the figure and the numbers: the same result the same bytes, and nothing of a study file breaks out."""

import json
import re
from pathlib import Path
from unicodedata import east_asian_width
from xml.etree import ElementTree as ET

import pytest
from markdown_it import MarkdownIt

from tests.support.hand_made import MODELS, estimate, make_result
from unlearn_audit.study import StudyResult, draw_tradeoff, list_troubles, show_estimate, show_share, write_page
from unlearn_audit.study.figure import choose_look

GOLDEN = Path(__file__).parent / "golden" / "by-hand.md"


def test_the_page_is_the_golden_one():
    """After a wanted change: write the page of `make_result()` to the golden file, and read the difference."""
    assert write_page(make_result()) == GOLDEN.read_text("utf-8")


def test_the_same_result_gives_the_same_bytes():
    assert write_page(make_result()) == write_page(make_result())
    assert draw_tradeoff(make_result()) == draw_tradeoff(make_result())
    assert make_result().to_bytes() == make_result().to_bytes()


def test_the_numbers_are_read_back_as_they_were_written():
    result = make_result()

    assert StudyResult.model_validate_json(result.to_bytes()) == result
    assert json.loads(result.to_bytes())["schema"] == "unlearn-audit/study-result/v1"


def test_every_table_of_the_page_is_a_table_and_no_text_breaks_out():
    tokens = MarkdownIt("commonmark").enable("table").parse(write_page(make_result()))
    counts = []
    for token in tokens:
        if token.type == "tr_open":
            counts[-1].append(0)
        elif token.type in {"th_open", "td_open"}:
            counts[-1][-1] += 1
        elif token.type == "table_open":
            counts.append([])

    assert len(counts) == 7
    assert all(len(set(rows)) == 1 for rows in counts)
    text = [child.content for token in tokens for child in token.children or () if child.type == "text"]
    for title, *_ in MODELS.values():
        assert title.replace("*", "") in "".join(text).replace("*", "")
    assert not [child for token in tokens for child in token.children or () if child.type in {"em_open", "html_inline"}]


def test_the_page_names_what_failed_what_collapsed_and_what_is_missing():
    page = write_page(make_result())

    assert "**Unfinished**, 1 missing: forget-0.2-seed-4." in page
    for sentence in (
        "Gradient ascent was not made with seed 1: training diverged.",
        "Gradient ascent collapsed with seed 3: calls 0.0% of the test records positive.",
        "was not made again by relearning with seed 2: training diverged.",
        "Reference models were not made with seed 1: too few candidates.",
    ):
        assert sentence in page
    assert "0.470 (1 of 3)" in page
    assert "2 of 2 (3 asked)" in page
    assert "each answer is given at 98.33 %" in page
    assert "lesion" in page
    assert len(list_troubles(make_result().cells[1])) == 5


def test_a_page_without_claims_relearning_or_troubles_has_none_of_their_words(full, make_study, run, tmp_path):
    page = write_page(run(make_study(), tmp_path))

    assert "Claims share" not in page
    assert "elearned" not in page
    assert "was not made" not in page
    assert "Unfinished" not in page


@pytest.mark.parametrize(
    ("found", "signed", "shown"),
    [
        (None, False, "-"),
        (estimate(0.1234), False, "0.123 [0.103, 0.143]"),
        (estimate(0.1234), True, "+0.123 [+0.103, +0.143]"),
        (estimate(-0.01), True, "-0.010 [-0.030, +0.010]"),
        (estimate(0.5, 0), False, "0.500"),
    ],
)
def test_an_estimate_is_shown_with_its_interval_where_it_has_one(found, signed, shown):
    assert show_estimate(found, signed=signed) == shown


@pytest.mark.parametrize(("share", "shown"), [(0.2, "20 %"), (0.125, "12.5 %"), (0.07, "7 %"), (0.005, "0.5 %")])
def test_a_share_is_shown_with_the_digits_that_it_has(share, shown):
    assert show_share(share) == shown


def test_shares_by_class_are_shown_in_one_order_also_when_they_come_from_a_file_with_sorted_keys():
    assert show_share({"malignant": 0.5, "benign": 0.11}) == show_share({"benign": 0.11, "malignant": 0.5})


def read(result):
    return ET.fromstring(draw_tradeoff(result))  # noqa: S314 - drawn by us, in this line


def test_the_figure_is_well_formed_and_names_every_model_once():
    drawn = read(make_result())
    texts = [text.text for text in drawn.iter("{http://www.w3.org/2000/svg}text")]

    for title, missed, _ in MODELS.values():
        assert texts.count(title if missed is not None else f"{title} (none)") == 1
    assert {"20 % forgotten, 3 seeds", "12.5 % forgotten, 3 seeds"} <= set(texts)


def test_everything_in_the_figure_lies_inside_it_and_no_two_texts_overlap():
    check_that_texts_are_apart(read(make_result()))


def check_that_texts_are_apart(drawn):
    width, height = float(drawn.get("width")), float(drawn.get("height"))
    boxes = []
    for text in drawn.iter("{http://www.w3.org/2000/svg}text"):
        size = float(text.get("font-size"))
        columns = sum(2 if east_asian_width(letter) == "W" else 1 for letter in text.text or "")
        x, y, wide = float(text.get("x")), float(text.get("y")), 0.6 * size * columns
        left = x - {"start": 0, "middle": wide / 2, "end": wide}[text.get("text-anchor")]
        boxes.append((left, y - 0.75 * size, left + wide, y + 0.2 * size, text.text))

    for left, top, right, bottom, label in boxes:
        assert left >= 0 and right <= width and top >= 0 and bottom <= height, label  # noqa: PT018
    for index, a in enumerate(boxes):
        for b in boxes[:index]:
            apart = a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
            assert apart, (a[4], b[4])


def test_titles_stand_whole_in_the_legend_however_long_they_are():
    result = make_result()
    long = ["A title as long as a line of a book of prose is wide, number 0", f"{'忘却' * 20}1"]
    rows = result.cells[0].rows
    cell = result.cells[0].model_copy(
        update={"rows": (*rows, *(rows[-1].model_copy(update={"name": title[-1], "title": title}) for title in long))}
    )

    drawn = read(result.model_copy(update={"cells": (cell,)}))

    check_that_texts_are_apart(drawn)
    assert {f"{title} (none)" for title in long} <= {text.text for text in drawn.iter()}


def test_models_without_numbers_are_no_mark_and_a_study_without_any_is_still_a_figure():
    marks = re.findall(r"<(?:circle|polygon)", draw_tradeoff(make_result()))
    assert len(marks) == 2 * 4 + 5

    rows = tuple(make_result().cells[0].rows[-1:])
    empty = make_result().cells[0].model_copy(update={"rows": rows})
    assert "Gradient ascent (none)" in [text.text for text in read(make_result(cells=(empty,))).iter()]


def test_no_two_models_look_alike():
    names = ["original", "retrained", *(f"m{i}" for i in range(35))]

    assert len({choose_look(name, names) for name in names}) == 37
