"""Waivers: an outcome stays what it is, an acceptance has an end and a reach, and no side goes unguarded."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from unlearn_audit.errors import EvidenceError
from unlearn_audit.pipeline.audit import judge, name_known
from unlearn_audit.policy import InvalidPolicyError, parse_policy
from unlearn_audit.records import (
    AuditRecord,
    CheckResult,
    GrantedWaiver,
    Limit,
    MetricKey,
    Outcome,
    Waiver,
    WaiverState,
    choose_waiver,
    decide_outcome,
    find_worst,
    judge_waiver,
    quote_text,
    settle_waivers,
)
from unlearn_audit.records.waivers import AppliedWaiver

MODEL = "0" * 64
"""Digest of the answers that the evidence of these tests is made of."""
DAY = date(2026, 1, 2)
KNOWS = {"original": (3.0, 4.0, 0.0), "retrained": (3.0, 0.0, 0.0), "unlearned": (3.0, 4.0, 0.0)}
CLINICAL = {"original": (3.0, 4.0, 0.0), "retrained": (3.0, 0.0, 0.0), "unlearned": (3.0, 0.0, -3.0)}


def waiver(check="risk", expires="2026-12-31", covers="fail", **rest):
    return Waiver(check=check, reason="Bridges until the next release", approver="A. Head, safety board",
                  expires=expires, covers=covers, model_sha256=MODEL, versions=">=0", **rest)  # fmt: skip


def judged(change_policy, make_evidence, *, models=KNOWS, waivers="", sizes=(500, 700, 300, 1500)):
    policy = change_policy("protocol:", f"{waivers}\nprotocol:" if waivers else "protocol:")
    return judge(policy, make_evidence(sizes=sizes, **models))


def line(check, expires="2026-12-31", covers="fail"):
    bound = f"model_sha256: '{MODEL}', versions: '>=0'"
    return f"{{check: {check}, reason: Because, approver: A. Head, expires: {expires}, {bound}, covers: {covers}}}"


@pytest.mark.parametrize("field", ["check", "reason", "approver", "expires"])
def test_each_of_the_four_parts_is_required(field):
    given_ = {"check": "risk", "reason": "r", "approver": "a", "expires": "2026-12-31"}
    with pytest.raises(ValidationError, match=field):
        Waiver.model_validate({k: v for k, v in given_.items() if k != field})
    with pytest.raises(ValidationError, match=field):
        Waiver.model_validate({**given_, field: ""})


@pytest.mark.parametrize(
    ("outcome", "covers", "day", "state"),
    [
        ("fail", "fail", DAY, WaiverState.IN_FORCE),
        ("inconclusive", "fail", DAY, WaiverState.IN_FORCE),
        ("inconclusive", "inconclusive", DAY, WaiverState.IN_FORCE),
        ("fail", "inconclusive", DAY, WaiverState.TOO_NARROW),
        ("not_run", "fail", DAY, WaiverState.TOO_NARROW),
        ("pass", "fail", DAY, WaiverState.NOT_NEEDED),
        ("pass", "fail", date(2030, 1, 1), WaiverState.NOT_NEEDED),
        ("fail", "fail", date(2026, 12, 31), WaiverState.IN_FORCE),
        ("fail", "fail", date(2027, 1, 1), WaiverState.EXPIRED),
    ],
)
def test_a_waiver_reaches_as_far_as_it_says_and_through_its_last_day(outcome, covers, day, state):
    assert judge_waiver(waiver(covers=covers), outcome, day) is state


def test_of_two_waivers_the_one_in_force_is_chosen_then_the_one_that_ends_last():
    old, new = waiver(expires="2025-12-31"), waiver(expires="2026-03-01")
    both = [GrantedWaiver("policy", old), GrantedWaiver("file", new)]
    chosen = choose_waiver(both, "risk", "fail", DAY)
    assert (chosen.expires, chosen.given_in, chosen.state) == (new.expires, "file", WaiverState.IN_FORCE)
    assert choose_waiver(both, "risk", "fail", date(2027, 1, 1)).expires == new.expires
    assert choose_waiver(both[:1], "other", "fail", DAY) is None


def test_a_model_that_fails_one_waived_check_passes_with_waivers_and_the_check_still_fails(
    change_policy, make_evidence
):
    record = judged(change_policy, make_evidence, models=CLINICAL, waivers=f"waivers: [{line('increase')}]")
    plain = judged(change_policy, make_evidence, models=CLINICAL)
    check = next(c for c in record.verdict.checks if c.id == "increase")

    assert (plain.outcome, plain.verdict.waived) == (Outcome.FAIL, ())
    assert check.outcome is Outcome.FAIL
    assert check.is_waived
    assert [c.outcome for c in record.verdict.checks] == [c.outcome for c in plain.verdict.checks]
    assert record.findings == plain.findings
    others = [c for c in record.verdict.checks if c.required and c.id != "increase"]
    assert record.outcome is find_worst(c.outcome for c in others)
    assert "Waived until 2026-12-31 by A. Head, although fail" in record.verdict.reason
    assert record.verdict.outcome_without_waivers is Outcome.FAIL


def test_a_pass_that_rests_on_a_waiver_never_reads_as_a_pass_alone(change_policy, make_evidence):
    record = judged(
        change_policy, make_evidence, models=KNOWS, waivers=f"waivers: [{line('forgotten')}]"
    )  # forgotten-malignant still fails: one waiver does not spare the other
    assert record.outcome is Outcome.FAIL
    passing = record.verdict.model_copy(
        update={"outcome": Outcome.PASS, "checks": tuple(_passed(c) for c in record.verdict.checks)}
    )
    assert passing.label == "pass with waivers"
    assert record.verdict.label == "fail"


def _passed(check):
    return check if check.is_waived else check.model_copy(update={"outcome": Outcome.PASS})


def test_an_expired_waiver_says_so_and_does_not_count(change_policy, make_evidence):
    record = judged(
        change_policy, make_evidence, models=CLINICAL, waivers=f"waivers: [{line('increase', '2026-01-01')}]"
    )
    check = next(c for c in record.verdict.checks if c.id == "increase")

    assert record.outcome is Outcome.FAIL
    assert check.waiver.state is WaiverState.EXPIRED
    assert "expired on 2026-01-01" in check.waiver.sentence
    assert "expired on 2026-01-01" in record.verdict.reason


def test_waivers_of_a_whole_side_are_void(change_policy, make_evidence):
    both = f"waivers: [{line('forgotten')}, {line('forgotten-malignant')}]"
    record = judged(change_policy, make_evidence, models=KNOWS, waivers=both)

    states = {c.waiver.state for c in record.verdict.checks if c.waiver}
    assert states == {WaiverState.VOID}
    assert record.outcome is Outcome.FAIL
    assert not record.verdict.waived


def test_waivers_speak_of_the_audited_model_alone(change_policy, make_evidence):
    models = {**CLINICAL, "remedied_salun_cra": CLINICAL["unlearned"]}
    policy = change_policy("protocol:", f"waivers: [{line('increase')}]\nprotocol:")
    names = ("original", "retrained", "unlearned", "remedied-salun-cra")
    record = judge(policy, make_evidence(names, sizes=(400, 300, 200, 900), **models))

    assert [any(c.waiver for c in verdict.checks) for verdict in record.verdicts] == [True, False]
    assert record.verdicts[1].outcome is Outcome.FAIL


def test_a_waiver_from_a_file_travels_with_the_evidence_and_judging_again_finds_it(policy, make_evidence):
    evidence = make_evidence(sizes=(300, 300, 200, 800), **CLINICAL)
    given_ = evidence.provenance.model_copy(update={"waivers": (waiver("increase"),)})
    object.__setattr__(evidence, "provenance", given_)

    record = judge(policy, evidence)

    assert next(c for c in record.verdict.checks if c.id == "increase").waiver.given_in == "file"
    assert AuditRecord.from_bytes(record.to_bytes()) == record
    assert judge(policy, evidence).to_bytes() == record.to_bytes()


def test_a_record_without_waivers_has_the_bytes_that_it_had_before_there_were_any(policy, make_evidence):
    record = judge(policy, make_evidence(sizes=(200, 100, 100, 200), **KNOWS))

    assert b"waiver" not in record.to_bytes()
    assert not {"device", "deviations", "earlier_runs"} & set(record.provenance.model_dump(mode="json"))


def test_waivers_without_a_date_to_hold_them_against_are_refused(change_policy, make_evidence):
    policy = change_policy("protocol:", f"waivers: [{line('increase')}]\nprotocol:")
    evidence = make_evidence(sizes=(200, 100, 100, 200), **KNOWS)
    object.__setattr__(evidence, "provenance", evidence.provenance.model_copy(update={"created": "yesterday"}))

    with pytest.raises(EvidenceError, match="yesterday"):
        judge(policy, evidence)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("check: risk", "check: rixk", ("waivers[0].check", "did you mean 'risk'?")),
        ("expires: 2026-12-31", "expires: 31.12.2026", ("waivers[0].expires", "YYYY-MM-DD")),
        ("expires: 2026-12-31", "expires: 2026-02-30", ("waivers[0].expires", "YYYY-MM-DD")),
        ("approver: A. Head, ", "", ("waivers[0].approver", "name and role of the person")),
        ("covers: fail", "covers: pass", ("waivers[0].covers", "'inconclusive', 'fail'")),
        (
            "covers: fail}]",
            "covers: fail}, {check: risk, reason: r, approver: a, expires: 2027-01-01}]",
            ("waivers[1].check", "'risk' again"),
        ),
    ],
)
def test_a_waiver_that_waives_nothing_or_never_ends_is_refused_with_its_place(policy_text, old, new, words):
    text = policy_text + f"waivers: [{line('risk')}]\n"
    assert text.count(old) == 1

    with pytest.raises(InvalidPolicyError) as caught:
        parse_policy(text.replace(old, new), "p.yaml", name_known())
    assert all(word in caught.value.message for word in words), caught.value.message


def test_a_waiver_of_a_check_that_is_not_required_is_refused(policy_text):
    text = policy_text.replace("at_most: 0.5, why: ceiling}", "at_most: 0.5, why: ceiling, required: false}")

    with pytest.raises(InvalidPolicyError, match="nothing to waive"):
        parse_policy(text + f"waivers: [{line('risk')}]\n", "p.yaml", name_known())


KINDS = ("clinical", "forgetting", "utility")


@st.composite
def checks(draw):
    outcome = st.sampled_from(list(Outcome))
    listed = []
    for number in range(draw(st.integers(1, 7))):
        found, required = draw(outcome), draw(st.booleans()) or number == 0
        given_ = None
        if required and draw(st.booleans()):
            covers, ends = draw(st.sampled_from(["inconclusive", "fail"])), draw(st.dates())
            given_ = AppliedWaiver.of(GrantedWaiver("policy", waiver(expires=ends, covers=covers)), found.value, DAY)
        listed.append(
            CheckResult(
                id=f"c{number}", title="t", why="w", kind=draw(st.sampled_from(KINDS)),
                key=MetricKey(metric="m", model="x"),
                limit=Limit(at_most=1), required=required, outcome=found, reasons=(quote_text("r"),), waiver=given_,
            )
        )  # fmt: skip
    return tuple(listed)


@given(checks())
def test_whatever_is_waived_a_pass_needs_a_passing_check_of_every_required_kind(listed):
    settled = settle_waivers(listed)
    required = [check for check in settled if check.required]
    outcome = decide_outcome(settled)

    assert settle_waivers(settled) == settled
    assert [c.outcome for c in settled] == [c.outcome for c in listed]
    if outcome is Outcome.PASS:
        passed = {c.kind for c in required if c.outcome is Outcome.PASS}
        assert passed == {c.kind for c in required}
        assert all(c.outcome is Outcome.PASS or c.is_waived for c in required)
        assert not any(c.is_waived and c.outcome is Outcome.NOT_RUN for c in required)


@given(checks())
def test_waivers_never_make_a_verdict_worse(listed):
    settled = settle_waivers(listed)
    rank = {Outcome.PASS: 0, Outcome.INCONCLUSIVE: 1, Outcome.FAIL: 2}
    assert rank[decide_outcome(settled)] <= rank[decide_outcome(settled, waivers=False)]
