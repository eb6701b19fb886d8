"""Markdown: what stands on a step summary or a merge request."""

import re

import pytest
from markdown_it import MarkdownIt

from tests.support.pipeline_records import HOSTILE, SOURCES, make_check, with_checks, with_every_outcome, with_text
from tests.support.record_factory import make_record
from unlearn_audit.formats.markdown import LARGEST, escape, render_markdown
from unlearn_audit.formats.severity import flatten
from unlearn_audit.formats.sources import Sources
from unlearn_audit.records import Outcome, quote_text
from unlearn_audit.verdict.comparison import compare_records


def rows_of(content):
    return [line for line in content.splitlines() if line.startswith("|")]


@pytest.mark.parametrize("outcome", [Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE])
def test_the_verdict_stands_in_words_in_the_first_line(outcome):
    first = render_markdown(with_checks(make_check(outcome), outcome=outcome), SOURCES).splitlines()[0]

    assert first.endswith(f"Unlearning audit: {outcome.value.upper()}")


def test_the_advice_and_the_test_key_are_said():
    content = render_markdown(make_record(), SOURCES)

    assert "**To do** (release the remedied model instead): Do not release the unlearned model." in content
    assert "**TEST KEY**" in content
    assert "not a certificate of compliance" in content


def test_every_check_is_a_row_and_the_worst_come_first():
    outcomes = [row.split("**")[1] for row in rows_of(render_markdown(with_every_outcome(), SOURCES))[2:]]

    assert outcomes == [
        *("FAIL", "FAIL (not required)", "NOT RUN", "NOT RUN (not required)"),
        *("INCONCLUSIVE", "INCONCLUSIVE (not required)", "PASS", "PASS (not required)"),
    ]


def test_the_remedied_candidates_are_listed_apart():
    assert "Warm restart (remedied-warm-restart)" in render_markdown(make_record(), SOURCES).split("### Other")[1]


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_adds_no_cell_no_row_and_no_markup(text):
    content = render_markdown(with_text(text), SOURCES)
    rows = rows_of(content)

    assert [row.count("|") for row in rows] == [7] * 6 + [4] * 3
    assert not re.search(r"<(?!!-- -->)", content)
    assert not re.search(r"(?<!\\)\[|(?<!\\)`(?![0-9a-f]{64}`)(?<![0-9a-f]{64}`)", content)
    assert not re.search(r"@(?!<!-- -->)|://|(?<!&)#\d|www\.", content)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_reader_of_markdown_finds_the_text_as_it_was_and_nothing_else(text):
    reader = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    tokens = reader.parse(render_markdown(with_text(text), SOURCES))
    cells = [tokens[i + 1].children for i, token in enumerate(tokens) if token.type == "td_open"]

    reasons = cells[5:24:6]
    assert len(cells) == 4 * 6 + 3
    for reason in reasons:
        assert {token.type for token in reason} <= {"text", "html_inline"}
        assert {token.content for token in reason if token.type == "html_inline"} <= {"<!-- -->"}
        assert "".join(token.content for token in reason if token.type == "text") == flatten(text, 500)


def test_text_reads_as_it_was_written():
    assert escape("a_b | <c> & 50 % @x") == r"a\_b &#124; &lt;c&gt; &amp; 50 % @<!-- -->x"
    assert escape("2026-04-23T10:00:00Z, ratio 1:20") == "2026-04-23T10:00:00Z, ratio 1:20"


def test_thousands_of_the_worst_checks_stay_below_what_a_summary_takes_and_failures_are_kept_first():
    text = "@<|" * 1_000
    failing = make_check(Outcome.FAIL, id="the-one-that-fails")
    passing = [make_check(Outcome.PASS, title=text, reasons=(quote_text(text),), id=f"{text}{i}") for i in range(3_000)]
    record = with_checks(*passing, failing)
    content = render_markdown(record, Sources(comparison=compare_records(record, record)))

    assert len(content.encode()) < LARGEST
    assert "the-one-that-fails" in content
    assert re.search(r"\d+ more checks are in the report", content)


def test_the_baseline_is_in_it_only_when_it_was_given():
    record = make_record()

    assert "baseline" not in render_markdown(record, Sources()).lower()
    assert "### Against the baseline" in render_markdown(record, Sources(comparison=compare_records(record, record)))


def test_a_regression_is_named_and_comes_first():
    before = with_checks(make_check(Outcome.FAIL, id="a"), make_check(Outcome.PASS, id="b"))
    now = with_checks(make_check(Outcome.FAIL, id="a"), make_check(Outcome.INCONCLUSIVE, id="b"))
    content = render_markdown(now, Sources(comparison=compare_records(now, before)))

    rows = rows_of(content.split("### Against the baseline")[1])
    assert "**1 regression.**" in content
    assert rows[2].startswith("| **REGRESSION**, same | Title of inconclusive-required (b) | pass |")
