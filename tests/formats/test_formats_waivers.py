"""Waivers in the report and in every format: printed, counted out, suppressed, and refused where they do not hold."""

import json
import xml.etree.ElementTree as ET
from datetime import date

import pytest
from jsonschema import Draft7Validator

from tests.support.sarif_schema import LOG
from tests.support.waived_records import APPROVER, REASON, make_waiver, with_waivers
from unlearn_audit.bundle.attestation import make_statement
from unlearn_audit.errors import ExitCode, IntegrityError
from unlearn_audit.formats.github import render_github
from unlearn_audit.formats.html import render_html
from unlearn_audit.formats.junit import render_junit
from unlearn_audit.formats.markdown import render_markdown
from unlearn_audit.formats.sarif import render_sarif
from unlearn_audit.formats.severity import Severity, describe, outcome_of, weigh
from unlearn_audit.formats.sources import Sources
from unlearn_audit.records import AuditRecord, Outcome, WaiverState
from unlearn_audit.verification.integrity import read_record
from unlearn_audit.verification.verification import State, Verification, judge_waivers

SOURCES = Sources("policy.yaml", {"ranking": 7})
FAILS = {"ranking": Outcome.FAIL}


@pytest.fixture(scope="module", params=["policy", "file"])
def waived(request):
    return with_waivers(FAILS, make_waiver("ranking"), given_in=request.param)


@pytest.fixture(scope="module")
def expired():
    return with_waivers(FAILS, make_waiver("ranking", "2026-01-31"))


def find(record, name="ranking"):
    return next(check for check in record.verdict.checks if check.id == name)


def test_the_record_reads_back_and_contradicts_itself_nowhere(waived, expired):
    for record in (waived, expired):
        assert read_record(record.to_bytes()) == record
    assert (waived.outcome, expired.outcome) == (Outcome.PASS, Outcome.FAIL)


@pytest.mark.parametrize("given_in", ["policy", "file"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"expires": date(2027, 12, 31)}, "granted by neither"),
        ({"approver": "Somebody else"}, "granted by neither"),
        ({"covers": "inconclusive"}, "granted by neither"),
        ({"check": "missed"}, "granted by neither"),
        ({"given_in": "other"}, "granted by neither"),
        ({"state": WaiverState.NOT_NEEDED}, "does not count as the record says"),
    ],
)
def test_a_waiver_that_nobody_granted_or_that_counts_otherwise_is_refused(given_in, change, message):
    record = with_waivers(FAILS, make_waiver("ranking"), given_in=given_in)
    change = {
        key: ({"policy": "file", "file": "policy"}[given_in] if key == "given_in" else v) for key, v in change.items()
    }
    checks = tuple(
        c.model_copy(update={"waiver": c.waiver.model_copy(update=change)}) if c.waiver else c
        for c in record.verdict.checks
    )
    forged = record.model_copy(
        update={"verdicts": (record.verdict.model_copy(update={"checks": checks}), *record.verdicts[1:])}
    )
    with pytest.raises(IntegrityError, match=message):
        read_record(forged.to_bytes())


def test_a_waiver_that_has_ended_cannot_be_made_to_count_by_its_state(expired):
    check = find(expired)
    forced = check.model_copy(update={"waiver": check.waiver.model_copy(update={"state": WaiverState.IN_FORCE})})
    checks = tuple(forced if c.id == check.id else c for c in expired.verdict.checks)
    verdict = expired.verdict.model_copy(update={"checks": checks, "outcome": Outcome.PASS})
    forged = expired.model_copy(update={"verdicts": (verdict, *expired.verdicts[1:]), "outcome": Outcome.PASS})
    with pytest.raises(IntegrityError, match="does not count as the record says"):
        read_record(forged.to_bytes())


def test_a_waiver_on_a_remedied_model_is_refused():
    record = with_waivers(FAILS, make_waiver("ranking"))
    checks = tuple(
        mine.model_copy(update={"waiver": given.waiver})
        for mine, given in zip(record.verdicts[1].checks, record.verdict.checks, strict=True)
    )
    other = record.verdicts[1].model_copy(update={"checks": checks})
    forged = record.model_copy(update={"verdicts": (record.verdict, other, *record.verdicts[2:])})
    with pytest.raises(IntegrityError, match="granted by neither"):
        read_record(forged.to_bytes())


def test_the_report_says_with_waivers_who_why_until_when_and_that_the_check_fails(waived):
    html = render_html(waived)
    text = " ".join(html.split())
    assert "PASS WITH WAIVERS" in text
    assert 'class="banner waived"' in html
    assert 'class="banner pass"' not in html
    assert APPROVER in text
    assert REASON in text
    assert "2026-12-31" in text
    assert '<span class="mark fail"><span class="sign" aria-hidden="true">\u2717</span>&#160;fail</span>' in html
    assert '<span class="below">waived</span>' in html


def test_an_expired_waiver_has_its_own_words_in_the_report(expired):
    html = render_html(expired)
    assert "expired on 2026-01-31, before the evidence was collected" in html
    assert "WITH WAIVERS" not in html


def test_a_waived_check_is_a_warning_to_a_gate_and_an_expired_one_an_error(waived, expired):
    assert (weigh(find(waived)), weigh(find(expired))) == (Severity.WARNING, Severity.ERROR)
    assert outcome_of(find(waived)) == "FAIL (waived)"
    assert outcome_of(find(expired)) == "FAIL"
    assert f"Waived until 2026-12-31 by {APPROVER}" in describe(find(waived))
    assert "expired on 2026-01-31" in describe(find(expired))


def read_sarif(record):
    log = json.loads(render_sarif(record, SOURCES))
    Draft7Validator(LOG).validate(log)
    return log["runs"][0]


def test_sarif_has_no_result_and_so_no_open_alert_of_what_is_waived_and_says_who_waived_it(waived):
    run = read_sarif(waived)
    assert run["results"] == []
    assert run["properties"]["waivedChecks"] == ["ranking"]
    (notification,) = run["invocations"][0]["toolExecutionNotifications"]
    assert run["tool"]["driver"]["rules"][notification["associatedRule"]["index"]]["id"] == "ranking"
    assert notification["level"] == "warning"
    for part in ("FAIL (waived)", REASON, APPROVER, "2026-12-31"):
        assert part in notification["message"]["text"]


def test_sarif_has_an_error_of_what_an_expired_waiver_covered(expired):
    run = read_sarif(expired)
    (result,) = run["results"]
    assert (result["level"], result["properties"]["outcome"]) == ("error", "fail")
    assert "toolExecutionNotifications" not in run["invocations"][0]


def read_junit(record):
    return ET.fromstring(render_junit(record, SOURCES))  # noqa: S314 - written by us, in this line


def test_junit_skips_what_is_waived_and_fails_what_is_expired(waived, expired):
    root = read_junit(waived)
    assert (root.get("failures"), root.get("errors"), root[0].get("skipped")) == ("0", "0", "1")
    assert "Waived until" in root.find(".//skipped").get("message")
    assert root.find(".//property[@name='verdict']").get("value") == "pass with waivers"
    assert read_junit(expired).get("failures") == "1"


def test_markdown_and_github_say_with_waivers_and_warn(waived, expired):
    markdown = render_markdown(waived, SOURCES)
    assert markdown.startswith("## ! Unlearning audit: PASS WITH WAIVERS")
    assert "FAIL (waived)" in markdown
    log = render_github(waived, SOURCES).splitlines()
    assert log[0].startswith("::warning file=policy.yaml,title=Unlearning audit%3A PASS WITH WAIVERS::")
    assert any(row.startswith("::warning") and "ranking" in row for row in log)
    assert render_markdown(expired, SOURCES).startswith("## \u2717 Unlearning audit: FAIL")
    assert render_github(expired, SOURCES).startswith("::error")


def test_the_attestation_warns_instead_of_passing(waived, expired):
    predicate = json.loads(make_statement({}, waived))["predicate"]
    assert (predicate["result"], predicate["failedTests"]) == ("WARNED", [])
    assert "ranking" in predicate["warnedTests"]
    predicate = json.loads(make_statement({}, expired))["predicate"]
    assert (predicate["result"], predicate["failedTests"]) == ("FAILED", ["ranking"])


@pytest.mark.parametrize(
    ("today", "state", "code"),
    [
        (date(2026, 12, 31), State.WAIVED, ExitCode.PASS),
        (date(2027, 1, 1), State.EXPIRED, ExitCode.FAIL),
    ],
)
def test_verifying_counts_a_waiver_as_long_as_it_lasts(waived, today, state, code):
    line = judge_waivers(waived, today)
    assert line.state is state
    assert APPROVER in line.sentence
    sound = tuple(line for line in (line, _authentic()) if line)
    assert Verification(sound, waived).exit_code is code


def _authentic():
    from unlearn_audit.verification.answers import VerificationCheck

    return VerificationCheck("authenticity", State.OK, "")


def test_verifying_says_none_where_there_is_none(expired):
    assert judge_waivers(with_waivers({}), date(2026, 5, 1)).sentence == "None."
    line = judge_waivers(expired, date(2026, 5, 1))
    assert (line.state, line.sentence) == (State.OK, "None counts (1 named).")


def test_a_record_of_before_there_were_waivers_still_reads(record):
    assert b"waiver" not in record.to_bytes()
    assert AuditRecord.from_bytes(record.to_bytes()).verdict.waived == ()
