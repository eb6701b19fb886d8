"""What a deciding bound promises, held to it by simulation; and what the familiar intervals do not keep."""

from functools import cache

import numpy as np
import pytest
from scipy.stats import binom, expon, gamma, laplace, norm, poisson

from tests.support.covering import assert_covers, count_hits
from unlearn_audit.records import Interval, Unit, quote_text
from unlearn_audit.stats import (
    MistakeCosts,
    compute_clopper_pearson,
    compute_jeffreys,
    estimate_balanced_accuracy,
    estimate_global_risk,
    estimate_rate_change,
    estimate_risk_change,
)
from unlearn_audit.stats.cells import Functional, estimate_functional, stratify_records
from unlearn_audit.stats.worst_case import find_bounds

LESIONS = np.array([1] * 55 + [2] * 31 + [3] * 9 + [4] * 3 + [6] * 2)
"""Images per lesion, about as in HAM10000."""


def keep_first_fast(cases):
    """The first of these is among the fast tests, the others are among the thorough ones."""
    first, *others = cases
    return [pytest.param(*first), *(pytest.param(*case, marks=pytest.mark.thorough) for case in others)]


def from_counts(values, strata, weights=(1.0,)):
    """Return a function from cell counts to the deciding bounds, which estimates carry as they are (see below)."""
    functional = Functional(values, strata, weights)

    @cache  # the same counts have the same bounds, and few are drawn often
    def find(counts):
        (low, high), *_ = find_bounds(stratify_records(counts, strata), (functional,), 1 - 0.95)
        return Interval(low=low, high=high, confidence=0.95, method=quote_text("deciding"), sides="one")

    def ends(counts):
        return find(tuple(map(int, counts)))

    return ends


def draw_paired(cell):
    positives, negatives, newly_missed, newly_caught, alarms, repaired, _ = cell

    def draw(rng):
        up = rng.multinomial(positives, [1 - newly_missed - newly_caught, newly_missed, newly_caught])
        down = rng.multinomial(negatives, [1 - alarms - repaired, alarms, repaired])
        return np.concatenate([up, down])

    return draw


# --- the helper itself


def test_the_helper_accepts_an_exact_interval_and_refuses_wald():
    def draw(rng):
        return int(rng.binomial(60, 0.07))

    def exact(events):
        low, high = compute_clopper_pearson(events, 60, 0.025)
        return Interval(low=low, high=high, confidence=0.95, method=quote_text("exact"), sides="two")

    def wald(events):
        p = events / 60
        reach = 1.96 * np.sqrt(p * (1 - p) / 60)
        return Interval(low=p - reach, high=p + reach, confidence=0.95, method=quote_text("Wald"), sides="two")

    assert_covers(exact, draw, 0.07, np.random.default_rng(0), repeats=2_000)
    with pytest.raises(AssertionError, match="covered"):
        assert_covers(wald, draw, 0.07, np.random.default_rng(0), repeats=2_000)


def test_the_helper_judges_each_one_sided_end_by_itself():
    def half_wrong(events):  # the low end always covers, the high end never does: jointly 0, but so is 'high'
        return Interval(low=0.0, high=0.0, confidence=0.95, method=quote_text("wrong"), sides="one")

    with pytest.raises(AssertionError, match="high: covered 0"):
        assert_covers(half_wrong, lambda rng: rng.binomial(10, 0.5), 0.5, np.random.default_rng(0), repeats=50)


# --- proportions: exactly, without simulation


@pytest.mark.parametrize("n", [5, 40, 200])
def test_clopper_pearson_bounds_cover_at_every_true_share(n):
    shares = np.linspace(0.001, 0.999, 333)
    ends = np.array([compute_clopper_pearson(k, n, 0.05) for k in range(n + 1)])
    weights = binom.pmf(np.arange(n + 1)[:, None], n, shares)

    assert ((ends[:, :1] <= shares) * weights).sum(axis=0).min() >= 0.95 - 1e-9
    assert ((ends[:, 1:] >= shares) * weights).sum(axis=0).min() >= 0.95 - 1e-9


def test_a_one_sided_jeffreys_end_may_cover_far_less_and_does_not_decide():
    share = 2.0 / 200
    ends = np.array([compute_jeffreys(k, 200, 0.05) for k in range(201)])
    covered = ((ends[:, 1] >= share) * binom.pmf(np.arange(201), 200, share)).sum()

    assert 0.86 < covered < 0.88


@pytest.mark.parametrize(
    ("rule", "highest", "share"),
    [
        ("one worst record", gamma.ppf(0.95, 1), 0.950),
        ("three quarters of one", gamma.ppf(0.95, 0.75), 0.917),
        ("half of one, or Jeffreys", gamma.ppf(0.95, 0.5), 0.853),
        ("mid-p", expon.ppf(0.90), 0.900),
        ("uniform: a worst record against a best one", laplace.ppf(0.95), 0.900),
        ("score", norm.ppf(0.95) ** 2, 0.933),
        ("profile likelihood", norm.ppf(0.95) ** 2 / 2, 0.741),
    ],
)
def test_a_smaller_bound_when_none_was_seen_is_wrong_too_often_just_above_it(rule, highest, share):
    """`highest`: the bound on the expected number of events; a truth just above it is missed whenever none is seen."""
    assert share == pytest.approx(1 - poisson.pmf(0, highest), abs=5e-4), rule


# --- Global Risk


@pytest.mark.parametrize(
    ("values", "strata", "weights"),
    [
        ((0.0, 10.0, 1.0), (0, 0, 0), (1.0,)),
        ((0.0, 5.0, -5.0, 0.0, 1.0, -1.0), (0,) * 6, (1.0,)),
        ((0.0, 5.0, -5.0, 0.0, 1.0, -1.0), (0, 0, 0, 1, 1, 1), (0.1, 0.9)),
    ],
)
def test_an_estimate_carries_the_bounds_whose_coverage_is_tested_here(values, strata, weights):
    rng = np.random.default_rng(6)
    for counts in rng.integers(0, 60, (10, len(values))):
        estimate = estimate_functional(
            stratify_records(tuple(map(int, counts)), strata), Functional(values, strata, weights), Unit.COST_PER_CASE,
            confidence=0.95, resamples=100, rng=rng,
        )  # fmt: skip
        expected = from_counts(values, strata, weights)(counts)
        assert (estimate.bounds.low, estimate.bounds.high) == (expected.low, expected.high)
        assert (estimate.bounds.confidence, estimate.bounds.sides) == (expected.confidence, expected.sides)


SINGLE = [(200, 0.005, 0.02, 10), (600, 0.005, 0.02, 20), (2000, 0.05, 0.10, 20), (2000, 0.002, 0.05, 20)]


@pytest.mark.parametrize(("n", "fn", "fp", "ratio"), keep_first_fast(SINGLE))
def test_the_bound_on_global_risk_covers(n, fn, fp, ratio):
    assert_covers(
        from_counts((0.0, ratio, 1.0), (0, 0, 0)),
        lambda rng: rng.multinomial(n, [1 - fn - fp, fn, fp]),
        ratio * fn + fp,
        np.random.default_rng(7),
    )


PAIRED = [
    (64, 107, 0.05, 0.0, 0.05, 0.05, 10),
    (400, 1600, 0.005, 0.0, 0.01, 0.01, 20),
    (400, 1600, 0.005, 0.005, 0.02, 0.02, 20),
    (400, 1600, 0.02, 0.02, 0.02, 0.02, 20),
    (64, 107, 0.2, 0.05, 0.1, 0.05, 5),
]


@pytest.mark.parametrize("cell", keep_first_fast([(cell,) for cell in PAIRED]))
def test_the_bound_on_a_paired_change_covers_with_fixed_class_sizes(cell):
    positives, negatives, missed, caught, alarms, repaired, ratio = cell
    truth = (positives * ratio * (missed - caught) + negatives * (alarms - repaired)) / (positives + negatives)
    values = (0.0, ratio, -ratio, 0.0, 1.0, -1.0)

    assert_covers(from_counts(values, (0,) * 6), draw_paired(cell), truth, np.random.default_rng(8))


@pytest.mark.thorough
@pytest.mark.parametrize("cell", PAIRED[:3])
def test_the_bound_at_a_prevalence_covers(cell):
    *_, missed, caught, alarms, repaired, ratio = cell
    truth = 0.1 * ratio * (missed - caught) + 0.9 * (alarms - repaired)
    values = (0.0, ratio, -ratio, 0.0, 1.0, -1.0)

    assert_covers(
        from_counts(values, (0, 0, 0, 1, 1, 1), (0.1, 0.9)), draw_paired(cell), truth, np.random.default_rng(9)
    )


def test_the_bound_on_balanced_accuracy_covers():
    actual, rng = np.arange(240) < 40, np.random.default_rng(2)

    assert_covers(
        lambda called: estimate_balanced_accuracy(actual, called, confidence=0.95, resamples=400, rng=rng).bounds,
        lambda own: np.where(actual, own.random(240) < 0.95, own.random(240) < 0.05),
        0.95,
        np.random.default_rng(3),
    )


def test_the_bound_on_a_change_of_rate_covers():
    rng = np.random.default_rng(2)

    def draw(own):
        kind = own.choice(3, 150, p=[0.96, 0.03, 0.01])
        return kind == 2, kind == 1

    assert_covers(
        lambda pair: estimate_rate_change(*pair, confidence=0.95, resamples=400, rng=rng).bounds,
        draw,
        0.02,
        np.random.default_rng(4),
    )


def draw_clustered(clusters, sizes, fn, fp, alikeness):
    """Draw images whose mistakes are alike within a cluster (Dirichlet-multinomial)."""

    def draw(rng):
        each = rng.choice(sizes, size=clusters)
        base = np.array([1 - fn - fp, fn, fp]) * (1 - alikeness) / alikeness
        shares = rng.standard_gamma(np.broadcast_to(base, (clusters, 3))) + 1e-300
        counts = rng.multinomial(each, shares / shares.sum(axis=1, keepdims=True))
        kind = np.repeat(np.tile(np.arange(3), clusters), counts.ravel())
        return kind, np.repeat(np.arange(clusters), each)

    return draw


CLUSTERED = [
    (300, LESIONS, 0.02, 0.05, 0.5, 20),
    (300, LESIONS, 0.005, 0.02, 0.5, 20),
    (60, np.array([5, 10, 15]), 0.05, 0.1, 0.3, 10),
    (200, np.array([1, 1, 1, 1, 20]), 0.02, 0.05, 0.3, 10),
]


@pytest.mark.parametrize("case", keep_first_fast([(case,) for case in CLUSTERED]))
def test_the_bound_on_a_clustered_global_risk_covers(case):
    _, _, fn, fp, _, ratio = case
    rng = np.random.default_rng(11)

    def ends(drawn):
        kind, names = drawn
        actual, called = kind == 1, kind == 2
        return estimate_global_risk(
            actual, called, MistakeCosts(ratio), confidence=0.95, resamples=400, rng=rng, clusters=names
        ).bounds

    assert_covers(ends, draw_clustered(*case[:5]), ratio * fn + fp, np.random.default_rng(12), repeats=250)


@pytest.mark.thorough
def test_the_bound_on_a_clustered_paired_change_covers():
    rng = np.random.default_rng(13)

    def ends(drawn):
        kind, names = drawn  # 0: unchanged, 1: newly missed, 2: repaired alarm
        actual, before, after = kind == 1, kind != 0, np.zeros(len(kind), dtype=bool)
        return estimate_risk_change(
            actual, before, after, MistakeCosts(10), confidence=0.95, resamples=400, rng=rng, clusters=names
        ).bounds

    draw = draw_clustered(150, LESIONS, 0.02, 0.05, 0.5)
    assert_covers(ends, draw, 10 * 0.02 - 0.05, np.random.default_rng(14), repeats=250)


@pytest.mark.thorough
def test_pretending_that_clustered_images_are_independent_does_not_cover():
    rng = np.random.default_rng(15)

    def ends(drawn):
        kind, _ = drawn
        return estimate_global_risk(
            kind == 1, kind == 2, MistakeCosts(10), confidence=0.95, resamples=400, rng=rng
        ).bounds

    draw = draw_clustered(60, np.array([5, 10, 15]), 0.05, 0.1, 0.3)
    hits = count_hits(ends, draw, 0.6, np.random.default_rng(16), 250)
    assert hits["high"] < 0.87 * 250


# --- longer studies


def sample_linear(shapes, values, rng, draws):
    """Return (repeats, draws) of the values' mean under Dirichlet(shapes), shapes (repeats, cells)."""
    drawn = rng.standard_gamma(np.repeat(shapes[:, None, :], draws, axis=1))
    return drawn @ values / drawn.sum(axis=2)


TABLE = [
    (200, 0.005, 0.02, 10, 0.655, 0.970, 0.998),
    (200, 0.02, 0.05, 20, 0.898, 0.953, 0.996),
    (600, 0.005, 0.02, 20, 0.925, 0.927, 0.994),
    (600, 0.02, 0.05, 10, 0.940, 0.947, 0.995),
    (2000, 0.002, 0.05, 20, 0.910, 0.950, 0.998),
    (2000, 0.05, 0.10, 20, 0.952, 0.956, 0.987),
]


@pytest.mark.slow
@pytest.mark.parametrize("row", TABLE)
def test_the_familiar_intervals_cover_as_little_as_published(row):
    n, fn, fp, ratio, percentile, jeffreys, bonferroni = row
    rng, values, truth = np.random.default_rng(20), np.array([0.0, ratio, 1.0]), ratio * fn + fp
    counts = rng.multinomial(n, [1 - fn - fp, fn, fp], size=2_000)

    def coverage(drawn):
        low, high = np.quantile(drawn, [0.025, 0.975], axis=1)
        return ((low <= truth) & (truth <= high)).mean()

    boot = rng.multinomial(n, counts[:, None, :].repeat(1_500, 1) / n) @ values / n
    assert percentile == pytest.approx(coverage(boot), abs=0.03)
    assert jeffreys == pytest.approx(coverage(sample_linear(counts + 0.5, values, rng, 1_500)), abs=0.02)

    ends = [[compute_clopper_pearson(int(k), n, 0.0125) for k in counts[:, cell]] for cell in (1, 2)]
    low, high = (np.array(ends)[:, :, end].T @ values[1:] for end in (0, 1))
    assert bonferroni == pytest.approx(((low <= truth) & (truth <= high)).mean(), abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("cell", PAIRED)
@pytest.mark.parametrize("fixed_sizes", [True, False])
def test_the_worst_case_bound_covers_where_percentile_and_jeffreys_fall_short(cell, fixed_sizes):
    positives, negatives, missed, caught, alarms, repaired, ratio = cell
    rng, n = np.random.default_rng(21), positives + negatives
    values = np.array([0.0, ratio, -ratio, 1.0, -1.0])
    if fixed_sizes:
        drawn = np.array([draw_paired(cell)(rng) for _ in range(2_000)])
    else:
        up, down = positives / n, negatives / n
        shares = [up * (1 - missed - caught), up * missed, up * caught]
        shares += [down * (1 - alarms - repaired), down * alarms, down * repaired]
        drawn = rng.multinomial(n, shares, size=2_000)
    counts = np.column_stack([drawn[:, 0] + drawn[:, 3], drawn[:, 1], drawn[:, 2], drawn[:, 4], drawn[:, 5]])
    truth = (positives * ratio * (missed - caught) + negatives * (alarms - repaired)) / n

    def cover_above(extra):
        return (np.quantile(sample_linear(counts + extra, values, rng, 1_500), 0.95, axis=1) >= truth - 1e-12).mean()

    worst = cover_above(np.array([0.0, 1.0, 0.0, 0.0, 0.0]))
    assert worst >= binom.ppf(1e-6, 2_000, 0.95) / 2_000
    assert worst > cover_above(0.5)
    if cell == PAIRED[1]:
        assert cover_above(0.5) < 0.92, "the hard cell of the Jeffreys bound"


@pytest.mark.slow
@pytest.mark.parametrize("n", [100, 400, 2000])
@pytest.mark.parametrize("ratio", [1, 5, 20, 100])
@pytest.mark.parametrize("expected_misses", [0.5, 1.5, 3, 10])
@pytest.mark.parametrize("fp", [0.0, 0.02, 0.2])
def test_the_worst_case_bound_covers_on_a_grid(n, ratio, expected_misses, fp):
    rng, fn = np.random.default_rng(22), expected_misses / n
    counts = rng.multinomial(n, [1 - fn - fp, fn, fp], size=1_500)
    values = np.array([0.0, ratio, 1.0])
    upper = np.quantile(sample_linear(counts + np.array([0.0, 1.0, 0.0]), values, rng, 1_000), 0.95, axis=1)
    lower = np.quantile(sample_linear(counts + np.array([1.0, 0.0, 0.0]), values, rng, 1_000), 0.05, axis=1)
    fewest = binom.ppf(1e-6, 1_500, 0.95)

    assert (upper >= ratio * fn + fp - 1e-12).sum() >= fewest
    assert (lower <= ratio * fn + fp + 1e-12).sum() >= fewest
