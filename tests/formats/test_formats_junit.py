"""JUnit XML, read as GitLab and Jenkins read it."""

import xml.etree.ElementTree as ET

import pytest

from tests.support.pipeline_records import HOSTILE, SOURCES, make_check, with_checks, with_every_outcome, with_text
from unlearn_audit.formats.junit import render_junit
from unlearn_audit.formats.sources import Sources
from unlearn_audit.records import Outcome

ALLOWED = {
    "testsuites": {"name", "tests", "failures", "errors", "skipped"},
    "testsuite": {"name", "tests", "failures", "errors", "skipped", "timestamp"},
    "properties": set(),
    "property": {"name", "value"},
    "testcase": {"classname", "name", "file"},
    "failure": {"type", "message"},
    "error": {"type", "message"},
    "skipped": {"message"},
    "system-out": set(),
}


def read(record, sources=SOURCES):
    return ET.fromstring(render_junit(record, sources).encode())  # noqa: S314 - written by us, a line above


def find_result(suites, name):
    (case,) = [case for case in suites.iter("testcase") if case.get("name").startswith(f"{name}:")]
    (child,) = case
    return child


@pytest.mark.parametrize(
    ("check", "element"),
    [
        ("pass-required", "system-out"),
        ("pass-optional", "system-out"),
        ("fail-required", "failure"),
        ("fail-optional", "failure"),
        ("inconclusive-required", "error"),
        ("inconclusive-optional", "error"),
        ("not-run-required", "error"),
        ("not-run-optional", "skipped"),
    ],
)
def test_outcomes_become_elements_and_a_required_check_is_never_skipped(check, element):
    assert find_result(read(with_every_outcome()), check).tag == element


def test_the_reason_stands_in_the_message_for_jenkins_and_in_the_text_for_gitlab():
    failure = find_result(read(with_every_outcome()), "fail-required")

    assert "Because fail-required." in failure.get("message")
    assert "Because fail-required." in failure.text
    assert "The board agreed" in failure.text


def test_a_skipped_check_says_why():
    assert "Because not-run-optional." in find_result(read(with_every_outcome()), "not-run-optional").get("message")


def test_the_counts_are_those_of_the_elements():
    suites = read(with_every_outcome())

    for level in (suites, suites[0]):
        assert [int(level.get(name)) for name in ("tests", "failures", "errors", "skipped")] == [8, 2, 3, 1]


def test_only_elements_and_attributes_that_readers_know_are_used():
    for element in read(with_every_outcome()).iter():
        assert set(element.attrib) == ALLOWED[element.tag]


def test_each_case_has_a_name_of_its_own_that_holds_no_numbers_of_the_run():
    first, second = make_check(Outcome.FAIL, id="a", title="Same"), make_check(Outcome.FAIL, id="b", title="Same")
    names = [case.get("name") for case in read(with_checks(first, second)).iter("testcase")]

    assert names == ["a: Same", "b: Same"]


def test_the_cases_name_policy_and_kind_and_the_policy_file():
    case = next(read(with_every_outcome()).iter("testcase"))

    assert case.get("classname") == "unlearn-audit.dermatology.clinical"
    assert case.get("file") == "policies/lesions.yaml"


def test_the_verdict_and_the_advice_are_properties():
    found = {p.get("name"): p.get("value") for p in read(with_every_outcome()).iter("property")}

    assert found["verdict"] == "fail"
    assert found["recommendation"].startswith("Do not release")


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_stays_text(text):
    suites = read(with_text(text), Sources(policy_file=text))

    assert {element.tag for element in suites.iter()} <= ALLOWED.keys()
    assert len(list(suites.iter("testcase"))) == 4
