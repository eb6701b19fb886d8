"""Planned looks in a whole audit: bounds at the share of one look, a stop once they are spent, and no way around it."""

from dataclasses import replace

import numpy as np
import pytest

from unlearn_audit.pipeline.audit import judge, reach_verdicts
from unlearn_audit.records import AuditRecord, Outcome, digest_of, write_message
from unlearn_audit.selftest.scenarios import SCENARIOS
from unlearn_audit.selftest.simulation import draw_evidence
from unlearn_audit.verdict.consistency import find_contradictions

SCENARIO = SCENARIOS["sound"]
EVIDENCE = draw_evidence(SCENARIO.simulation, np.random.default_rng(0))


def plan(looks):
    policy = SCENARIO.policy
    return policy.model_copy(update={"protocol": policy.protocol.model_copy(update={"looks": looks})})


def after(*records, evidence=EVIDENCE):
    """Return the evidence of the next audit of the same case, which knows of `records`."""
    runs = {run.record_sha256: run for record in records for run in record.list_runs()}
    made = evidence.provenance.model_copy(update={"earlier_runs": tuple(runs.values())})
    return replace(evidence, provenance=made)


def outcomes(record):
    return {check.outcome for check in record.verdict.checks}


@pytest.fixture(scope="module")
def first():
    return judge(plan(2), EVIDENCE)


@pytest.fixture(scope="module")
def spent(first):
    second = judge(plan(2), after(first))
    assert second.looks.left == 0
    return judge(plan(2), after(second))


def test_without_a_plan_a_record_holds_nothing_of_looks():
    record = judge(SCENARIO.policy, EVIDENCE)
    assert b'"looks":' not in record.to_bytes()
    assert not {"test_sha256", "spent"} & set(record.list_runs()[0].model_dump(mode="json"))


def test_a_plan_of_one_look_changes_no_bound():
    assert judge(plan(1), EVIDENCE).findings == judge(SCENARIO.policy, EVIDENCE).findings


def test_each_look_decides_at_its_share_and_no_bound_is_narrower(first):
    plain = {finding.key: finding for finding in judge(SCENARIO.policy, EVIDENCE).findings}
    share = (1 - SCENARIO.policy.protocol.confidence) / 2
    for check in first.verdict.checks:
        now, before = check.estimate.bounds, plain[next(f.key for f in first.findings if f.estimate == check.estimate)]
        assert now.confidence >= 1 - share - 1e-9
        assert now.low <= before.estimate.bounds.low <= before.estimate.bounds.high <= now.high
    assert first.looks.test_sha256 == EVIDENCE.digest_split("test")
    assert not list(find_contradictions(first))


def test_past_the_plan_no_check_passes_and_none_is_left_open(first, spent):
    assert first.outcome is Outcome.PASS
    assert spent.outcome is Outcome.INCONCLUSIVE
    assert outcomes(spent) == {Outcome.NOT_RUN}
    assert "the policy plans 2 looks at one test split" in spent.verdict.checks[0].reason
    assert not list(find_contradictions(spent))
    assert [v.outcome for v in reach_verdicts(plan(2), after(first, spent), plan=False)] == [Outcome.INCONCLUSIVE]


def test_other_test_records_have_looks_of_their_own(spent):
    ids = np.array([f"new-{name}" for name in EVIDENCE.ids])
    record = judge(plan(2), after(spent, evidence=replace(EVIDENCE, ids=ids)))
    assert (record.looks.earlier, record.outcome) == (0, Outcome.PASS)


def test_the_order_of_the_records_makes_no_other_split():
    order = np.random.default_rng(1).permutation(len(EVIDENCE))
    shuffled = replace(EVIDENCE, ids=EVIDENCE.ids[order], split=EVIDENCE.split[order])
    assert shuffled.digest_split("test") == EVIDENCE.digest_split("test")


def test_who_releases_is_told_of_looks_that_were_not_charged(first):
    text = judge(SCENARIO.policy, after(first)).recommendation.text
    assert "Earlier runs of this case: 1." in text
    assert "This is look 1 of 2 planned" in first.recommendation.text


def change(record, **fields):
    return record.model_copy(update=fields)


def test_no_record_gets_around_its_plan(first, spent):
    fewer = spent.provenance.model_copy(update={"earlier_runs": spent.provenance.earlier_runs[:1]})
    cleared = tuple(finding.model_copy(update={"obstacle": None}) for finding in spent.findings)
    unplanned = judge(SCENARIO.policy, EVIDENCE)
    forged = {
        "no account": change(spent, looks=None),
        "fewer earlier runs": change(spent, provenance=fewer),
        "more looks": change(spent, looks=spent.looks.model_copy(update={"planned": 5})),
        "no obstacle": change(spent, findings=cleared, verdicts=first.verdicts, outcome=first.outcome),
        "bounds of before": change(
            unplanned, policy=first.policy, policy_sha256=digest_of(first.policy), looks=first.looks
        ),
        "an account without a plan": change(unplanned, looks=first.looks),
    }
    for how, record in forged.items():
        assert list(find_contradictions(record)), how


def test_the_account_reads_back_and_its_words_are_not_compared(first):
    assert AuditRecord.from_bytes(first.to_bytes()) == first
    other = change(first, looks=first.looks.model_copy(update={"rule": write_message("quoted", text="other words")}))
    assert not list(find_contradictions(other))
