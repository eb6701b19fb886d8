"""Bootstrap intervals for the eye: scipy's, drawn from cells; and design effects."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from unlearn_audit.stats import (
    MistakeCosts,
    estimate_auc,
    estimate_balanced_accuracy,
    estimate_global_risk,
    estimate_rate,
    estimate_risk_change,
)
from unlearn_audit.stats.bootstrap import compute_design_effect, find_bca_ends
from unlearn_audit.stats.cells import Functional
from unlearn_audit.stats.stratified_counts import stratify_records, stratify_table

COSTS = MistakeCosts(10.0)
DRAWS = 9_999
_APART = 0.05
"""Of the width: two bootstraps of ten thousand draws are no further apart at either end."""


def settings_for(seed=0, resamples=DRAWS):
    return {"confidence": 0.95, "resamples": resamples, "rng": np.random.default_rng(seed)}


def make_case(n=200, seed=0):
    rng = np.random.default_rng(seed)
    actual = rng.random(n) < 0.3
    before = np.where(rng.random(n) < 0.85, actual, ~actual)
    after = np.where(rng.random(n) < 0.9, before, ~before)
    return actual, before, after


def cost_of(actual, called):
    return np.where(actual, 10.0, 1.0) * (called != actual)


def ask_scipy(data, statistic, method, **extra):
    found = scipy_stats.bootstrap(
        data, statistic, n_resamples=DRAWS, method=method, batch=500, rng=np.random.default_rng(5), **extra
    )
    return found.confidence_interval


def assert_alike(theirs, ours):
    width = theirs.high - theirs.low
    assert theirs.low == pytest.approx(ours.low, abs=_APART * width)
    assert theirs.high == pytest.approx(ours.high, abs=_APART * width)


# --- agreement with scipy.stats.bootstrap


def test_single_model():
    actual, called, _ = make_case()
    found = estimate_global_risk(actual, called, COSTS, **settings_for())

    assert_alike(ask_scipy((cost_of(actual, called),), np.mean, "percentile"), found.interval)
    assert_alike(ask_scipy((cost_of(actual, called),), np.mean, "bca"), found.bca)


def test_two_models_on_the_same_records():
    actual, before, after = make_case()
    found = estimate_risk_change(actual, before, after, COSTS, **settings_for())
    change = cost_of(actual, after) - cost_of(actual, before)

    assert_alike(ask_scipy((change,), np.mean, "percentile"), found.interval)
    assert_alike(ask_scipy((change,), np.mean, "bca"), found.bca)


def test_strata_are_drawn_apart():
    actual, called, _ = make_case()
    found = estimate_balanced_accuracy(actual, called, **settings_for())
    right = (called[actual] == 1).astype(float), (called[~actual] == 0).astype(float)

    def mean_of_both(positives, negatives, axis):
        return (positives.mean(axis=axis) + negatives.mean(axis=axis)) / 2

    assert_alike(ask_scipy(right, mean_of_both, "percentile"), found.interval)
    assert_alike(ask_scipy(right, mean_of_both, "bca"), found.bca)


def test_clusters_are_drawn_whole():
    actual, before, after = make_case(n=300)
    clusters = np.random.default_rng(3).integers(0, 80, 300)
    found = estimate_risk_change(actual, before, after, COSTS, clusters=clusters, **settings_for())
    names, index = np.unique(clusters, return_inverse=True)
    sums = np.bincount(index, weights=cost_of(actual, after) - cost_of(actual, before), minlength=len(names))
    data = (sums, np.bincount(index).astype(float))

    def ratio(sums, sizes, axis):
        return sums.sum(axis=axis) / sizes.sum(axis=axis)

    assert_alike(ask_scipy(data, ratio, "percentile", paired=True), found.interval)
    assert_alike(ask_scipy(data, ratio, "bca", paired=True), found.bca)


# --- BCa by itself


def test_without_skewness_or_bias_bca_is_the_percentile_interval():
    functional = Functional((-1.0, 1.0), (0, 0))
    drawn = np.random.default_rng(0).normal(size=20_001)
    centred = np.concatenate([drawn, -drawn])

    ends = find_bca_ends(stratify_records((50, 50), (0, 0)), functional, centred, 0.025)
    assert np.quantile(centred, [0.025, 0.975]) == pytest.approx(ends, abs=1e-9)


def test_bca_moves_towards_the_longer_tail_of_a_rare_event():
    happened = np.arange(200) < 4
    found = estimate_rate(happened, clusters=np.arange(200), **settings_for())

    assert found.bca.low >= found.interval.low
    assert found.bca.high > found.interval.high


@pytest.mark.parametrize("events", [0, 40])
def test_without_spread_there_is_no_bca_interval(events):
    found = estimate_rate(np.arange(40) < events, clusters=np.arange(40), **settings_for())

    assert found.bca is None
    assert found.standard_error is None
    assert found.interval.low < found.interval.high


def test_a_class_of_a_single_record_has_no_jackknife_and_no_bca_interval():
    actual = np.arange(30) < 1
    found = estimate_balanced_accuracy(actual, np.arange(30) < 3, **settings_for())

    assert found.bca is None
    assert "percentile" in found.interval.method.text


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_bca_ends_are_ordered_and_within_what_was_drawn(seed):
    actual, before, after = make_case(60, seed)
    found = estimate_risk_change(actual, before, after, COSTS, **settings_for(seed, 400))

    if found.bca is not None:
        assert -10 <= found.bca.low <= found.bca.high <= 10


# --- design effect


def test_clusters_of_one_record_cost_nothing_and_independent_records_have_no_effect():
    actual, called, _ = make_case()
    alone = estimate_global_risk(actual, called, COSTS, clusters=np.arange(200), **settings_for(resamples=100))

    assert alone.design_effect == pytest.approx(1.0)
    assert estimate_global_risk(actual, called, COSTS, **settings_for(resamples=100)).design_effect is None


@pytest.mark.parametrize("copies", [2, 5])
def test_copies_of_every_record_have_the_number_of_copies_as_their_effect(copies):
    actual, called, _ = make_case()
    copied = estimate_global_risk(
        np.repeat(actual, copies),
        np.repeat(called, copies),
        COSTS,
        clusters=np.repeat(np.arange(200), copies),
        **settings_for(resamples=100),
    )

    assert copies == pytest.approx(copied.design_effect, rel=0.01)


def test_the_effect_is_the_ratio_of_the_two_bootstraps_variances():
    table = np.random.default_rng(1).multinomial(np.full(150, 4), [0.7, 0.2, 0.1])
    table[:40] = [[4, 0, 0]] * 30 + [[0, 4, 0]] * 10
    functional, stratified = Functional((0.0, 5.0, 1.0), (0, 0, 0)), stratify_table(table)
    rng = np.random.default_rng(2)
    together = functional.evaluate(stratified.blocks[0].draw_bootstrap(40_000, rng)).var()
    totals = table.sum(axis=0)
    alone = functional.evaluate(rng.multinomial(600, totals / 600, size=40_000).astype(float)).var()

    assert together / alone == pytest.approx(compute_design_effect(stratified, functional), rel=0.04)


def test_an_auc_reports_its_design_effect_and_standard_error():
    rng = np.random.default_rng(0)
    members, nonmembers = rng.normal(1, 1, 60), rng.normal(0, 1, 90)
    names = np.arange(60), np.arange(60, 150)
    plain = estimate_auc(members, nonmembers, confidence=0.95)
    alone = estimate_auc(members, nonmembers, confidence=0.95, clusters=names)
    copied = estimate_auc(
        np.repeat(members, 3), np.repeat(nonmembers, 3), confidence=0.95, clusters=[np.repeat(n, 3) for n in names]
    )

    assert plain.design_effect is None
    assert alone.design_effect == pytest.approx(1.0)
    assert copied.design_effect == pytest.approx(3.0, rel=0.03)
    assert plain.standard_error == pytest.approx(copied.standard_error, rel=1e-9)
    assert plain.sizes == (60, 90)


# --- what an estimate is made of


@pytest.mark.parametrize("prevalence", [None, 0.1])
def test_the_cells_of_an_estimate_add_up_to_its_value(prevalence):
    actual, before, after = make_case()
    found = estimate_risk_change(actual, before, after, COSTS, prevalence=prevalence, **settings_for(resamples=100))
    strata = {cell.stratum for cell in found.cells}
    sizes = {stratum: sum(c.count for c in found.cells if c.stratum == stratum) for stratum in strata}

    assert found.value == pytest.approx(sum(c.value * c.count / sizes[c.stratum] for c in found.cells))
    assert found.sizes == (actual.sum(), (~actual).sum())
    assert found.n == sum(found.sizes)


# --- several training seeds
