"""Paired recognition: closed forms, the exact test, coverage of the bounds, ties, saturation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, norm, t

from tests.support.covering import assert_covers
from tests.support.planted_pairs import plant_pairs
from unlearn_audit.errors import MeasurementError
from unlearn_audit.stats import PairedDifferences, compute_paired_equivalence, estimate_paired_recognition

SEEDS = st.integers(0, 2**32 - 1)


def recognise(values, *, confidence=0.95, draws=999, seed=0):
    values = np.asarray(values, dtype=float)
    differences = PairedDifferences(values, np.ones(values.shape, dtype=bool))
    return estimate_paired_recognition(differences, confidence=confidence, draws=draws, rng=np.random.default_rng(seed))


def bound(differences, confidence=0.95):
    found = estimate_paired_recognition(differences, confidence=confidence, draws=99, rng=np.random.default_rng(0))
    return found.probability.bounds


# --- closed forms


def test_the_value_counts_wins_and_half_the_ties():
    found = recognise([[1, 1, 1, -1, 0, 0], [2, -1, 0, 0, 3, 0]])

    assert found.probability.value == (5 + 5 / 2) / 12
    assert found.ties == 5 / 12
    assert found.pairs == 6
    assert found.difference.value == pytest.approx(6 / 12)


def test_the_interval_is_students_over_pairs():
    values = plant_pairs(np.random.default_rng(0), pairs=8, records=50, left=0.5).values
    found = recognise(values, confidence=0.9)

    rates, means = (values > 0).mean(axis=0), values.mean(axis=0)
    for estimate, by_pair in ((found.probability, rates), (found.difference, means)):
        low, high = t.interval(0.9, 7, by_pair.mean(), by_pair.std(ddof=1) / np.sqrt(8))
        assert (estimate.interval.low, estimate.interval.high) == pytest.approx((low, high))
        assert estimate.standard_error == pytest.approx(by_pair.std(ddof=1) / np.sqrt(8))


def test_the_bounds_are_those_with_one_more_record_on_the_worst_side():
    values = plant_pairs(np.random.default_rng(1), pairs=8, records=50, left=0.5).values
    found = recognise(values).probability.bounds

    for worst, end, sign in ((1, found.high, 1), (-1, found.low, -1)):
        rates = (np.vstack([values, np.full(8, worst)]) > 0).mean(axis=0)
        m, error = rates.mean(), rates.std(ddof=1) / np.sqrt(8)
        logit = np.log(m / (1 - m)) + sign * t.ppf(0.95, 7) * error / (m * (1 - m))
        assert end == pytest.approx(1 / (1 + np.exp(-logit)))


def test_bounds_hold_the_value_and_widen_with_confidence():
    differences = plant_pairs(np.random.default_rng(2), pairs=7, records=12)
    narrow, wide = bound(differences, 0.5), bound(differences, 0.99)
    value = (differences.values > 0).mean()

    assert wide.low < narrow.low <= value <= narrow.high < wide.high


# --- properties


@settings(deadline=None, max_examples=25)
@given(SEEDS)
def test_the_order_of_records_and_pairs_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    values = plant_pairs(rng, pairs=7, records=9, left=0.4).values
    shuffled = values[rng.permutation(9)][:, rng.permutation(7)]

    ours, theirs = recognise(values), recognise(shuffled)

    assert ours.probability.value == pytest.approx(theirs.probability.value)
    assert ours.probability.bounds.low == pytest.approx(theirs.probability.bounds.low)
    assert ours.probability_test.two_sided == theirs.probability_test.two_sided
    assert ours.difference_test.two_sided == theirs.difference_test.two_sided


@settings(deadline=None, max_examples=25)
@given(SEEDS)
def test_exchanging_in_and_out_mirrors_everything(seed):
    values = plant_pairs(np.random.default_rng(seed), pairs=7, records=9, left=0.4).values.round(0)

    ours, theirs = recognise(values), recognise(-values)

    assert ours.probability.value == pytest.approx(1 - theirs.probability.value)
    assert ours.probability.bounds.low == pytest.approx(1 - theirs.probability.bounds.high)
    assert ours.probability_test.two_sided == theirs.probability_test.two_sided
    assert ours.difference.bounds.high == pytest.approx(-theirs.difference.bounds.low)


@settings(deadline=None, max_examples=25)
@given(SEEDS)
def test_equivalence_agrees_with_the_bounds(seed):
    rng = np.random.default_rng(seed)
    differences = plant_pairs(rng, pairs=int(rng.integers(6, 20)), records=int(rng.integers(1, 200)))
    found = compute_paired_equivalence(differences, 0.45, 0.55)

    for p, end, beyond in ((found.p_below, "low", 0.45), (found.p_above, "high", 0.55)):
        for confidence in (0.9, 0.95, 0.99):
            if abs(p - (1 - confidence)) > 1e-6 and p < 0.5:
                inside = abs(getattr(bound(differences, confidence), end) - 0.5) <= abs(beyond - 0.5)
                assert inside == (p < 1 - confidence)


def test_a_tolerance_that_is_none_is_refused():
    differences = plant_pairs(np.random.default_rng(0))
    for low, high in ((0.55, 0.45), (0.0, 0.5), (0.5, 1.0)):
        with pytest.raises(MeasurementError, match="a tolerance"):
            compute_paired_equivalence(differences, low, high)


# --- ties and saturation


def test_answers_that_are_all_the_same_show_nothing():
    """A model that hides behind coarse answers is not shown to have forgotten."""
    found = recognise(np.zeros((40, 16)))

    assert found.probability.value == 0.5
    assert found.probability.bounds.low < 0.1
    assert found.probability.bounds.high > 0.9
    assert found.difference.bounds is None
    assert found.probability_test.two_sided == 1


def test_ties_count_against_either_side_in_the_bounds():
    rng = np.random.default_rng(3)
    values = plant_pairs(rng, pairs=16, records=200).values
    hidden = np.where(rng.random(values.shape) < 0.3, 0.0, values)

    plain, tied = recognise(values).probability.bounds, recognise(hidden).probability.bounds

    assert plain.low > 0.45
    assert tied.low < plain.low - 0.1
    assert tied.high > plain.high + 0.1


def test_pairs_that_all_agree_are_not_certain():
    always = recognise(np.ones((30, 6))).probability
    half = recognise(np.tile([[1], [-1]], (15, 6))).probability

    assert always.value == 1
    assert always.bounds.low < 0.99
    assert always.standard_error is None
    assert half.value == 0.5
    assert half.bounds.low < 0.4
    assert half.bounds.high > 0.6
    assert half.interval.low < 0.4


def test_fewer_than_six_pairs_are_refused():
    with pytest.raises(MeasurementError, match="at least 6 pairs"):
        recognise(np.ones((30, 5)))


# --- promises


def find_win_rate(left, common):
    return norm.cdf(left / np.sqrt(1 + common**2))


@pytest.mark.parametrize(
    ("pairs", "records", "rate", "common", "clones"),
    [
        (6, 60, 0.5, 0.0, 1),
        (6, 1, 0.55, 0.0, 1),
        (8, 2, 0.55, 0.0, 1),
        (16, 120, 0.55, 0.0, 1),
        (16, 22, 0.55, 1.0, 1),
        (32, 120, 0.45, 0.5, 1),
        (12, 60, 0.55, 0.5, 3),
        (8, 40, 0.9, 0.0, 1),
        (16, 60, 0.98, 0.0, 1),
    ],
)
def test_each_bound_covers(pairs, records, rate, common, clones):
    left = norm.ppf(rate) * np.sqrt(1 + common**2)

    def draw(rng):
        return plant_pairs(rng, pairs=pairs, records=records, left=left, common=common, clones=clones)

    assert_covers(bound, draw, rate, np.random.default_rng(0), repeats=400)


@pytest.mark.slow
@pytest.mark.parametrize("pairs", [6, 8, 12, 16, 32])
@pytest.mark.parametrize("records", [1, 5, 22, 120])
@pytest.mark.parametrize("common", [0.0, 1.0])
@pytest.mark.parametrize("rate", [0.45, 0.55, 0.7])
def test_each_bound_covers_over_a_grid(pairs, records, common, rate):
    """With what a model's records share as large as their own noise, .93 is kept near the tolerance of a check."""
    left = norm.ppf(rate) * np.sqrt(1 + common**2)

    def draw(rng):
        return plant_pairs(rng, pairs=pairs, records=records, left=left, common=common)

    promised = 0.93 if common else 0.95
    assert_covers(bound, draw, rate, np.random.default_rng(1), confidence=promised, repeats=1_000)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pairs", "rate", "common", "kept"), [(6, 0.55, 3.0, 0.89), (16, 0.55, 3.0, 0.93), (6, 0.9, 1.0, 0.89)]
)
def test_where_records_of_a_model_have_nearly_all_in_common_the_bounds_keep_less(pairs, rate, common, kept):
    left = norm.ppf(rate) * np.sqrt(1 + common**2)

    def draw(rng):
        return plant_pairs(rng, pairs=pairs, records=120, left=left, common=common)

    assert_covers(bound, draw, rate, np.random.default_rng(2), confidence=kept, repeats=2_000)


def test_the_randomisation_test_keeps_its_level_whatever_records_share():
    rng = np.random.default_rng(3)
    found = [
        estimate_paired_recognition(
            plant_pairs(rng, pairs=8, records=20, common=2.0, scatter=1.0, clones=2),
            confidence=0.95,
            draws=99,
            rng=rng,
        )
        for _ in range(400)
    ]

    most = binom.ppf(1 - 1e-6, 400, 0.05)
    assert sum(each.probability_test.two_sided <= 0.05 for each in found) <= most
    assert sum(each.difference_test.two_sided <= 0.05 for each in found) <= most
    assert sum(each.difference_test.above <= 0.05 for each in found) <= most


def test_a_broad_small_residue_is_seen_where_the_band_excludes_it():
    rng = np.random.default_rng(4)
    found = [bound(plant_pairs(rng, pairs=16, records=120, left=0.35)) for _ in range(50)]

    assert np.mean([each.low > 0.55 for each in found]) > 0.9


def test_a_fine_method_passes_a_band_of_a_twentieth_with_sixteen_pairs():
    rng = np.random.default_rng(5)
    found = [bound(plant_pairs(rng, pairs=16, records=120)) for _ in range(200)]

    assert np.mean([each.low >= 0.45 and each.high <= 0.55 for each in found]) > 0.8
