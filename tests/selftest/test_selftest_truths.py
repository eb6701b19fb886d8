"""The planted truths are true: closed forms against one large sample, drawn as every repeat is."""

import dataclasses

import numpy as np
import pytest

from unlearn_audit.pipeline.audit import name_known, reach_verdicts
from unlearn_audit.policy import list_policies, load_policy
from unlearn_audit.records import Outcome
from unlearn_audit.selftest import SCENARIOS, simulation
from unlearn_audit.selftest.closed_form_truth import compute_truth
from unlearn_audit.selftest.forgeries import FORGERIES
from unlearn_audit.selftest.reference_scenarios import REFERENCE_SCENARIOS, SHIFT
from unlearn_audit.selftest.scenarios import Scenario
from unlearn_audit.selftest.simulation import Simulation, draw_evidence
from unlearn_audit.stats import score_logit

FACTOR = 60
ODD = Simulation(
    unlearned=simulation.Behaviour(0.7, 1.9, retain=0.3, forget_positive=0.6, forget_negative=-0.4),
    original=simulation.Behaviour(1.2, 1.0, forget_positive=1.5),
    retrained=simulation.Behaviour(1.6, 1.4, forget_negative=0.2),
    agreement=0.6,
)


@pytest.fixture
def many_records(monkeypatch):
    monkeypatch.setattr(
        "unlearn_audit.selftest.simulation.SIZES", {n: FACTOR * size for n, size in simulation.SIZES.items()}
    )


@pytest.mark.parametrize("images", [1, pytest.param(2, marks=pytest.mark.thorough)])
def test_every_closed_form_agrees_with_a_large_sample(many_records, images):
    """An odd plant: nothing equal, nothing zero, so that a mixed-up class, model or sign shows."""
    odd = dataclasses.replace(ODD, images=images)
    verdict = reach_verdicts(Scenario("odd", odd).policy, draw_evidence(odd, np.random.default_rng(5)))[0]
    costs = Scenario("odd", odd).policy.costs

    for check, result in zip(Scenario("odd", odd).policy.checks, verdict.checks, strict=True):
        truth = compute_truth(odd, check, costs)
        assert result.estimate.value == pytest.approx(truth, abs=0.008 * (4 if "risk" in check.metric else 1)), check.id


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_boundary_scenario_has_one_value_on_its_tolerance_and_all_others_inside(name):
    scenario = SCENARIOS[name]
    standings = {check.id: standing for check, _, standing in scenario.list_truths()}

    assert [scenario.on] if scenario.on else [i for i, standing in standings.items() if standing == "on"] == []
    assert ("beyond" in standings.values()) == (scenario.kind == "failure")
    assert scenario.kind != "boundary" or "beyond" not in standings.values()


def test_there_is_a_boundary_scenario_for_each_side_that_a_check_of_the_gate_guards():
    guarded = {(check.id, end) for check in SCENARIOS["sound"].policy.checks for end in _ends_of(check)}
    planted = {(s.on, s.end if _is_two_sided(s) else "one") for s in SCENARIOS.values() if s.on}

    assert guarded == planted


def _is_two_sided(scenario):
    return any(check.id == scenario.on and check.within for check in scenario.policy.checks)


def _ends_of(check):
    return ("low", "high") if check.within else ("one",)


def test_the_gate_holds_every_metric_that_a_shipped_policy_decides_by():
    policies = [load_policy(path, name_known()) for path in list_policies().values()]
    decided = {check.metric for policy in policies for check in policy.checks if check.required}
    gates = [SCENARIOS["sound"].policy, *(scenario.policy for scenario in REFERENCE_SCENARIOS.values())]

    assert decided <= {check.metric for gate in gates for check in gate.checks}


@pytest.mark.parametrize("name", [n for n, scenario in REFERENCE_SCENARIOS.items() if scenario.checks == "pairs"])
def test_the_closed_form_of_pairs_agrees_with_many_pairs(name):
    """Thirty draws of 16 pairs: P(IN > OUT) is known to within .01."""
    scenario = REFERENCE_SCENARIOS[name]
    checks = [check for check in scenario.policy.checks if check.metric == "paired-recognition"]
    found = {check.id: [] for check in checks}
    for draw in range(30):
        (verdict,) = reach_verdicts(scenario.policy, scenario.draw(np.random.default_rng(draw)), plan=False)
        for result in verdict.checks:
            if result.id in found:
                found[result.id].append(result.estimate.value)

    for check in checks:
        assert np.mean(found[check.id]) == pytest.approx(scenario.compute_truth(check), abs=0.01), check.id


def test_the_one_record_is_the_same_in_every_model_that_was_trained_on_it():
    scenario = REFERENCE_SCENARIOS["one-in-two-hundred"]
    evidence = scenario.draw(np.random.default_rng(0))
    references, first = evidence.references, int(np.argmax(evidence.split == "forget"))
    phi = np.stack([score_logit(model, evidence.label) for model in references.unlearned["unlearned"]])
    seen = references.trained_on[:, first]

    assert phi[seen, first].mean() - phi[~seen, first].mean() == pytest.approx(SHIFT, abs=1.0)
    others = references.trained_on[:, first + 1 : first + 50]
    rest = zip(phi[:, first + 1 : first + 50].T, others.T, strict=True)
    differences = [column[seen].mean() - column[~seen].mean() for column, seen in rest]
    assert abs(np.mean(differences)) < 0.2


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forgery_is_caught_or_said_to_be_beyond_any_gate(name):
    forgery = FORGERIES[name]
    (verdict,) = reach_verdicts(forgery.policy, forgery.draw(np.random.default_rng(3)), plan=False)

    assert (verdict.outcome is Outcome.PASS) == (forgery.kind == "undetectable")


def test_no_check_of_a_clear_failure_is_left_to_one_kind_of_model():
    """Over all clear failures each check is beyond its tolerance at least once."""
    failing = {
        c.id for s in SCENARIOS.values() if s.kind == "failure" for c, _, st in s.list_truths() if st == "beyond"
    }

    assert {check.id for check in SCENARIOS["sound"].policy.checks} == failing


@pytest.mark.parametrize("name", SCENARIOS)
def test_nothing_but_its_numbers_keeps_a_planted_model_from_passing(name):
    """What stands in the way of every pass would hide how often a sound gate passes by error."""
    scenario = SCENARIOS[name]
    (verdict,) = reach_verdicts(scenario.policy, draw_evidence(scenario.simulation, np.random.default_rng(3)))

    assert [check.id for check in verdict.checks if check.outcome is Outcome.NOT_RUN] == []
