"""Annotations: GitHub's runner obeys the lines that it takes for commands, so each is counted here."""

import re

import pytest

from tests.support.pipeline_records import HOSTILE, SOURCES, make_check, with_checks, with_every_outcome, with_text
from unlearn_audit.formats.github import render_github
from unlearn_audit.formats.sources import Sources
from unlearn_audit.records import Outcome

COMMAND = re.compile(r"^\s*::(?P<name>[\w-]+)(?: (?P<properties>[^:]*))?::(?P<message>.*)$")


def obey(content):
    """Return the commands that a runner would carry out, in the manner of its parser."""
    obeyed, stopped = [], None
    for line in content.splitlines():
        found = COMMAND.match(line)
        if stopped is not None:
            stopped = None if found and found["name"] == stopped else stopped
        elif found and found["name"] == "stop-commands":
            stopped = found["message"]
        elif found:
            pairs = (pair.split("=", 1) for pair in (found["properties"] or "").split(",") if pair)
            obeyed.append((found["name"], dict(pairs), found["message"]))
        assert stopped or "##[" not in line.lower() or line.startswith("::")
    assert stopped is None
    return obeyed


def test_the_verdict_comes_first_then_the_gravest():
    names = [name for name, _, _ in obey(render_github(with_every_outcome(), SOURCES))]

    assert names == ["error", "error", "error", "error", "warning", "warning", "notice", "group", "endgroup"]


def test_an_annotation_stands_at_the_line_of_its_check():
    annotations = obey(render_github(with_every_outcome(), SOURCES))

    lines = {properties.get("title"): properties.get("line") for _, properties, _ in annotations}
    assert lines["fail-required%3A Title of fail-required"] == "12"
    assert lines["not-run-required%3A Title of not-run-required"] is None


def test_a_passing_audit_has_a_notice_and_no_error():
    record = with_checks(make_check(Outcome.PASS), outcome=Outcome.PASS)
    ((name, properties, _), *_) = obey(render_github(record, Sources()))

    assert (name, properties["title"]) == ("notice", "Unlearning audit%3A PASS")


def test_an_inconclusive_audit_is_an_error_and_says_so():
    record = with_checks(make_check(Outcome.INCONCLUSIVE), outcome=Outcome.INCONCLUSIVE)
    ((name, properties, _), *_) = obey(render_github(record, Sources()))

    assert (name, properties["title"]) == ("error", "Unlearning audit%3A INCONCLUSIVE")


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_no_text_becomes_a_command_or_a_property(text):
    annotations = obey(render_github(with_text(text), Sources(policy_file=text)))

    assert [name for name, _, _ in annotations] == ["error"] * 4 + ["group", "endgroup"]
    assert all(properties.keys() <= {"file", "line", "title"} for _, properties, _ in annotations)
