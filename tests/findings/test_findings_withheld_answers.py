"""A filter or labels with noise are found; honest models that agree little with the original are not taken for them."""

from dataclasses import replace

import numpy as np
import pytest

from unlearn_audit.findings.withheld_answers import find_withheld
from unlearn_audit.selftest.simulation import Simulation, draw_evidence

EVIDENCE = draw_evidence(Simulation(), np.random.default_rng(5))
ERASED = EVIDENCE.split == "forget"
SIGNS = np.where(EVIDENCE.label == 1, 1.0, -1.0)


def answer(margins):
    """Answers whose log-odds of the true class are `margins`."""
    odds = SIGNS * margins
    return np.column_stack([-np.logaddexp(0, odds), -np.logaddexp(0, -odds)])


def ask(*, agreement, on_erased, memory=4.0, seed=0, **others):
    """What is found where 'unlearned' finds hard what the original finds hard, by so much on each split."""
    rng = np.random.default_rng(seed)
    hard = rng.standard_normal(len(SIGNS))
    weight = np.where(ERASED, on_erased, agreement)
    own = weight * hard + np.sqrt(1 - weight**2) * rng.standard_normal(len(SIGNS))
    answers = {"original": answer(hard + 1.5 + memory * ERASED), "unlearned": answer(own + 1.5)}
    for name, share in others.items():
        answers[name] = answer(share * own + np.sqrt(1 - share**2) * rng.standard_normal(len(SIGNS)) + 1.5)
    return find_withheld(replace(EVIDENCE, log_probs=answers), "unlearned", ["original", *others])


@pytest.mark.parametrize("seed", range(20))
def test_an_honest_model_may_agree_half_as_well_on_what_the_original_memorised(seed):
    """As a retrained model did on breast ultrasound: 0.4 on test records, 0.2 on the erased."""
    assert ask(agreement=0.45, on_erased=0.23, seed=seed) is None


@pytest.mark.parametrize("seed", range(20))
def test_agreement_with_the_retrained_model_is_agreement(seed):
    """The original's difficulty on the erased is gone; the retrained model never saw them either."""
    assert ask(agreement=0.7, on_erased=0.0, retrained=0.6, seed=seed) is None


@pytest.mark.parametrize("agreement", [0.6, 0.8, 0.95])
def test_answers_drawn_at_random_for_the_erased_are_found(agreement):
    found = ask(agreement=agreement, on_erased=0.0)
    assert (found.code, found.details["split"]) == ("answers-are-noise", "forget")


def test_answers_drawn_at_random_go_with_no_retrained_model_either():
    rng = np.random.default_rng(1)
    hard = rng.standard_normal(len(SIGNS))
    near = {name: 0.8 * hard + 0.6 * rng.standard_normal(len(SIGNS)) for name in ("retrained", "unlearned")}
    near["unlearned"][ERASED] = rng.standard_normal(ERASED.sum())
    answers = {name: answer(values + 1.5) for name, values in {"original": hard, **near}.items()}
    found = find_withheld(replace(EVIDENCE, log_probs=answers), "unlearned", ["original", "retrained"])
    assert (found.code, found.details["split"]) == ("answers-are-noise", "forget")


def draw_noisy_labels(seed):
    rng = np.random.default_rng(seed)
    called = np.where(rng.random(len(SIGNS)) < 0.9, 3.5, -3.5)
    noisy = answer(called + 0.3 * rng.standard_normal(len(SIGNS)))
    answers = {"original": answer(rng.standard_normal(len(SIGNS)) + 1.5), "unlearned": noisy}
    return find_withheld(replace(EVIDENCE, log_probs=answers), "unlearned", ["original"])


def test_labels_with_noise_go_with_nobody_and_are_no_surer_where_right():
    """Each of two classes seems surer where right by chance once in twenty draws."""
    found = [message for seed in range(40) if (message := draw_noisy_labels(seed))]
    assert len(found) >= 32
    assert {(message.code, message.details["split"]) for message in found} == {("answers-are-noise", "test")}


def test_a_model_that_agrees_with_nobody_but_is_surer_where_it_is_right_is_a_model():
    assert ask(agreement=0.0, on_erased=0.0) is None


def test_nothing_is_found_where_there_is_nothing_to_compare_with():
    answers = {"unlearned": EVIDENCE.log_probs["unlearned"]}
    assert find_withheld(replace(EVIDENCE, log_probs=answers), "unlearned", []) is None
