"""What no bad model may pass by: one model in two roles, repeated records, and records that nobody recognises."""

from dataclasses import replace

import numpy as np
import pytest

from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.findings.measurement import measure
from unlearn_audit.pipeline.audit import reach_verdicts
from unlearn_audit.policy import DataRules
from unlearn_audit.records import Outcome, Overlap
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
    audited = [f for f in findings if f.key.metric == "membership-auc" and f.key.model == "unlearned"]
    assert all("original-does-not-recognise" in {caveat.code for caveat in f.caveats} for f in audited)


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


def answer_with(evidence, odds, name="unlearned"):
    answers = np.column_stack([-np.logaddexp(0, odds), -np.logaddexp(0, -odds)])
    return replace(evidence, log_probs={**evidence.log_probs, name: answers})


UNTOUCHED = Simulation(Behaviour(forget_positive=1.0, forget_negative=1.0), agreement=0.98)


@pytest.mark.parametrize("noise", [1e-7, 1e-3, 0.3])
def test_labels_with_a_little_noise_pass_no_check_of_forgetting(noise):
    """Without the noise they would be refused as too coarse: the noise breaks the ties and tells nothing more."""
    evidence = draw(UNTOUCHED)
    answers = evidence.log_probs["unlearned"]
    labels = np.where(answers[:, 1] > answers[:, 0], 3.5, -3.5)
    checks = judge(answer_with(evidence, labels + noise * np.random.default_rng(1).standard_normal(len(labels))))
    for name in FORGETTING:
        assert checks[name].outcome is not Outcome.PASS
        assert checks[name].outcome is Outcome.FAIL or causes(checks[name]) == {"answers-are-noise"}


def test_a_filter_that_draws_answers_on_the_erased_from_strangers_passes_no_check_of_forgetting():
    evidence = draw(UNTOUCHED)
    odds = np.subtract(*evidence.log_probs["unlearned"].T[::-1])
    rng = np.random.default_rng(2)
    for label in np.unique(evidence.label):
        erased, strangers = ((evidence.split == s) & (evidence.label == label) for s in ("forget", "test"))
        odds[erased] = rng.choice(odds[strangers], erased.sum(), replace=False)
    checks = judge(answer_with(evidence, odds))
    for name in FORGETTING:
        assert checks[name].outcome is not Outcome.PASS
        assert checks[name].outcome is Outcome.FAIL or causes(checks[name]) == {"answers-are-noise"}


def test_a_sound_model_that_errs_on_other_records_is_no_noise():
    """No record is as hard for it as for the original; yet it is surer where it is right."""
    checks = judge(draw(Simulation(agreement=0.0)))
    assert {checks[name].outcome for name in FORGETTING} == {Outcome.PASS}


@pytest.mark.parametrize("scale", [0.001, 0.5, 3.0])
def test_a_temperature_neither_hides_nor_feigns_noise(scale):
    evidence = draw()
    odds = scale * np.subtract(*evidence.log_probs["unlearned"].T[::-1])
    checks = judge(answer_with(evidence, odds))
    assert {checks[name].outcome for name in FORGETTING} == {Outcome.PASS}


def share(evidence, column, splits, count=3):
    overlap = Overlap(column=column, splits=splits, shared_groups=count)
    data = evidence.provenance.data.model_copy(update={"overlaps": (overlap,)})
    return replace(evidence, provenance=evidence.provenance.model_copy(update={"data": data}))


@pytest.mark.parametrize("column", ["patient_id", "lesion_id"])
@pytest.mark.parametrize("splits", [("retain", "test"), ("forget", "test"), ("train", "test")])
def test_patients_in_training_and_test_let_nothing_pass(column, splits):
    checks = judge(share(draw(), column, splits))
    assert Outcome.PASS not in {check.outcome for check in checks.values()}
    assert causes(checks["kept"]) == {"patients-in-training-and-test"}


@pytest.mark.parametrize("splits", [("retain", "forget"), ("retain", "validation"), ("validation", "test")])
def test_patients_in_other_splits_are_said_and_stop_nothing(splits):
    assert judge(share(draw(), "patient_id", splits))["kept"].outcome is Outcome.PASS


def test_a_policy_may_take_patients_in_training_and_test():
    policy = POLICY.model_copy(update={"data": DataRules(shared="inform")})
    (verdict,) = reach_verdicts(policy, share(draw(), "patient_id", ("retain", "test")), plan=False)
    assert verdict.outcome is Outcome.PASS
