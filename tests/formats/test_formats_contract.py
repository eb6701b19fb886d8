"""The contract that every format in the table keeps."""

import importlib.util

import pytest

from tests.support.pipeline_records import HOSTILE, SOURCES, with_every_outcome, with_text
from tests.support.record_factory import make_record
from unlearn_audit.bundle.layout import is_safe_name
from unlearn_audit.formats import FORMATS
from unlearn_audit.formats.sources import Sources
from unlearn_audit.records import AuditRecord
from unlearn_audit.verdict.comparison import compare_records

SKIP_PDF = pytest.mark.skipif(importlib.util.find_spec("weasyprint") is None, reason="WeasyPrint is not installed")
NAMES = [pytest.param(name, marks=[SKIP_PDF, pytest.mark.thorough]) if name == "pdf" else name for name in FORMATS]
FOR_PIPELINES = [name for name, form in FORMATS.items() if not form.default and not name.startswith("summary")]


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "pdf"])  # which test_formats_pdf holds to it
def test_the_same_record_gives_the_same_content_also_after_reading_it_back(name):
    record = make_record()
    again = AuditRecord.from_bytes(record.to_bytes())

    assert FORMATS[name].render(record, SOURCES) == FORMATS[name].render(again, SOURCES)


@pytest.mark.parametrize("name", NAMES)
def test_a_record_with_checks_that_were_not_run_is_rendered(name):
    assert len(FORMATS[name].render(with_every_outcome(), Sources())) > 0


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_has_a_title_and_a_file_of_its_own_that_a_bundle_can_hold(name):
    assert FORMATS[name].title
    assert is_safe_name(FORMATS[name].file)
    assert [form.file for form in FORMATS.values()].count(FORMATS[name].file) == 1


@pytest.mark.parametrize("name", ["json", *FOR_PIPELINES])  # html and pdf read their templates and fonts, once
def test_formats_neither_print_nor_open_files(name, capfd, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise AssertionError("opened a file")

    record = make_record()
    monkeypatch.setattr("builtins.open", refuse)
    monkeypatch.setattr("pathlib.Path.open", refuse)
    FORMATS[name].render(record, SOURCES)

    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("name", FOR_PIPELINES)
def test_no_text_of_a_policy_brings_in_control_characters_turns_or_endless_lines(name, text):
    content = FORMATS[name].render(with_text(text), SOURCES)

    unwanted = {c for c in content if c != "\n" and (ord(c) < 32 or 0x7F <= ord(c) < 0xA0)}
    assert unwanted == set()
    assert not set(content) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u2028\u2029")
    assert max(len(line) for line in content.splitlines()) < 40_000
    assert content.encode("utf-8")


@pytest.mark.parametrize("name", ["markdown", "junit", "sarif", "github"])
def test_every_check_that_does_not_pass_is_told_with_its_reason(name):
    content = FORMATS[name].render(with_every_outcome(), SOURCES)

    for outcome in ("fail", "inconclusive", "not-run"):
        for need in ("required", "optional"):
            assert f"Because {outcome}-{need}." in content


@pytest.mark.parametrize("name", ["json", "html", "junit", "sarif"])
def test_what_is_no_place_to_compare_does_not_change_with_the_baseline(name):
    record = make_record()
    sources = Sources(comparison=compare_records(record, with_every_outcome()))

    assert FORMATS[name].render(record, sources) == FORMATS[name].render(record, Sources())
