"""SARIF: what a code-scanning service gets to see."""

import json

import jsonschema
import pytest

from tests.support.pipeline_records import HOSTILE, SOURCES, make_check, with_checks, with_every_outcome, with_text
from tests.support.sarif_schema import LOG
from unlearn_audit.formats.sarif import render_sarif
from unlearn_audit.formats.sources import Sources
from unlearn_audit.records import Outcome, quote_text


def read(record, sources=SOURCES):
    log = json.loads(render_sarif(record, sources))
    jsonschema.Draft7Validator(LOG).validate(log)
    return log["runs"][0]


def by_rule(run):
    return {result["ruleId"]: result for result in run["results"]}


def test_passed_checks_are_rules_without_a_result():
    run = read(with_every_outcome())

    assert len(run["tool"]["driver"]["rules"]) == 8
    assert not {"pass-required", "pass-optional"} & by_rule(run).keys()


@pytest.mark.parametrize(
    ("check", "level"),
    [
        ("fail-required", "error"),
        ("inconclusive-required", "error"),
        ("not-run-required", "error"),
        ("fail-optional", "warning"),
        ("inconclusive-optional", "warning"),
        ("not-run-optional", "note"),
    ],
)
def test_a_required_check_that_is_not_passed_is_an_error_whatever_kept_it_from_passing(check, level):
    result = by_rule(read(with_every_outcome()))[check]

    assert (result["kind"], result["level"]) == ("fail", level)


def test_a_result_names_its_rule_twice_and_alike():
    run = read(with_every_outcome())

    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]


def test_a_result_points_at_its_line_in_the_policy():
    place = by_rule(read(with_every_outcome()))["fail-required"]["locations"][0]["physicalLocation"]

    assert place == {"artifactLocation": {"uri": "policies/lesions.yaml"}, "region": {"startLine": 12}}


def test_a_line_that_is_not_known_is_left_out_rather_than_invented():
    place = by_rule(read(with_every_outcome()))["not-run-required"]["locations"][0]["physicalLocation"]

    assert "region" not in place


def test_a_path_becomes_a_uri():
    place = read(with_every_outcome(), Sources("meine Regeln/Läsionen #1.yaml"))["results"][0]["locations"][0]

    assert place["physicalLocation"]["artifactLocation"]["uri"] == "meine%20Regeln/L%C3%A4sionen%20%231.yaml"


def test_the_fingerprint_stays_when_line_title_reason_and_numbers_change_and_differs_between_checks():
    first = by_rule(read(with_every_outcome()))
    again = make_check(
        Outcome.INCONCLUSIVE, id="fail-required", title="Other", reasons=(quote_text("Other."),), estimate=None
    )
    (changed,) = read(with_checks(again), Sources("elsewhere.yaml", {"fail-required": 99}))["results"]

    assert changed["partialFingerprints"] == first["fail-required"]["partialFingerprints"]
    assert len({json.dumps(result["partialFingerprints"]) for result in first.values()}) == len(first) == 6


def test_the_fingerprint_differs_between_policies():
    record = with_every_outcome()
    other = record.model_copy(update={"policy": {**record.policy, "id": "another"}})

    marks = [by_rule(read(r))["fail-required"]["partialFingerprints"]["unlearnAuditCheck/v1"] for r in (record, other)]
    assert marks[0] != marks[1]


def test_a_passing_audit_has_no_results():
    assert read(with_checks(make_check(Outcome.PASS), outcome=Outcome.PASS))["results"] == []


def test_the_fingerprint_that_github_computes_from_the_line_is_left_to_its_upload():
    """Its upload warns of every other value there, and fills it in where there is none."""
    for result in read(with_every_outcome())["results"]:
        assert set(result["partialFingerprints"]) == {"unlearnAuditCheck/v1"}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_stays_a_valid_log_without_links(text):
    run = read(with_text(text))

    assert all("](" not in result["message"]["text"] for result in run["results"])
