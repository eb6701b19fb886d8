"""The deciding bounds are exact: against Clopper-Pearson, quadrature and draws; and no seed moves them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import beta

from unlearn_audit.errors import MeasurementError
from unlearn_audit.stats import (
    MistakeCosts,
    compute_clopper_pearson,
    estimate_balanced_accuracy,
    estimate_global_risk,
    estimate_rate_change,
    estimate_risk_change,
)
from unlearn_audit.stats.dirichlet_means import DirichletMeans, compute_tails, find_upper_points, invert
from unlearn_audit.stats.stratified_counts import Functional, merge_kinds, stratify_records, stratify_table
from unlearn_audit.stats.worst_case import Posterior, find_bounds, find_upper_bounds

RISK_CHANGE = Functional((0.0, 20.0, -20.0, 0.0, 1.0, -1.0), (0,) * 6)
AT_PREVALENCE = Functional((0.0, 20.0, 0.0, 1.0), (0, 0, 1, 1), (0.1, 0.9))


def make_means(values, shapes, sizes=None):
    values, shapes = np.array([values], dtype=float), np.array([shapes], dtype=float)
    sizes = np.ones_like(values) if sizes is None else np.array([sizes], dtype=float)
    return DirichletMeans(values * sizes, sizes, shapes)


@pytest.mark.parametrize("n", [2, 5, 20, 100, 1_000, 100_000])
@pytest.mark.parametrize("tail", [0.5, 0.05, 0.025, 0.001])
def test_the_inversion_gives_clopper_pearson_to_eight_digits(n, tail):
    for events in sorted({0, 1, 2, n // 10, n // 2, n - 1}):
        means = make_means([0.0, 1.0, 1.0], [n - events, events, 1.0])  # three kinds: no closed form is used
        _, high = compute_clopper_pearson(events, n, tail)
        _, low = compute_clopper_pearson(n - events, n, tail)

        assert find_upper_points(means, np.array([tail]))[0, 0] == pytest.approx(high, rel=1e-8, abs=1e-9)
        below = make_means([0.0, 1.0, 1.0], [events, n - events, 1.0])
        assert find_upper_points(below, np.array([tail]))[0, 0] == pytest.approx(low, rel=1e-8, abs=1e-9)


def test_with_equal_costs_the_bounds_are_clopper_pearson():
    """Misses and false positives cost the same: the risk is the error rate, in three kinds of records."""
    actual, predicted = np.arange(60) < 20, np.isin(np.arange(60), (1, 2, 40))
    predicted ^= actual
    found = estimate_global_risk(
        actual, predicted, MistakeCosts(1.0), confidence=0.95, resamples=100, rng=np.random.default_rng(0)
    )

    assert (found.bounds.low, found.bounds.high) == pytest.approx(compute_clopper_pearson(3, 60, 0.05), rel=1e-8)


def test_nothing_but_events_is_bounded_from_below_alone():
    ((low, high),) = find_bounds(stratify_records((0, 30), (0, 0)), (Functional((0.0, 1.0), (0, 0)),), 0.05)

    assert (low, high) == pytest.approx((compute_clopper_pearson(30, 30, 0.05)[0], 1.0))


def test_units_without_any_spread_give_their_value():
    assert find_upper_points(make_means([3.0, 3.0, 3.0], [2, 5, 1]), np.array([0.05]))[0, 0] == 3.0


@given(
    st.lists(st.integers(0, 40), min_size=3, max_size=6).filter(any),
    st.lists(st.integers(1, 9), min_size=6, max_size=6),
    st.integers(-199, 199).map(lambda number: number / 10 + 0.03),
)
@settings(max_examples=60, deadline=None)
def test_the_tails_on_both_sides_of_a_point_sum_to_one(shapes, sizes, point):
    values = np.array([-20.0, -1.0, 0.0, 1.0, 5.0, 20.0])[: len(shapes)]
    means = make_means(values, shapes, sizes[: len(shapes)])
    above, below = (compute_tails(side, np.array([at]))[0] for side, at in ((means, point), (means.mirror(), -point)))
    low, high = means.ends

    if low[0] < point < high[0]:
        assert above + below == pytest.approx(1.0, abs=1e-9)


@given(st.lists(st.integers(0, 200), min_size=6, max_size=6).filter(lambda c: sum(c[:3]) and sum(c[3:])))
@settings(max_examples=40, deadline=None)
def test_the_point_found_has_the_tail_asked_for(counts):
    stratified = stratify_records(tuple(counts), RISK_CHANGE.strata)
    ((low, high),) = find_bounds(stratified, (RISK_CHANGE,), 0.05)
    means = make_means([*RISK_CHANGE.values, 20.0], [*counts, 1.0])

    assert compute_tails(means, np.array([high]))[0] == pytest.approx(0.05, rel=1e-6)
    assert low <= np.dot(counts, RISK_CHANGE.values) / sum(counts) <= high


def test_the_density_is_the_derivative_of_the_tail():
    means = make_means([0.0, 20.0, 1.0, 20.0], [180, 2, 15, 1])
    step = 1e-5
    around = [compute_tails(means, np.array([0.4 + move]))[0] for move in (-step, step)]

    assert invert(means, np.array([0.4]))[1][0] == pytest.approx((around[0] - around[1]) / (2 * step), rel=1e-6)


def test_the_sum_over_two_strata_is_the_convolution():
    stratified = stratify_records((61, 3, 102, 5), AT_PREVALENCE.strata)
    ((low, high),) = find_bounds(stratified, (AT_PREVALENCE,), 0.05)
    upper = beta(4, 61), beta(6, 102)
    lower = beta(3, 62), beta(5, 103)

    def exceed(point, missed, alarmed):
        return quad(lambda p: alarmed.sf((point - 2 * p) / 0.9) * missed.pdf(p), 0, 1, points=[0.05, 0.2], limit=400)[0]

    assert exceed(high, *upper) == pytest.approx(0.05, abs=5e-6)
    assert exceed(low, *lower) == pytest.approx(0.95, abs=5e-6)


def draw_bounds(stratified, functional, tail, draws, seed=0):
    """Return both ends from draws of the posteriors, the added unit of each stratum drawn by itself."""
    rng, ends = np.random.default_rng(seed), []
    for worst in (False, True):
        totals = sum(
            rng.standard_gamma(block.repeats, size=(draws, len(block.repeats))) @ block.patterns
            for block in stratified.blocks
        ).astype(float)
        for stratum in range(len(functional.weights)):
            size = stratified.find_extra_size(stratum, functional.strata)
            totals[:, functional.pick_extreme(stratum, worst=worst)] += size * rng.standard_exponential(draws)
        ends.append(np.quantile(functional.evaluate(totals), 1 - tail if worst else tail))
    return tuple(ends)


@pytest.mark.parametrize(
    ("functional", "mixed"),
    [(Functional(AT_PREVALENCE.values, (0,) * 4), True), (AT_PREVALENCE, False), (AT_PREVALENCE, True)],
)
def test_clustered_bounds_agree_with_draws(functional, mixed):
    """Exact where clusters lie in one stratum each; through the copula within three hundredths of the width."""
    rng = np.random.default_rng(2)
    sizes = rng.choice([3, 6, 12], 80)
    positives = rng.binomial(sizes, 0.3) if mixed else sizes * (rng.random(80) < 0.3)
    errors = rng.beta(0.2, 1.8, 80)
    missed, alarmed = rng.binomial(positives, errors), rng.binomial(sizes - positives, errors)
    stratified = stratify_table(np.column_stack([positives - missed, missed, sizes - positives - alarmed, alarmed]))
    found, drawn = find_bounds(stratified, (functional,), 0.05)[0], draw_bounds(stratified, functional, 0.05, 60_000)

    assert found == pytest.approx(drawn, abs=0.03 * (drawn[1] - drawn[0]))


def test_more_than_two_strata_are_refused():
    functional = Functional((0.0, 1.0, 0.0, 1.0, 0.0, 1.0), (0, 0, 1, 1, 2, 2), (0.2, 0.3, 0.5))
    with pytest.raises(MeasurementError, match="one stratum or two"):
        find_bounds(stratify_records((5, 1, 5, 1, 5, 1), functional.strata), (functional,), 0.05)


# --- no seed moves a bound


def test_the_seed_of_the_draws_moves_no_bound():
    """Bounds that are drawn lie between .39 and .41 here, by the seed: to either side of a limit of .40.

    One newly missed and one newly caught of 75, two new and two repaired false positives of 125.
    """
    actual = np.arange(200) < 75
    before, after = actual.copy(), actual.copy()
    before[[0, 100, 101]] ^= True
    after[[1, 102, 103]] ^= True
    found = [
        estimate_risk_change(
            actual, before, after, MistakeCosts(20.0), confidence=0.95, resamples=200, rng=np.random.default_rng(seed)
        )
        for seed in range(5)
    ]

    assert {one.bounds.high for one in found} == {found[0].bounds.high}
    assert found[0].bounds.high == pytest.approx(0.3982, abs=5e-5)
    assert len({one.interval.high for one in found}) > 1


@pytest.mark.parametrize("clusters", [None, np.arange(300) // 3])
def test_neither_seed_nor_number_of_draws_moves_a_bound(clusters):
    rng = np.random.default_rng(1)
    actual = rng.random(300) < 0.3
    called = np.where(rng.random(300) < 0.9, actual, ~actual)

    def measure(seed, resamples):
        return estimate_balanced_accuracy(
            actual, called, confidence=0.95, resamples=resamples, rng=np.random.default_rng(seed), clusters=clusters
        ).bounds

    assert measure(0, 100) == measure(1, 1_000)


def test_swapping_the_models_mirrors_the_bounds_exactly():
    rng = np.random.default_rng(3)
    before, after = rng.random(150) < 0.1, rng.random(150) < 0.15
    there, back = (
        estimate_rate_change(*pair, confidence=0.95, resamples=100, rng=rng).bounds
        for pair in ((before, after), (after, before))
    )

    assert (there.low, there.high) == pytest.approx((-back.high, -back.low), rel=1e-9)


def test_clusters_of_one_record_have_the_bounds_of_records():
    stratified = stratify_records((61, 3, 102, 5), AT_PREVALENCE.strata)
    table = np.repeat(np.eye(4, dtype=np.int64), (61, 3, 102, 5), axis=0)

    assert find_bounds(stratified, (AT_PREVALENCE,), 0.05)[0] == pytest.approx(
        find_bounds(stratify_table(table), (AT_PREVALENCE,), 0.05)[0], rel=1e-7
    )


def test_the_worst_case_cluster_lies_between_that_of_the_average_record_and_the_largest():
    table = np.array([[1, 0]] * 8 + [[20, 0]] * 2)

    assert stratify_table(table).find_extra_size(0, (0, 0)) == pytest.approx(((8 * 1 + 2 * 400) / 48 + 20) / 2)


@pytest.mark.parametrize("scale", [1e-4, 1e-2, 1.0, 1e3])
@pytest.mark.parametrize("misses", [0, 3])
def test_a_bound_is_found_on_fractions_of_a_record_as_planning_asks_for_it(scale, misses):
    """With nearly no records the worst case added decides alone, and the bound lies next to the largest value."""
    rows = []
    for value, count, n in ((7.5, misses, 75), (0.625, 1, 125)):
        rows.append(merge_kinds(np.array([[value, 1.0, count * scale + 1.0], [0.0, 1.0, (n - count) * scale]])))
    (bound,) = find_upper_bounds([Posterior.of(rows, np.ones(2))], 0.05)
    assert 0 < bound <= 8.125
    if scale < 1e-3:
        assert bound == pytest.approx(8.125, rel=1e-2)
