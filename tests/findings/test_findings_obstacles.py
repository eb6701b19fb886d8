"""What no bad model may pass by: one model in two roles, repeated records, and records that nobody recognises."""

from dataclasses import replace

import numpy as np
import pytest

from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.findings.measurement import measure
from unlearn_audit.pipeline.audit import reach_verdicts
from unlearn_audit.records import Outcome
from unlearn_audit.selftest.scenarios import SCENARIOS
from unlearn_audit.selftest.simulation import Behaviour, Simulation, draw_evidence

SOUND = Simulation()
POLICY = SCENARIOS["sound"].policy
FORGETTING = {"forgotten", "forgotten-malignant", "like-retrained"}


def draw(simulation=SOUND):
    return draw_evidence(simulation, np.random.default_rng(3))


def judge(evidence):
    (verdict,) = reach_verdicts(POLICY, evidence, plan=False)
    return {check.id: check for check in verdict.checks}


def copy_answers(evidence, source, target, noise=0.0):
    answers = evidence.log_probs[source]
    odds = answers[:, 1] - answers[:, 0] + noise * np.random.default_rng(0).standard_normal(len(answers))
    copied = np.column_stack([-np.logaddexp(0, odds), -np.logaddexp(0, -odds)])
    return replace(evidence, log_probs={**evidence.log_probs, target: copied})


def causes(check):
    return {cause.code for reason in check.reasons for cause in reason.causes}


def test_a_sound_model_meets_no_obstacle():
    assert all(check.outcome is not Outcome.NOT_RUN for check in judge(draw()).values())


@pytest.mark.parametrize("noise", [0.0, 1e-5])
@pytest.mark.parametrize(
    ("source", "target", "code", "stopped"),
    [
        ("original", "unlearned", "model-is-the-original", FORGETTING),
        ("unlearned", "retrained", "model-is-the-retrained", {"like-retrained"}),
        ("original", "retrained", "retrained-is-the-original", {"like-retrained"}),
    ],
)
def test_one_model_in_two_roles_passes_no_check_that_rests_on_their_difference(source, target, code, stopped, noise):
    checks = judge(copy_answers(draw(), source, target, noise))
    for name in stopped:
        assert checks[name].outcome is not Outcome.PASS
        if checks[name].outcome is Outcome.NOT_RUN:
            assert causes(checks[name]) == {code}
    assert any(code in causes(checks[name]) or checks[name].outcome is Outcome.FAIL for name in stopped)


def test_one_file_in_two_roles_is_a_copy_whatever_it_answers():
    evidence = draw()
    cards = tuple(
        card.model_copy(update={"sha256": "a" * 64}) if card.name != "original" else card
        for card in evidence.provenance.models
    )
    changed = replace(evidence, provenance=evidence.provenance.model_copy(update={"models": cards}))
    assert causes(judge(changed)["like-retrained"]) == {"model-is-the-retrained"}


def test_a_list_of_strangers_shows_no_forgetting():
    strangers = Simulation(original=Behaviour())
    checks = judge(draw(strangers))
    for name in FORGETTING:
        assert checks[name].outcome is Outcome.NOT_RUN
        assert causes(checks[name]) == {"original-does-not-recognise"}
    assert checks["kept"].outcome is Outcome.PASS


def test_a_policy_may_take_strangers_and_the_number_then_says_what_it_is_worth():
    membership = POLICY.membership.model_copy(update={"unrecognised": "inform"})
    policy = POLICY.model_copy(update={"membership": membership})
    (verdict,) = reach_verdicts(policy, draw(Simulation(original=Behaviour())), plan=False)
    assert verdict.outcome is Outcome.PASS
    findings = measure(EvaluationContext(draw(Simulation(original=Behaviour())), policy))
    told = [f for f in findings if f.key.metric == "membership-auc" and f.key.model == "unlearned"]
    assert all("original-does-not-recognise" in {caveat.code for caveat in f.caveats} for f in told)


def test_an_obstacle_spares_no_failure():
    """An over-unlearned stranger stands out: that is a failure, whatever the original knew."""
    marked = Simulation(unlearned=Behaviour(forget_positive=-1.0, forget_negative=-1.0), original=Behaviour())
    assert judge(draw(marked))["forgotten"].outcome is Outcome.FAIL


def clip(evidence, most, digits=None):
    """Let the audited model be no surer than `most` log-odds about an erased record, or round all of its answers."""
    sign = np.where(evidence.label == 1, 1.0, -1.0)
    answers = evidence.log_probs["unlearned"]
    phi = sign * (answers[:, 1] - answers[:, 0])
    phi = np.where(evidence.split == "forget", np.minimum(phi, most), phi)
    odds = sign * (phi if digits is None else np.round(phi, digits))
    clipped = np.column_stack([-np.logaddexp(0, odds), -np.logaddexp(0, -odds)])
    return replace(evidence, log_probs={**evidence.log_probs, "unlearned": clipped})


@pytest.mark.parametrize("most", [0.5, 2.0, 4.0])
def test_a_filter_that_clips_answers_on_the_erased_passes_no_check_of_forgetting(most):
    """An untouched model whose answers on the erased are no surer than a stranger's at the median has an AUC of 1/2."""
    untouched = Simulation(Behaviour(forget_positive=1.0, forget_negative=1.0), agreement=0.98)
    checks = judge(clip(draw(untouched), most))
    for name in FORGETTING:
        assert checks[name].outcome is not Outcome.PASS
        assert checks[name].outcome is Outcome.FAIL or causes(checks[name]) == {"erased-answered-alike"}


def test_answers_that_are_rounded_everywhere_are_no_filter():
    checks = judge(clip(draw(), 99.0, digits=2))
    assert {checks[name].outcome for name in FORGETTING} == {Outcome.PASS}


def test_test_records_that_are_repeated_under_other_names_let_nothing_pass():
    evidence = draw()
    test = np.flatnonzero(evidence.split == "test")
    rows = np.r_[np.arange(len(evidence)), test[: len(test) // 10]]
    repeated = replace(
        evidence,
        ids=np.array([f"r{i}" for i in range(len(rows))]),
        split=evidence.split[rows],
        label=evidence.label[rows],
        log_probs={name: values[rows] for name, values in evidence.log_probs.items()},
        groups={},
    )
    checks = judge(repeated)
    assert {check.outcome for check in checks.values()} <= {Outcome.NOT_RUN, Outcome.FAIL}
    assert causes(checks["kept"]) == {"records-repeated"}


def test_like_images_of_one_patient_are_no_repeats_where_the_policy_clusters_by_patient():
    scenario = SCENARIOS["sound-clustered"]
    evidence = draw_evidence(scenario.simulation, np.random.default_rng(3))
    (verdict,) = reach_verdicts(scenario.policy, evidence, plan=False)
    assert all(check.outcome is not Outcome.NOT_RUN for check in verdict.checks)
