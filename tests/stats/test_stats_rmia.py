"""RMIA, BASE, the SWAP test and the measured null: naive twins, closed forms, refusals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from tests.support.reference_scores import draw_halves, plant
from unlearn_audit.errors import MeasurementError
from unlearn_audit.stats import (
    average_log,
    compute_auc,
    compute_log_marginal,
    estimate_null,
    estimate_swap_quality,
    fit_offline_slope,
    score_base,
    score_rmia,
)
from unlearn_audit.stats.rmia import GAMMA

SEEDS = st.integers(0, 2**32 - 1)


def to_loss(phi):
    """Return log p of the true class, of two classes, from its logit."""
    return -np.logaddexp(0, -phi)


def attack_rmia(planted, rng, *, gamma=GAMMA, a=0.4, population=200, level=0.0):
    """Return the scores where all phi are raised by `level`."""
    ours, theirs = rng.normal(2, 2, population), rng.normal(2, 2, (len(planted.references), population))
    return score_rmia(
        to_loss(planted.target + level),
        to_loss(planted.references + level),
        planted.trained_on,
        population=to_loss(ours + level),
        population_references=to_loss(theirs + level),
        a=a,
        gamma=gamma,
    )


# --- RMIA


@settings(deadline=None, max_examples=25)
@given(SEEDS, st.floats(0, 1), st.floats(0.5, 4))
def test_rmia_agrees_with_its_formula_written_with_probabilities(seed, a, gamma):
    rng = np.random.default_rng(seed)
    planted = plant(rng, models=4, records=12, left=1.0)
    p, references = np.exp(to_loss(planted.target)), np.exp(to_loss(planted.references))
    z, z_references = rng.uniform(0.01, 0.99, 15), rng.uniform(0.01, 0.99, (4, 15))

    def marginal(outside):
        return ((1 + a) * outside + (1 - a)) / 2

    usual = z / marginal(z_references.mean(axis=0))
    expected = []
    for i in range(12):
        raised = p[i] / marginal(references[~planted.trained_on[:, i], i].mean())
        expected.append(np.mean([raised / other >= gamma for other in usual]))
    found = score_rmia(
        np.log(p),
        np.log(references),
        planted.trained_on,
        population=np.log(z),
        population_references=np.log(z_references),
        a=a,
        gamma=gamma,
    )

    assert found.tolist() == pytest.approx(expected, abs=1 / 15 * 1e-6)


@pytest.mark.parametrize(
    ("retain", "population", "expected"),
    [
        ([[0.9, 0.9]], [[0.6, 0.6]], 0.25),
        ([[1.0, 0.8], [0.9, 0.9]], [[0.5, 0.7]], 0.25),
        ([[0.5]], [[0.6]], 1.0),
        ([[1.0]], [[0.5]], 0.0),
    ],
)
def test_the_offline_slope_is_the_share_of_doubt_that_training_leaves(retain, population, expected):
    assert pytest.approx(expected) == fit_offline_slope(np.log(retain), np.log(population))


def test_with_the_fitted_slope_the_offline_marginal_is_the_mean_of_in_and_out():
    """Where p_in = a p_out + 1 - a holds, the marginal is exactly (p_in + p_out) / 2."""
    a, outside = 0.3, np.array([0.2, 0.9, 1e-6])
    inside = a * outside + (1 - a)

    assert np.exp(compute_log_marginal(np.log(outside), a)).tolist() == pytest.approx(((inside + outside) / 2).tolist())


def test_a_marginal_without_correction_keeps_probabilities_that_underflow():
    assert compute_log_marginal(np.array([-2_000.0]), 1.0).tolist() == [-2_000.0]


def test_the_log_of_a_mean_counts_only_the_models_that_it_should():
    values = np.log([[0.2, 0.5], [0.4, 0.9], [0.9, 0.1]])
    counted = np.array([[True, False], [True, True], [False, True]])

    assert np.exp(average_log(values, counted)).tolist() == pytest.approx([0.3, 0.5])


@pytest.mark.parametrize("a", [0.2, 0.7, 1.0])
def test_sure_answers_keep_their_digits(a):
    """Doubt of 1e-18 and of 3e-18 is told apart, and not tied or ordered by rounding."""
    doubt = np.array([1e-18, 3e-18, 1e-12])
    outside = average_log(np.stack([-doubt, -3 * doubt]), np.ones((2, 3), dtype=bool))

    assert pytest.approx(outside, rel=1e-9) == -2 * doubt
    assert pytest.approx(compute_log_marginal(outside, a), rel=1e-9) == -(1 + a) * doubt


def test_scores_of_sure_models_are_not_decided_by_rounding():
    """A leak in doubts around 1e-17, where one part in 2^53 of a probability is ten times as much."""
    rng = np.random.default_rng(4)
    doubt = 1e-17 * np.exp(rng.normal(size=(7, 700)))
    doubt[0, :100] /= 20
    log_probs, trained_on = -doubt, draw_halves(6, 200, rng)
    scores = score_rmia(
        log_probs[0, :200],
        log_probs[1:, :200],
        trained_on,
        population=log_probs[0, 200:],
        population_references=log_probs[1:, 200:],
        a=0.5,
    )

    assert compute_auc(scores[:100], scores[100:]) > 0.6


def test_rmia_finds_a_leak_with_a_single_pair_and_nothing_where_nothing_is():
    rng = np.random.default_rng(0)

    def find(left):
        plants = [plant(rng, models=2, records=400, left=left, scatter=0.0) for _ in range(12)]
        return np.mean([compute_auc(*p.split(attack_rmia(p, rng))) for p in plants])

    assert find(2.0) > 0.7
    assert find(0.0) == pytest.approx(0.5, abs=0.02)


def test_with_the_papers_gamma_a_model_sure_of_two_classes_ties_nearly_all_records():
    """A tie is no sign of forgetting: with gamma 1 the same ratios are told apart."""
    rng = np.random.default_rng(10)
    plants = [plant(rng, models=8, records=400, left=2.0, scatter=0.0) for _ in range(8)]

    def find(gamma):
        scores = [attack_rmia(p, rng, gamma=gamma, a=0.3, level=3.0) for p in plants]
        most = np.mean([np.unique(s, return_counts=True)[1].max() / len(s) for s in scores])
        return np.mean([compute_auc(*p.split(s)) for p, s in zip(plants, scores, strict=True)]), most

    ours, ties = find(1.0)
    theirs, papers_ties = find(2.0)

    assert papers_ties > 0.8
    assert ties < 0.3
    assert ours > theirs + 0.15


def test_rmia_scores_are_shares():
    rng = np.random.default_rng(1)
    scores = attack_rmia(plant(rng), rng, population=40)

    assert ((scores >= 0) & (scores <= 1)).all()
    assert (scores * 40).tolist() == pytest.approx((scores * 40).round().tolist())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"population": np.zeros(9), "population_references": np.zeros((4, 9))}, "at least 10 validation records"),
        ({"gamma": 0.0}, "gamma above 0"),
        ({"a": 1.5}, "slope between 0 and 1"),
        ({"trained_on": np.ones((4, 6), dtype=bool)}, "at least one reference model for every record"),
        ({"population": np.full(20, np.nan)}, "finite"),
    ],
)
def test_rmia_refuses_what_it_cannot_score(change, message):
    rng = np.random.default_rng(2)
    good = {
        "loss": rng.normal(size=6),
        "references": rng.normal(size=(4, 6)),
        "trained_on": draw_halves(4, 6, rng),
        "population": rng.normal(size=20),
        "population_references": rng.normal(size=(4, 20)),
        "a": 0.5,
        "gamma": 2.0,
    }
    with pytest.raises(MeasurementError, match=message):
        score_rmia(**{**good, **change})


@pytest.mark.parametrize(
    ("retain", "population", "message"),
    [
        (np.zeros((2, 0)), np.zeros((2, 5)), "found none"),
        (np.zeros((2, 5)), np.zeros((2, 0)), "found none"),
        (np.full((2, 5), -1.0), np.zeros((2, 5)), "not certain"),
    ],
)
def test_a_slope_that_nothing_tells_is_refused(retain, population, message):
    with pytest.raises(MeasurementError, match=message):
        fit_offline_slope(retain, population)


# --- BASE


@settings(deadline=None, max_examples=25)
@given(SEEDS, st.floats(0.1, 1))
def test_base_agrees_with_a_loop(seed, scale):
    planted = plant(np.random.default_rng(seed), models=4, records=8, left=1.0)
    loss, references = to_loss(planted.target), to_loss(planted.references)
    outside = ~planted.trained_on
    expected = [
        loss[i] - scale * np.log(np.mean([np.exp(references[k, i]) for k in range(4) if outside[k, i]]))
        for i in range(8)
    ]

    assert score_base(loss, references, outside, scale=scale).tolist() == pytest.approx(expected)


@settings(deadline=None, max_examples=25)
@given(SEEDS)
def test_online_base_orders_records_as_rmias_ratio_does(seed):
    """Lassila et al.: with the mean over all models the two attacks rank by one and the same ratio."""
    planted = plant(np.random.default_rng(seed), models=6, records=20, left=1.0)
    p, references = np.exp(to_loss(planted.target)), np.exp(to_loss(planted.references))
    found = score_base(np.log(p), np.log(references), np.ones((6, 20), dtype=bool))

    assert np.exp(found).tolist() == pytest.approx((p / references.mean(axis=0)).tolist())


def test_base_finds_a_leak_with_a_single_pair_and_nothing_where_nothing_is():
    rng = np.random.default_rng(3)

    def find(left):
        plants = [plant(rng, models=2, records=400, left=left, scatter=0.0) for _ in range(12)]
        everyone = np.ones((2, 400), dtype=bool)
        return np.mean(
            [compute_auc(*p.split(score_base(to_loss(p.target), to_loss(p.references), everyone))) for p in plants]
        )

    assert find(2.0) > 0.75
    assert find(0.0) == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("scale", [0.0, 1.1])
def test_base_refuses_a_scale_that_means_nothing(scale):
    with pytest.raises(MeasurementError, match="scale above 0"):
        score_base(np.zeros(3), np.zeros((2, 3)), np.ones((2, 3), dtype=bool), scale=scale)


# --- SWAP


def find_quality(planted, signals=None):
    return estimate_swap_quality(
        [planted.references] if signals is None else signals, planted.trained_on, confidence=0.95
    )


@pytest.mark.parametrize("left", [1.0, 2.0, -1.0])
def test_a_planted_shift_has_the_quality_of_the_closed_form(left):
    """Scores N(0, 5) outside and N(d, 5) inside: the best threshold has the advantage 2 Phi(|d| / 2 sqrt 5) - 1."""
    planted = plant(np.random.default_rng(4), models=32, records=1_500, left=left, scatter=0.0)
    expected = 1 - (2 * norm.cdf(abs(left) / (2 * np.sqrt(5))) - 1)

    assert expected == pytest.approx(find_quality(planted).value, abs=0.015)


def test_retraining_has_quality_one_by_construction():
    """Both runs of a pair are then one and the same training on retain: their answers are equal."""
    planted = plant(np.random.default_rng(5), models=8, records=60)
    same = np.repeat(planted.references[::2], 2, axis=0)
    found = find_quality(planted, [same])

    assert (found.value, found.interval.low, found.interval.high) == (1.0, 1.0, 1.0)


def test_retraining_with_other_seeds_has_quality_near_one_however_many_signals_are_tried():
    rng = np.random.default_rng(6)
    found = []
    for _ in range(40):
        planted = plant(rng, models=16, records=80)
        signals = [
            planted.references,
            np.abs(planted.references),
            np.round(planted.references),
            rng.normal(size=(16, 80)),
        ]
        found.append(find_quality(planted, signals).value)

    assert np.mean(found) > 0.97, "the supremum on the same pairs would be about 0.85"


def test_how_hard_the_records_are_cancels_between_the_two_runs():
    rng = np.random.default_rng(7)
    planted = plant(rng, models=16, records=200)
    harder = planted.references - 5.0 * (np.arange(200) < 100)

    assert find_quality(planted, [harder]).value > 0.93


@settings(deadline=None, max_examples=25)
@given(SEEDS)
def test_exchanging_the_runs_of_every_pair_changes_nothing(seed):
    planted = plant(np.random.default_rng(seed), models=8, records=30, left=1.0)
    order = np.arange(8) ^ 1
    exchanged = estimate_swap_quality([planted.references[order]], planted.trained_on[order], confidence=0.95)

    assert find_quality(planted) == exchanged


def test_the_advantage_is_that_of_the_definition_written_out_for_both_runs():
    planted = plant(np.random.default_rng(8), models=4, records=40, left=2.0)
    halves, scores, best = planted.trained_on, planted.references, []
    grid = np.unique(np.quantile(scores, np.linspace(0, 1, 256), method="inverted_cdf"))

    def find_gain(pair, end):
        first, second, half = scores[2 * pair] >= end, scores[2 * pair + 1] >= end, halves[2 * pair]
        return (first[half].mean() - first[~half].mean() + second[~half].mean() - second[half].mean()) / 2

    for pair, other in ((0, 1), (1, 0)):
        gains = np.array([find_gain(other, end) for end in grid]).round(9)
        chosen = np.abs(gains).argmax()
        best.append(np.sign(gains[chosen]) * find_gain(pair, grid[chosen]))

    assert 1 - np.clip(np.mean(best), 0, 1) == pytest.approx(find_quality(planted).value)


@pytest.mark.parametrize(
    ("signals", "halves", "message"),
    [
        ([], draw_halves(4, 10, np.random.default_rng(0)), "at least one signal"),
        ([np.zeros((4, 10))], draw_halves(4, 10, np.random.default_rng(0)), "finite and differ"),
        ([np.full((4, 10), np.nan)], draw_halves(4, 10, np.random.default_rng(0)), "finite and differ"),
        ([np.eye(2, 10)], draw_halves(2, 10, np.random.default_rng(0)), "at least two pairs"),
        ([np.eye(4, 10)], np.ones((4, 10), dtype=bool), "complementary halves"),
    ],
)
def test_the_swap_test_refuses_what_it_cannot_compare(signals, halves, message):
    with pytest.raises(MeasurementError, match=message):
        estimate_swap_quality(signals, halves, confidence=0.95)


# --- the measured null


def test_one_more_model_lies_in_the_range_as_often_as_the_interval_says():
    rng = np.random.default_rng(9)
    hits, repeats = 0, 3_000
    for _ in range(repeats):
        values = rng.gamma(2.0, size=21)
        ends = estimate_null(values[:20], 90, confidence=0.9).interval
        hits += ends.low <= values[20] <= ends.high

    assert ends.confidence == pytest.approx(19 / 21)
    assert abs(hits - repeats * ends.confidence) < 4.8 * np.sqrt(repeats * ends.confidence * (1 - ends.confidence))


def test_few_models_state_the_lower_confidence_that_they_have():
    found = estimate_null([0.52, 0.47, 0.5, 0.49], 90, confidence=0.95)

    assert (found.interval.low, found.interval.high) == (0.47, 0.52)
    assert found.interval.confidence == pytest.approx(3 / 5)
    assert found.bounds is None


@pytest.mark.parametrize(("aucs", "message"), [([0.5] * 3, "at least 4 models"), ([0.5] * 4 + [np.nan], "finite")])
def test_a_null_of_too_few_or_no_numbers_is_refused(aucs, message):
    with pytest.raises(MeasurementError, match=message):
        estimate_null(aucs, 90, confidence=0.95)
