"""A re-issued threshold keeps its promise on validation, is read on test, and changes one model's device alone."""

from dataclasses import replace

import numpy as np
import pytest

from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.findings.measurement import measure
from unlearn_audit.findings.metrics import METRICS
from unlearn_audit.pipeline.audit import name_known
from unlearn_audit.policy import InvalidPolicyError, Remedy, parse_policy
from unlearn_audit.records import ALL, ARGMAX, COST_OPTIMAL, ReissuedThreshold, Verdict
from unlearn_audit.stats import choose_with_confidence
from unlearn_audit.verdict.recommendation import recommend

NAME = "remedied-warm-restart-threshold"
MODELS = ("original", "retrained", "unlearned", NAME)
ENTRY = "{method: warm-restart, threshold: {miss_at_most: 0.1}}"


@pytest.fixture
def read(policy_text):
    def parse(entry=ENTRY):
        return parse_policy(policy_text.replace("{method: salun-cra}", entry), "planted.yaml", name_known())

    return parse


@pytest.fixture
def reissued(make_evidence):
    """Evidence in which one model has lost confidence, so that the old threshold misses more."""
    evidence = make_evidence(MODELS, sizes=(60, 40, 200, 400), **{NAME.replace("-", "_"): (2.0, 0.0, -3.0)})
    rule = ReissuedThreshold(miss_at_most=0.1, confidence=0.95)
    cards = tuple(
        card.model_copy(update={"reissued": rule if card.name == NAME else None}) for card in evidence.provenance.models
    )
    return replace(evidence, provenance=evidence.provenance.model_copy(update={"models": cards}))


def find(context, metric, model=NAME, at=None, **rest):
    wants = {"wants": lambda key: (key.metric, key.model) == (metric, model)}
    return next(f for f in measure(context, **wants) if f.key.among == ALL and f.key.at == at)


def test_the_threshold_is_the_promised_one_and_validation_keeps_it(read, reissued):
    context = EvaluationContext(reissued, read())
    validation = reissued.select("validation")
    actual, probability = reissued.is_positive[validation], reissued.positive_probability(NAME)[validation]

    found = find(context, "reissued-threshold").estimate

    expected = choose_with_confidence(actual, probability, alpha=0.1, confidence=0.95)
    assert found.value == pytest.approx(expected.threshold)
    assert (found.n, found.events) == (int(actual.sum()), expected.allowed)
    assert (probability[actual] < found.value).sum() <= expected.allowed < 0.1 * actual.sum()


def test_test_records_are_read_at_it_and_fewer_are_missed_for_more_false_alarms(read, reissued):
    with_it = EvaluationContext(reissued, read())
    cards = tuple(card.model_copy(update={"reissued": None}) for card in reissued.provenance.models)
    without = EvaluationContext(
        replace(reissued, provenance=reissued.provenance.model_copy(update={"models": cards})), read()
    )

    missed, alarms = (
        [find(context, metric, at=ARGMAX).estimate.value for context in (with_it, without)]
        for metric in ("false-negatives", "false-positives")
    )

    assert missed[0] < missed[1]
    assert alarms[0] > alarms[1]


def test_no_other_model_and_no_other_operating_point_moves(read, reissued):
    context = EvaluationContext(reissued, read())
    plain = context.evidence.predicted_positive("unlearned")[context.test]

    assert np.array_equal(context.predict_positive("unlearned", ARGMAX), plain)
    assert context.find_threshold_of(NAME, COST_OPTIMAL) == context.find_threshold(COST_OPTIMAL)


def test_the_promise_on_average_is_shown_beside_it_and_is_the_looser_one(read, reissued):
    context = EvaluationContext(reissued, read())

    strict, loose = (find(context, f"reissued-threshold{name}").estimate for name in ("", "-on-average"))

    assert loose.value >= strict.value
    assert find(context, "reissued-threshold-price").estimate.bounds is None


def test_too_few_positives_for_the_promise_are_not_run_and_never_pass(read, reissued):
    few = replace(reissued, split=np.where(np.cumsum(reissued.select("validation")) > 40, np.where(
        reissued.select("validation"), "retain", reissued.split), reissued.split))  # fmt: skip

    found = find(EvaluationContext(few, read()), "false-negative-rate", at=ARGMAX)

    assert "expected at least 29 validation positives for a false-negative rate of at most 0.1" in found.not_run.text


def test_no_policy_without_such_a_remedy_shows_any_of_it(policy):
    assert not METRICS["reissued-threshold"].applies(policy)


def test_a_promise_that_is_none_is_refused_with_its_place(read):
    with pytest.raises(InvalidPolicyError, match=r"remediation\[0\].threshold.miss_at_most"):
        read(ENTRY.replace("0.1", "1.5"))


def test_a_remedy_and_the_same_with_a_threshold_are_two_models():
    plain, promised = Remedy(method="warm-restart"), Remedy(method="warm-restart", threshold={"miss_at_most": 0.1})

    assert (plain.model_name, promised.model_name) == ("remedied-warm-restart", NAME)


def test_the_recommendation_says_that_the_devices_threshold_changes(reissued):
    from unlearn_audit.records import Outcome

    verdicts = [
        Verdict.model_construct(model=model, outcome=outcome, checks=(), reasons=(), confidence=0.95)
        for model, outcome in (("unlearned", Outcome.FAIL), (NAME, Outcome.PASS))
    ]

    assert "The device's threshold changes with it." in recommend(verdicts, reissued.provenance).text
