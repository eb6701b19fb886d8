"""Waivers: an ended one stays ended whatever SOURCE_DATE_EPOCH says, and no decoy keeps a side alive."""

from datetime import date

import numpy as np
import pytest

from unlearn_audit.errors import UsageError
from unlearn_audit.pipeline.audit import reach_verdicts
from unlearn_audit.policy import Policy
from unlearn_audit.records import Outcome
from unlearn_audit.records.clock import validate_day
from unlearn_audit.records.verdicts import GUARDS_NO_SIDE
from unlearn_audit.records.waivers import Waiver, WaiverState
from unlearn_audit.selftest.scenarios import SCENARIOS
from unlearn_audit.selftest.simulation import draw_evidence

WAIVER = Waiver(check="risk", reason="r", approver="a", expires=date(2026, 3, 31))


def test_a_false_clock_brings_no_waiver_back_to_life():
    with pytest.raises(UsageError, match=r"ended by this machine's clock, 2026-04-01: 'risk' \(2026-03-31\)"):
        validate_day([WAIVER], date(2026, 3, 1), today=date(2026, 4, 1))


@pytest.mark.parametrize(
    ("day", "today"),
    [
        (date(2026, 3, 31), date(2026, 3, 31)),  # in force, by both
        (date(2026, 4, 1), date(2026, 4, 1)),  # ended, by both: the record says so
        (date(2026, 1, 1), date(2026, 3, 1)),  # in force by both, whatever the date
    ],
)
def test_a_date_that_changes_nothing_is_not_refused(day, today):
    validate_day([WAIVER], day, today)


def waive(policy, checks, extra):
    content = policy.model_dump(mode="json", by_alias=True, exclude_none=True)
    content["checks"] += extra
    content["waivers"] = [
        {
            "check": name,
            "reason": "r",
            "approver": "a",
            "expires": "2027-01-01",
            "covers": "fail",
            "model_sha256": draw_evidence(
                SCENARIOS["no-op"].simulation, np.random.default_rng(0)
            ).provenance.data.sha256,
            "versions": ">=0",
        }
        for name in checks
    ]
    return Policy.model_validate(content)


def test_a_decoy_keeps_no_side_alive():
    """An untouched original leaks nothing about retained records: with that check alone the side is unguarded."""
    scenario = SCENARIOS["no-op"]
    decoy = {"id": "decoy", "metric": "retain-leakage", "against": "original", "at_most": 0.4, "why": "w"}
    sides = ("forgotten", "forgotten-malignant", "found", "like-retrained")
    evidence = draw_evidence(scenario.simulation, np.random.default_rng(0))
    (verdict,) = reach_verdicts(waive(scenario.policy, sides, [decoy]), evidence, plan=False)
    assert verdict.outcome is not Outcome.PASS
    assert {c.waiver.state for c in verdict.checks if c.waiver} <= {WaiverState.VOID, WaiverState.NOT_NEEDED}
    assert "retain-leakage" in GUARDS_NO_SIDE


@pytest.mark.parametrize(("days", "counts"), [(366, True), (200, False), (0, False)])
def test_a_waiver_that_lasts_longer_than_the_policy_lets_it_counts_for_nothing(days, counts):
    """Collected on 1 January 2026, ended on 1 January 2027: 365 days."""
    scenario = SCENARIOS["worse"]
    checks = [check.id for check in scenario.policy.checks if check.required]
    policy = waive(scenario.policy, checks[:1], []).model_copy(update={"waiver_days": days})
    evidence = draw_evidence(scenario.simulation, np.random.default_rng(0))
    (verdict,) = reach_verdicts(policy, evidence, plan=False)
    assert any(check.waiver is not None for check in verdict.checks) is counts
