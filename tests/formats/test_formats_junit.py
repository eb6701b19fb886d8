"""JUnit XML, read as GitLab and Jenkins read it."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.support.pipeline_records import HOSTILE, SOURCES, make_check, with_checks, with_every_outcome, with_text
from tests.support.waived_records import make_waiver, with_waivers
from unlearn_audit.formats.junit import render_junit
from unlearn_audit.formats.sources import Sources
from unlearn_audit.records import Outcome

ALLOWED = {
    "testsuites": {"name", "tests", "failures", "errors", "time"},
    "testsuite": {"name", "tests", "failures", "errors", "skipped", "time", "timestamp", "file"},
    "properties": set(),
    "property": {"name", "value"},
    "testcase": {"classname", "name", "time"},
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
        ("fail-optional", "skipped"),
        ("inconclusive-required", "error"),
        ("inconclusive-optional", "skipped"),
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


@pytest.mark.parametrize("outcome", ["FAIL", "INCONCLUSIVE", "NOT RUN"])
def test_a_skipped_check_says_what_came_out_and_why(outcome):
    name = f"{outcome.lower().replace(' ', '-')}-optional"
    message = find_result(read(with_every_outcome()), name).get("message")

    assert message.startswith(f"{outcome} (not required)")
    assert f"Because {name}." in message


@pytest.mark.parametrize("outcome", [Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.NOT_RUN])
def test_a_pass_has_neither_failure_nor_error_whatever_is_not_required(outcome):
    passing = with_checks(make_check(Outcome.PASS), make_check(outcome, required=False), outcome=Outcome.PASS)
    suites = read(passing)

    assert {element.tag for element in suites.iter()} & {"failure", "error"} == set()
    for level in (suites, suites[0]):
        assert (level.get("failures"), level.get("errors")) == ("0", "0")


@pytest.mark.parametrize("outcome", [Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.NOT_RUN])
def test_a_required_check_that_does_not_pass_is_never_green(outcome):
    suites = read(with_checks(make_check(Outcome.PASS), make_check(outcome)))

    assert int(suites.get("failures")) + int(suites.get("errors")) == 1


@pytest.mark.parametrize(
    "record", [with_every_outcome(), with_waivers({"ranking": Outcome.FAIL}, make_waiver("ranking"))]
)
def test_the_file_is_valid_by_the_schema_of_jenkins_xunit_plugin(record):
    etree = pytest.importorskip("lxml.etree")
    schema = etree.XMLSchema(etree.parse(Path(__file__).with_name("junit-10.xsd")))

    schema.assertValid(etree.fromstring(render_junit(record, SOURCES).encode()))


def test_the_schema_refuses_what_was_written_once():
    etree = pytest.importorskip("lxml.etree")
    schema = etree.XMLSchema(etree.parse(Path(__file__).with_name("junit-10.xsd")))
    good = render_junit(with_every_outcome(), SOURCES)

    for bad in (
        good.replace("<testsuites ", '<testsuites skipped="1" '),
        good.replace("<testcase ", '<testcase file="p.yaml" '),
        good.replace(' time="0"', ' time="soon"'),
        good.replace("<properties>", "<property/><properties>"),
    ):
        assert bad != good
        assert not schema.validate(etree.fromstring(bad.encode()))


def test_suites_and_cases_have_a_time_as_readers_want_one():
    suites = read(with_every_outcome())

    assert {element.get("time") for element in (suites, suites[0], *suites.iter("testcase"))} == {"0"}


def test_the_counts_are_those_of_the_elements():
    suites = read(with_every_outcome())

    assert [int(suites[0].get(name)) for name in ("tests", "failures", "errors", "skipped")] == [8, 1, 2, 3]
    assert [int(suites.get(name)) for name in ("tests", "failures", "errors")] == [8, 1, 2]


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

    assert read(with_every_outcome())[0].get("file") == "policies/lesions.yaml"


def test_the_verdict_and_the_advice_are_properties():
    found = {p.get("name"): p.get("value") for p in read(with_every_outcome()).iter("property")}

    assert found["verdict"] == "fail"
    assert found["recommendation"].startswith("Do not release")


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_stays_text(text):
    suites = read(with_text(text), Sources(policy_file=text))

    assert {element.tag for element in suites.iter()} <= ALLOWED.keys()
    assert len(list(suites.iter("testcase"))) == 4
