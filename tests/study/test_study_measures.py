"""Each measure against a twin that is written as its definition reads."""

import re
from dataclasses import replace

import numpy as np
import pytest

from unlearn_audit.errors import MeasurementError
from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.study.measures import find_collapse, list_measures, needs_unlearned
from unlearn_audit.study.relearning import HIDDEN, SHOWN
from unlearn_audit.study.summary import choose_measures

MEASURES = list_measures(5, 10, ("confidence", "logit", "u-lira"))


@pytest.fixture(scope="module")
def context(contexts):
    return contexts[1]


@pytest.fixture(params=["original", "fine"])
def model(request):
    return request.param


def take(context, model, split):
    """Truth and probability of each record of a split, one after the other."""
    evidence = context.evidence
    rows = [i for i in range(len(evidence)) if evidence.split[i] == split]
    positive = [c in evidence.positive for c in evidence.label[rows]]
    p = [sum(np.exp(evidence.log_probs[model][i, c]) for c in evidence.positive) for i in rows]
    return list(zip(positive, p, strict=True))


def pair_area(ours, theirs):
    return np.mean([1.0 if a > b else 0.5 if a == b else 0.0 for a in ours for b in theirs])


def test_rates_and_cost_at_argmax(context, model):
    pairs = [(truth, p > 0.5) for truth, p in take(context, model, "test")]

    misses = [float(not predicted) for truth, predicted in pairs if truth]
    false_positives = [float(predicted) for truth, predicted in pairs if not truth]
    costs = [5.0 if truth and not predicted else 1.0 if predicted and not truth else 0.0 for truth, predicted in pairs]
    assert MEASURES["fnr"].compute(context, model).tolist() == misses
    assert MEASURES["fpr"].compute(context, model).tolist() == false_positives
    assert MEASURES["risk"].compute(context, model).tolist() == costs


def cheapest(validation, ratio):
    """The threshold among the probabilities (or above all) at which validation costs least, the lowest of equals."""
    options = [*sorted({p for _, p in validation}), np.inf]
    price = [sum(ratio * (t and p < x) + (not t and p >= x) for t, p in validation) for x in options]
    return options[int(np.argmin(price))]


@pytest.mark.parametrize(("measure", "owner"), [("risk-frozen", "original"), ("risk-own", None)])
def test_cost_at_the_policys_ratio_at_the_frozen_and_at_the_own_threshold(context, model, measure, owner):
    threshold = cheapest(take(context, owner or model, "validation"), 10)

    costs = [10.0 * (t and p < threshold) + (not t and p >= threshold) for t, p in take(context, model, "test")]

    assert np.mean(MEASURES[measure].compute(context, model)) == pytest.approx(np.mean(costs))


def test_misses_at_the_originals_number_of_false_alarms_on_validation(context, model):
    allowed = sum(p > 0.5 for truth, p in take(context, "original", "validation") if not truth)
    assert allowed > 0
    scores = [p for truth, p in take(context, model, "validation") if not truth]
    threshold = min(x for x in [*scores, np.inf] if sum(p > x for p in scores) <= allowed)

    misses = [float(p <= threshold) for truth, p in take(context, model, "test") if truth]

    assert MEASURES["fnr-calibrated"].compute(context, model).tolist() == misses


def test_an_original_without_false_alarms_calibrates_nothing(cells, policy, with_answers):
    evidence = cells[1].evidence
    sure = with_answers(cells[1], "original", np.where(evidence.is_positive, 0.9, 0.1))

    with pytest.raises(MeasurementError, match="all or none"):
        MEASURES["fnr-calibrated"].compute(EvaluationContext(sure.evidence, policy), "fine")


def test_areas_and_the_rate_at_twenty_percent_false_positives(context, model):
    test = take(context, model, "test")
    positives, negatives = ([p for truth, p in test if truth is wanted] for wanted in (True, False))
    allowed = int(0.2 * len(negatives) + 1e-9)
    missed = min(
        np.mean([p <= x for p in positives]) for x in [*negatives, -1.0] if sum(p > x for p in negatives) <= allowed
    )

    assert MEASURES["auroc"].compute(context, model) == pytest.approx([pair_area(positives, negatives)])
    assert MEASURES["fnr-at-fpr"].compute(context, model) == pytest.approx([missed])


def test_accuracy_on_what_is_kept(context, model):
    evidence = context.evidence
    kept = [i for i in range(len(evidence)) if evidence.split[i] == "retain"]
    right = [evidence.log_probs[model][i].argmax() == evidence.label[i] for i in kept]

    assert MEASURES["retain-accuracy"].compute(context, model) == pytest.approx([np.mean(right)])


@pytest.mark.parametrize("among", ["all", "positive"])
def test_membership_is_the_area_of_forgotten_against_test_records(context, model, among):
    evidence = context.evidence
    scores = {
        split: [
            evidence.log_probs[model][i, evidence.label[i]]
            for i in range(len(evidence))
            if evidence.split[i] == split and (among == "all" or evidence.is_positive[i])
        ]
        for split in ("forget", "test")
    }

    found = MEASURES[f"confidence-{among}"].compute(context, model)

    assert found == pytest.approx([pair_area(scores["forget"], scores["test"])])


@pytest.mark.parametrize("among", ["all", "positive"])
def test_relearned_membership_looks_at_the_hidden_half_of_the_relearned_copy(context, among):
    evidence, column = context.evidence, context.evidence.groups["relearned"]
    assert set(column[evidence.split == "forget"]) == {SHOWN, HIDDEN}
    assert set(column[evidence.split != "forget"]) == {""}
    rows = [i for i in range(len(evidence)) if among == "all" or evidence.is_positive[i]]
    answers = evidence.log_probs["relearned-fine"]
    hidden = [answers[i, evidence.label[i]] for i in rows if column[i] == HIDDEN]
    test = [answers[i, evidence.label[i]] for i in rows if evidence.split[i] == "test"]

    assert MEASURES[f"relearned-{among}"].compute(context, "fine") == pytest.approx([pair_area(hidden, test)])


def test_what_the_shown_half_says_does_not_matter(context, policy):
    evidence = context.evidence
    rows = evidence.log_probs["relearned-fine"].copy()
    rows[evidence.groups["relearned"] == SHOWN] = np.log([0.999, 0.001])
    other = EvaluationContext(replace(evidence, log_probs=dict(evidence.log_probs) | {"relearned-fine": rows}), policy)

    assert MEASURES["relearned-all"].compute(other, "fine") == MEASURES["relearned-all"].compute(context, "fine")


def test_a_model_that_was_not_attacked_has_no_relearned_number(context):
    with pytest.raises(MeasurementError, match="relearning attack was not run"):
        MEASURES["relearned-all"].compute(context, "salun")


@pytest.mark.parametrize(
    ("probability", "reason"),
    [
        (lambda e: np.full(len(e), 0.1), "calls 0.0% of the test records positive"),
        (lambda e: np.full(len(e), 0.9), "calls 100.0% of the test records positive"),
        (lambda e: np.where(np.arange(len(e)) % 2 == 0, 0.9, 0.1), "is right on .* of the retained records"),
        (lambda e: np.where(e.is_positive, 0.1, 0.9), "is right on 0.0% of the retained records"),
        (lambda e: np.where(e.is_positive, 0.9, 0.1), None),
    ],
    ids=["never", "always", "coin", "reversed", "perfect"],
)
def test_a_collapsed_model_gives_one_answer_or_is_no_better_than_one(cells, policy, with_answers, probability, reason):
    cell = with_answers(cells[1], "fine", probability(cells[1].evidence))
    context = EvaluationContext(cell.evidence, policy)

    found = find_collapse(context, "fine")

    if reason is None:
        assert found is None
    else:
        assert found is not None
        assert re.match(reason, found)


def test_a_good_model_of_a_rare_disease_has_not_collapsed(cells, policy, with_answers):
    """One positive in 200 test records: calling 0.5 % positive is right, and calling none is not."""
    evidence = cells[2].evidence
    test = np.flatnonzero(evidence.split == "test")
    spare = test[evidence.is_positive[test]][1:]
    split = evidence.split.copy()
    split[spare] = "validation"
    rare = replace(cells[2], evidence=replace(evidence, split=split))

    good = with_answers(rare, "fine", np.where(evidence.is_positive, 0.9, 0.1)).evidence
    none = with_answers(rare, "fine", np.where(evidence.is_positive & (split != "test"), 0.9, 0.1)).evidence

    assert find_collapse(EvaluationContext(good, policy), "fine") is None
    assert "0.0%" in find_collapse(EvaluationContext(none, policy), "fine")


def test_every_study_has_the_attack_on_the_answers_and_relearning_only_where_it_is_asked(make_study, read_policy):
    bare = choose_measures(make_study(), read_policy())
    attacked = choose_measures(
        make_study(relearning={}), read_policy(("attacks: [logit]", "attacks: [logit, confidence]"))
    )

    assert [n for n in bare if n.endswith("-all")] == ["confidence-all", "logit-all"]
    assert [n for n in attacked if n.endswith("-all")] == ["logit-all", "confidence-all", "relearned-all"]


def test_the_titles_name_the_ratios_and_every_measure_says_what_it_is():
    assert MEASURES["risk"].title == "Risk 5"
    assert MEASURES["risk-own"].title == "Risk 10, own"
    assert all(measure.about and measure.title for measure in MEASURES.values())
    assert needs_unlearned("u-lira")
    assert not needs_unlearned("rmia")
