"""The page as it reads without its style sheet: in Jenkins, in a mail's preview, in w3m, to an indexer."""

from html.parser import HTMLParser

import pytest

from tests.support.record_factory import make_record
from tests.support.waived_records import make_whole
from unlearn_audit.formats.html import render_html, render_summary
from unlearn_audit.presentation.wording import format_estimate, format_interval

_APART = {"th", "td", "dt", "dd", "li", "p", "caption", "figcaption", "h1", "h2", "h3", "h4", "a", "span", "br", "code"}
_UNREAD = {"style", "script", "title"}


class Plain(HTMLParser):
    """The text of a page as a reader gets it who knows no style: `joints` are the places where a tag stands between."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text, self.tables, self._skipped = "", [], 0
        self.joints: list[tuple[str, int]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self._skipped += tag in _UNREAD
        self.joints.append((tag, len(self.text)))
        if tag == "table":
            self.tables.append([])
        if tag in ("td", "th"):
            self.tables[-1].append([dict(attrs), len(self.text), None])

    def handle_endtag(self, tag):
        self._skipped -= tag in _UNREAD
        self.joints.append((tag, len(self.text)))
        if tag in ("td", "th"):
            self.tables[-1][-1][2] = len(self.text)

    def handle_data(self, data):
        self.text += "" if self._skipped else data

    def find_glued(self):
        """Words and numbers that touch although a tag stands between them."""
        return [
            (tag, self.text[max(0, place - 20) : place + 20])
            for tag, place in self.joints
            if tag in _APART and 0 < place < len(self.text) and _touch(self.text[place - 1], self.text[place])
        ]


def _touch(before, after):
    return before.isalnum() and (after.isalnum() or after in "(\u2212\u2264\u2265<>")


@pytest.fixture(scope="module", params=[make_record, make_whole], ids=["usual", "everything optional"])
def record(request):
    return request.param()


@pytest.fixture(scope="module")
def plain(record):
    return Plain(render_html(record))


def test_no_two_words_or_numbers_touch_where_only_the_style_sheet_keeps_them_apart(plain):
    assert plain.find_glued() == []


def test_the_summary_reads_as_well(record):
    assert Plain(render_summary(record)).find_glued() == []


def test_two_numbers_that_touch_would_be_found():
    assert Plain('<table><td>0.200<span class="below">0 to 0.500</span></td></table>').find_glued()
    assert Plain("<table><td>0.2</td><td>\u22120.5 to 1</td></table>").find_glued()


def test_an_interval_stands_in_brackets_after_its_estimate(plain, record):
    text = " ".join(plain.text.split())
    for check in record.verdict.checks:
        if check.estimate and check.estimate.interval:
            value = format_estimate(check.estimate, check.limit)
            assert f" {value} ({format_interval(check.estimate.interval, check.limit)})" in text


def test_every_cell_carries_the_name_of_its_column_for_a_narrow_screen(plain):
    for table in plain.tables:
        heads = [" ".join(plain.text[begin:end].split()) for cell, begin, end in table if cell.get("scope") == "col"]
        named = [cell.get("data-head") for cell, *_ in table if cell.get("scope") != "col"]
        assert [name or heads[0] for name in named] == heads * (len(named) // len(heads))
