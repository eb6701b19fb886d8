"""Guards: a check that the untouched original or a collapsed model passes keeps no side of a waived audit alive."""

import numpy as np
import pytest

from unlearn_audit.pipeline.audit import judge, reach_verdicts
from unlearn_audit.policy import Acceptances, Policy
from unlearn_audit.records import Outcome, WaiverState
from unlearn_audit.selftest.scenarios import SCENARIOS
from unlearn_audit.selftest.simulation import draw_evidence
from unlearn_audit.verdict.consistency import find_contradictions
from unlearn_audit.verdict.guards import list_idle_checks

EVIDENCE = draw_evidence(SCENARIOS["no-op"].simulation, np.random.default_rng(0))
FORGETTING = ("forgotten", "forgotten-malignant", "found", "like-retrained")
BOUND = {"model_sha256": EVIDENCE.provenance.data.sha256, "versions": ">=0"}


def waive(extra, checks=FORGETTING):
    content = SCENARIOS["no-op"].policy.model_dump(mode="json", by_alias=True, exclude_none=True)
    content["checks"].append({"id": "extra", "why": "w", **extra})
    content["waivers"] = [
        {"check": name, "reason": "r", "approver": "a", "expires": "2026-12-31", "covers": "fail", **BOUND}
        for name in checks
    ]
    return Policy.model_validate(content)


def states(verdict):
    return {check.waiver.state for check in verdict.checks if check.waiver}


@pytest.mark.parametrize(
    "decoy",
    [
        {"metric": "membership-auc", "within": [0.0, 0.9999]},
        {"metric": "membership-auc", "among": "positive", "at_most": 0.9999},
        {"metric": "retain-leakage", "against": "original", "at_most": 0.4},
    ],
)
def test_no_forgetting_check_that_the_untouched_original_passes_keeps_the_side_alive(decoy):
    policy = waive(decoy)
    record = judge(policy, EVIDENCE)
    assert record.outcome is Outcome.FAIL
    assert WaiverState.IN_FORCE not in states(record.verdict)
    assert WaiverState.VOID in states(record.verdict)
    assert not list(find_contradictions(record))
    assert states(reach_verdicts(policy, EVIDENCE, plan=False)[0]) == states(record.verdict)


@pytest.mark.parametrize(("at_most", "idle"), [(100.0, True), (0.62, True), (0.3, False)])
def test_a_clinical_check_that_a_model_passes_which_calls_everybody_positive_or_nobody_is_idle(at_most, idle):
    policy = waive({"metric": "global-risk", "at_most": at_most}, ("forgotten",))
    record = judge(policy, EVIDENCE)
    found = list_idle_checks(policy, record.findings, Acceptances.of(policy, EVIDENCE.provenance, "unlearned"))
    assert ("extra" in found) is idle


def test_a_check_that_the_original_does_not_pass_still_guards():
    policy = waive({"metric": "membership-auc", "at_most": 0.55})
    verdict = judge(policy, EVIDENCE).verdict
    assert WaiverState.IN_FORCE in states(verdict)
    assert verdict.outcome is Outcome.FAIL  # the check that is left stops the model


def test_where_nothing_is_waived_nothing_is_asked():
    assert list_idle_checks(SCENARIOS["no-op"].policy, (), Acceptances()) == frozenset()
