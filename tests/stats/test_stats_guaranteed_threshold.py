"""Thresholds with a guarantee: what they allow, what they promise, where they are refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from unlearn_audit.errors import MeasurementError
from unlearn_audit.stats import choose_on_average, choose_with_confidence

SEEDS = st.integers(0, 2**32 - 1)


def split(positives, negatives=()):
    probability = np.concatenate([positives, negatives])
    return np.arange(len(probability)) < len(positives), probability


def spread(n):
    return np.arange(1, n + 1) / (n + 1)


@pytest.mark.parametrize(("alpha", "fewest"), [(0.10, 29), (0.05, 59)])
def test_the_fewest_positives_are_those_of_the_page(alpha, fewest):
    found = choose_with_confidence(*split(spread(fewest)), alpha=alpha, confidence=0.95)

    assert found.allowed == 0
    assert found.threshold == spread(fewest)[0]
    with pytest.raises(MeasurementError, match=f"at least {fewest} validation positives .*, found {fewest - 1}"):
        choose_with_confidence(*split(spread(fewest - 1)), alpha=alpha, confidence=0.95)


@pytest.mark.parametrize(("alpha", "fewest"), [(0.10, 9), (0.05, 19)])
def test_the_fewest_positives_on_average(alpha, fewest):
    assert choose_on_average(*split(spread(fewest)), alpha=alpha).allowed == 0
    with pytest.raises(MeasurementError, match=f"at least {fewest} validation positives"):
        choose_on_average(*split(spread(fewest - 1)), alpha=alpha)


@settings(deadline=None, max_examples=50)
@given(st.integers(59, 400), st.sampled_from([0.05, 0.1, 0.2]), st.sampled_from([0.9, 0.95, 0.99]))
def test_the_allowed_number_is_the_largest_that_the_binomial_lets_pass(n, alpha, confidence):
    if (1 - alpha) ** n > 1 - confidence:
        return
    found = choose_with_confidence(*split(spread(n)), alpha=alpha, confidence=confidence)

    assert binom.cdf(found.allowed, n, alpha) <= 1 - confidence
    assert binom.cdf(found.allowed + 1, n, alpha) > 1 - confidence
    assert (spread(n) < found.threshold).sum() == found.allowed


@settings(deadline=None, max_examples=50)
@given(st.integers(19, 400), st.sampled_from([0.05, 0.1, 0.2]))
def test_on_average_the_allowed_number_is_the_largest_that_conformal_risk_control_lets_pass(n, alpha):
    found = choose_on_average(*split(spread(n)), alpha=alpha)

    assert (found.allowed + 1) / (n + 1) <= alpha + 1e-12
    assert (found.allowed + 2) / (n + 1) > alpha


@pytest.mark.parametrize("n", [59, 100, 300])
def test_the_guarantees_hold_for_the_true_rate(n):
    """Uniform scores: the true false-negative rate is the threshold itself."""
    rng = np.random.default_rng(0)
    chosen = [split(rng.random(n)) for _ in range(2_000)]
    firm = np.array([choose_with_confidence(*each, alpha=0.1, confidence=0.95).threshold for each in chosen])
    average = np.array([choose_on_average(*each, alpha=0.1).threshold for each in chosen])

    assert (firm <= 0.1).sum() >= binom.ppf(1e-6, 2_000, 0.95)
    assert average.mean() <= 0.1 + 4 * average.std() / np.sqrt(2_000)
    assert (average > 0.1).mean() > 0.3  # what the average does not promise
    assert (firm <= average).all()


def test_tied_scores_miss_fewer_never_more():
    rng = np.random.default_rng(1)
    for _ in range(50):
        positives = rng.integers(0, 6, 100) / 5
        found = choose_with_confidence(*split(positives), alpha=0.1, confidence=0.95)
        assert (positives < found.threshold).sum() <= found.allowed


def test_the_price_is_counted_on_the_negatives():
    found = choose_on_average(*split(spread(19), [0.0, 0.05, 0.5, 1.0]), alpha=0.05)

    assert found.threshold == 0.05
    assert found.false_alarms.value == 0.75
    assert found.false_alarms.events == 3
    assert choose_on_average(*split(spread(19)), alpha=0.05).false_alarms is None


def test_persons_count_once_by_their_least_certain_record():
    positives = np.repeat(spread(29), 2) + np.tile([0.0, 0.01], 29)
    actual, probability = split(positives, [0.5])
    persons = np.append(np.repeat(np.arange(29), 2), 99)

    found = choose_with_confidence(actual, probability, alpha=0.1, confidence=0.95, persons=persons)

    assert found.positives == 29
    assert found.threshold == positives.min()


def test_persons_keep_the_guarantee_where_records_of_one_are_alike():
    rng = np.random.default_rng(2)
    persons = np.repeat(np.arange(40), 5)
    firm = {True: [], False: []}
    for _ in range(500):
        actual, probability = split(np.repeat(rng.random(40), 5))
        for known, kept in firm.items():
            found = choose_with_confidence(
                actual, probability, alpha=0.1, confidence=0.95, persons=persons if known else None
            )
            kept.append(found.threshold <= 0.1)

    assert np.sum(firm[True]) >= binom.ppf(1e-6, 500, 0.95)
    assert np.mean(firm[False]) < 0.9  # why it is asked for


@pytest.mark.parametrize(
    ("probability", "alpha", "message"),
    [(1.5, 0.1, "between 0 and 1"), (np.nan, 0.1, "finite"), (0.5, 0.0, "above 0 and below 1")],
)
def test_what_is_no_probability_or_rate_is_refused(probability, alpha, message):
    with pytest.raises(MeasurementError, match=message):
        choose_on_average(np.array([True] * 30), np.full(30, probability), alpha=alpha)


def test_no_positives_are_refused():
    with pytest.raises(MeasurementError, match=r"at least 9 validation positives .* found 0"):
        choose_on_average(np.array([False] * 30), np.full(30, 0.5), alpha=0.1)
