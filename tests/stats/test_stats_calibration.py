"""Calibration and net benefit against independent libraries, naive twins and what must hold of them."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression

from unlearn_audit.errors import MeasurementError
from unlearn_audit.stats import (
    Confusion,
    MistakeCosts,
    compute_calibration_error,
    compute_call_all_benefit,
    compute_global_risk,
    compute_net_benefit,
    compute_reliability,
    estimate_calibration_in_the_large,
    estimate_calibration_slope,
    estimate_net_benefit,
)

DRAWS = {"confidence": 0.95, "resamples": 500}


def draw(n, *, slope=1.0, shift=0.0, seed=1):
    """Labels and stated probabilities whose true log-odds are shift + slope * stated."""
    rng = np.random.default_rng(seed)
    stated = rng.normal(-1, 1.5, n)
    return rng.random(n) < expit(shift + slope * stated), expit(stated)


def test_bins_are_those_of_scikit_learn_where_nothing_is_tied():
    actual, p = draw(1000)

    found = compute_reliability(actual, p, confidence=0.9)
    observed, stated = calibration_curve(actual, p, n_bins=10, strategy="quantile")

    assert found.size.tolist() == [100] * 10
    assert found.observed == pytest.approx(observed)
    assert found.stated == pytest.approx(stated)


def test_each_bin_has_its_exact_interval():
    actual, p = draw(200)

    found = compute_reliability(actual, p, confidence=0.9, bins=4)

    for size, observed, low, high in zip(found.size, found.observed, found.low, found.high, strict=True):
        exact = binomtest(round(size * observed), int(size)).proportion_ci(0.9, method="exact")
        assert (low, high) == (pytest.approx(exact.low), pytest.approx(exact.high))


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=1, max_size=60), st.integers(1, 12))
@settings(max_examples=150, deadline=None)
def test_equal_probabilities_are_never_parted_and_no_record_is_lost(rows, bins):
    actual, p = np.array([row[0] for row in rows]), np.array([row[1] / 5 for row in rows])

    found = compute_reliability(actual, p, confidence=0.95, bins=bins)

    assert found.size.sum() == len(rows)
    assert len(found.size) <= bins
    assert found.size @ found.observed == pytest.approx(actual.sum())
    assert found.size @ found.stated == pytest.approx(p.sum())
    assert (np.diff(found.stated) > 0).all()


def test_calibration_in_the_large_is_the_mean_gap():
    actual, p = draw(500, shift=1.0)

    estimate = estimate_calibration_in_the_large(actual, p, confidence=0.95)

    assert estimate.value == pytest.approx(actual.mean() - p.mean())
    assert estimate.interval.low > 0
    assert estimate.bounds is None


def test_the_slope_is_that_of_an_unpenalised_regression():
    actual, p = draw(800, slope=0.6)
    z = logit(p)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        oracle = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(z[:, None], actual).coef_[0, 0]

    assert estimate_calibration_slope(actual, z, confidence=0.95).value == pytest.approx(oracle, rel=1e-5)


@pytest.mark.parametrize("truth", [0.5, 1.0, 1.5])
def test_the_slopes_interval_holds_the_truth(truth):
    hits = 0
    for seed in range(200):
        actual, p = draw(400, slope=truth, seed=seed)
        interval = estimate_calibration_slope(actual, logit(p), confidence=0.95).interval
        hits += interval.low <= truth <= interval.high

    assert hits >= 178  # binom.ppf(1e-4, 200, 0.95): a correct interval


def test_repeated_records_do_not_shorten_a_clustered_interval():
    actual, p = draw(300)
    z = logit(p)
    alone = estimate_calibration_slope(actual, z, confidence=0.95).interval
    names = np.repeat(np.arange(300), 4)

    clustered = estimate_calibration_slope(np.repeat(actual, 4), np.repeat(z, 4), confidence=0.95, clusters=names)

    assert clustered.interval.low == pytest.approx(alone.low, abs=1e-6)
    assert clustered.interval.high == pytest.approx(alone.high, abs=1e-6)
    assert "clustered" in clustered.interval.method.text


@pytest.mark.parametrize(
    ("actual", "log_odds", "message"),
    [
        ([True, True, True], [1.0, 2.0, 0.0], "one class only"),
        ([True, False, True], [1.0, 1.0, 1.0], "no slope is defined"),
        ([True, False, False], [2.0, 1.0, -1.0], "slope is infinite"),
        ([True, False, False], [1.0, 1.0, -1.0], "slope is infinite"),
        ([False, True, True], [2.0, 1.0, -1.0], "slope is infinite"),
        ([True, False, True], [1.0, np.inf, 1.0], "finite"),
    ],
)
def test_a_slope_that_is_not_defined_is_refused(actual, log_odds, message):
    with pytest.raises(MeasurementError, match=message):
        estimate_calibration_slope(np.array(actual), np.array(log_odds), confidence=0.95)


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_the_slope_does_not_hang_on_the_unit(scale):
    actual, p = draw(300)
    z = logit(p)
    plain = estimate_calibration_slope(actual, z, confidence=0.95).value

    assert estimate_calibration_slope(actual, z * scale, confidence=0.95).value == pytest.approx(
        plain / scale, rel=1e-4
    )


def test_a_calibrated_model_shows_the_error_that_chance_alone_makes():
    rng = np.random.default_rng(5)
    p = expit(rng.normal(-1, 1.5, 600))
    drawn = [compute_calibration_error(rng.random(600) < p, p)[0] for _ in range(400)]

    by_chance = compute_calibration_error(rng.random(600) < p, p)[1]

    assert by_chance == pytest.approx(np.mean(drawn), rel=0.05)


def test_a_model_that_is_too_sure_of_itself_shows_more_than_that():
    actual, p = draw(3000, slope=0.4)

    error, by_chance = compute_calibration_error(actual, p)

    assert error > 3 * by_chance


def naive_benefit(actual, p, t, prevalence=None):
    called = p >= t
    weight = t / (1 - t)
    if prevalence is None:
        return (called & actual).sum() / len(p) - weight * (called & ~actual).sum() / len(p)
    return prevalence * called[actual].mean() - (1 - prevalence) * weight * called[~actual].mean()


@pytest.mark.parametrize("prevalence", [None, 0.03])
def test_net_benefit_is_its_formula(prevalence):
    actual, p = draw(300)
    thresholds = np.array([0.01, 0.2, 0.5, 0.9])

    found = compute_net_benefit(actual, p, thresholds, prevalence)

    assert found == pytest.approx([naive_benefit(actual, p, t, prevalence) for t in thresholds])


def test_calling_all_and_none_are_the_lines_to_beat():
    actual, p = draw(300)
    t = np.array([0.05, 0.5])
    share = actual.mean()

    assert compute_call_all_benefit(actual, t) == pytest.approx(share - (1 - share) * t / (1 - t))
    assert compute_net_benefit(actual, p * 0, t) == pytest.approx([0, 0])
    assert compute_call_all_benefit(actual, t, 0.05)[0] == pytest.approx(0)


@given(st.integers(0, 1000), st.floats(1, 50))
@settings(max_examples=50, deadline=None)
def test_net_benefit_is_global_risk_in_another_unit(seed, ratio):
    """NB = prevalence - Global Risk / C_FN, at the threshold that the costs imply."""
    actual, p = draw(80, seed=seed)
    if actual.all() or not actual.any():
        return
    t = 1 / (1 + ratio)
    risk = compute_global_risk(Confusion.of(actual, p >= t), MistakeCosts(ratio))

    assert compute_net_benefit(actual, p, np.array([t]))[0] == pytest.approx(actual.mean() - risk / ratio)


@pytest.mark.parametrize("prevalence", [None, 0.1])
def test_the_estimate_of_net_benefit_is_the_number_with_an_interval_and_no_bounds(prevalence):
    actual, p = draw(300)

    rng = np.random.default_rng(1)
    estimate = estimate_net_benefit(actual, p >= 0.2, 0.2, prevalence=prevalence, rng=rng, **DRAWS)

    assert estimate.value == pytest.approx(naive_benefit(actual, p, 0.2, prevalence))
    assert estimate.interval.low < estimate.value < estimate.interval.high
    assert estimate.bounds is None


@pytest.mark.parametrize(
    "call",
    [
        lambda y, p: compute_net_benefit(y, p, np.array([1.0])),
        lambda y, p: compute_net_benefit(y, p, np.array([0.5]), 1.0),
        lambda y, p: compute_net_benefit(y | True, p, np.array([0.5])),
        lambda y, p: compute_net_benefit(y[1:], p, np.array([0.5])),
        lambda y, p: compute_reliability(y, p * 2, confidence=0.9),
        lambda y, p: compute_reliability(y, p, confidence=0.9, bins=0),
        lambda y, p: compute_reliability(y, p * np.nan, confidence=0.9),
        lambda y, p: estimate_calibration_in_the_large(y[:1], p[:1], confidence=0.9),
    ],
)
def test_bad_input_is_never_a_number(call):
    actual, p = draw(50)

    with pytest.raises(MeasurementError):
        call(actual, p)
