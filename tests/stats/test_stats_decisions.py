"""Proportions, McNemar, Holm, equivalence, thresholds, planning, Brier."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats
from scipy.special import betaincinv
from sklearn.metrics import brier_score_loss

from tests.support.covering import assert_covers
from unlearn_audit.errors import MeasurementError
from unlearn_audit.records import Estimate, Interval, OperatingPoint, Unit, quote_text
from unlearn_audit.stats import (
    MistakeCosts,
    adjust_differences,
    adjust_holm,
    choose_cost_optimal,
    choose_for_sensitivity,
    choose_threshold,
    compute_brier,
    compute_clopper_pearson,
    compute_equivalence,
    compute_jeffreys,
    compute_mcnemar,
    estimate_auc,
    estimate_brier,
    estimate_more_records,
    estimate_proportion,
    estimate_risk_change,
    split_by_group,
)
from unlearn_audit.stats.cells import Functional, estimate_functional, stratify_records

COUNTS = st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))

# --- proportions


@given(COUNTS, st.sampled_from([0.8, 0.95, 0.99]))
def test_clopper_pearson_agrees_with_scipy(counts, confidence):
    theirs = scipy_stats.binomtest(*counts).proportion_ci(confidence, method="exact")

    assert (theirs.low, theirs.high) == pytest.approx(compute_clopper_pearson(*counts, (1 - confidence) / 2), abs=1e-7)


@given(COUNTS)
def test_jeffreys_is_the_quantiles_of_its_beta(counts):
    events, n = counts
    assume(0 < events < n)
    beta = scipy_stats.beta(events + 0.5, n - events + 0.5)

    assert (beta.ppf(0.025), beta.ppf(0.975)) == pytest.approx(compute_jeffreys(events, n, 0.025), abs=1e-9)


def test_no_events_have_the_rule_of_three_as_upper_bound_and_zero_as_lower():
    found = estimate_proportion(0, 300, confidence=0.95)

    assert (found.value, found.bounds.low, found.interval.low) == (0.0, 0.0, 0.0)
    assert pytest.approx(found.bounds.high) == 1 - 0.05 ** (1 / 300)


def test_nothing_but_events_mirrors_it():
    none, all_ = estimate_proportion(0, 30, confidence=0.9), estimate_proportion(30, 30, confidence=0.9)

    assert (all_.bounds.high, all_.interval.high) == (1.0, 1.0)
    assert 1 - none.bounds.high == pytest.approx(all_.bounds.low)


@given(COUNTS)
def test_a_proportion_lies_inside_ends_that_widen_with_confidence(counts):
    narrow, wide = (estimate_proportion(*counts, confidence=c) for c in (0.8, 0.99))

    assert wide.bounds.low <= narrow.bounds.low <= narrow.value <= narrow.bounds.high <= wide.bounds.high
    assert wide.interval.low <= narrow.interval.low <= narrow.value <= narrow.interval.high <= wide.interval.high


@pytest.mark.parametrize(
    ("events", "n", "message"), [(0, 0, "at least one record"), (4, 3, "0 and 3"), (-1, 3, "0 and 3")]
)
def test_counts_that_are_no_proportion_are_refused(events, n, message):
    for function in (compute_clopper_pearson, compute_jeffreys):
        with pytest.raises(MeasurementError, match=message):
            function(events, n, 0.05)
    with pytest.raises(MeasurementError, match=message):
        estimate_proportion(events, n, confidence=0.95)


def test_the_jeffreys_interval_covers_at_an_ordinary_share():
    assert_covers(
        lambda events: estimate_proportion(int(events), 100, confidence=0.95).interval,
        lambda rng: rng.binomial(100, 0.2),
        0.2,
        np.random.default_rng(0),
        repeats=1_000,
    )


@given(st.integers(0, 80), st.integers(0, 80))
def test_mcnemar_agrees_with_the_binomial_test(newly_wrong, newly_right):
    n = newly_wrong + newly_right
    expected = scipy_stats.binomtest(newly_wrong, n, 0.5).pvalue if n else 1.0

    assert expected == pytest.approx(compute_mcnemar(newly_wrong, newly_right))


def test_negative_counts_have_no_mcnemar():
    with pytest.raises(MeasurementError):
        compute_mcnemar(-1, 4)


# --- Holm


def twin_holm(p_values):
    k = len(p_values)
    ranked = sorted(range(k), key=lambda i: p_values[i])
    return [min(1.0, max((k - j) * p_values[ranked[j]] for j in range(ranked.index(i) + 1))) for i in range(k)]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_agrees_with_its_definition(p_values):
    adjusted = adjust_holm(np.array(p_values)).tolist()

    assert twin_holm(p_values) == pytest.approx(adjusted)
    assert all(a >= p for a, p in zip(adjusted, p_values, strict=True))


@given(st.permutations([0.001, 0.01, 0.02, 0.04, 0.5]))
def test_holm_does_not_depend_on_the_order(order):
    adjusted = dict(zip(order, adjust_holm(np.array(order)), strict=True))

    assert pytest.approx(adjusted) == {0.001: 0.005, 0.01: 0.04, 0.02: 0.06, 0.04: 0.08, 0.5: 0.5}


@pytest.mark.parametrize("p_values", [[], [1.2], [-0.1], [np.nan]])
def test_what_are_no_p_values_is_refused(p_values):
    with pytest.raises(MeasurementError):
        adjust_holm(np.array(p_values))


def test_holm_keeps_the_chance_of_any_false_alarm():
    rng = np.random.default_rng(0)
    alarms = sum((adjust_holm(rng.random(6)) <= 0.05).any() for _ in range(2_000))

    assert alarms <= scipy_stats.binom.ppf(1 - 1e-6, 2_000, 0.05)


# --- equivalence


@given(st.floats(-1, 1), st.floats(0.01, 0.5), st.floats(0.501, 0.99))
def test_two_one_sided_tests_agree_with_their_bounds(value, error, confidence):
    found = compute_equivalence(value, error, -0.4, 0.4)
    reach = scipy_stats.norm.ppf(confidence) * error
    assume(abs(abs(value) + reach - 0.4) > 1e-9)

    assert (value - reach >= -0.4 and value + reach <= 0.4) == (found.p <= 1 - confidence)


def test_equivalence_needs_limits_and_a_spread():
    with pytest.raises(MeasurementError, match="low < high"):
        compute_equivalence(0.5, 0.1, 0.6, 0.4)
    with pytest.raises(MeasurementError, match="standard error above zero"):
        compute_equivalence(0.5, 0.0, 0.4, 0.6)


# --- thresholds

LABELLED = st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.9, 1.0])), min_size=2, max_size=30)


def split_both(rows):
    actual, probability = (np.array(column) for column in zip(*rows, strict=True))
    assume(actual.any() and not actual.all())
    return actual, probability


@given(LABELLED, st.sampled_from([0.5, 1.0, 5.0, 20.0]))
@settings(deadline=None)
def test_the_cost_optimal_threshold_is_the_cheapest_and_of_those_the_lowest(rows, ratio):
    actual, probability = split_both(rows)

    def cost(threshold):
        called = probability >= threshold
        return ratio * (actual & ~called).sum() + (~actual & called).sum()

    candidates = [*np.unique(probability), 1.5]
    least = min(cost(t) for t in candidates)
    found = choose_cost_optimal(actual, probability, false_negative=ratio, false_positive=1.0)

    assert least == cost(found)
    assert all(cost(t) > least for t in candidates if t < found)


@given(LABELLED, st.sampled_from([0.3, 0.5, 0.95, 1.0]))
def test_the_threshold_for_a_sensitivity_is_the_largest_that_reaches_it(rows, wanted):
    actual, probability = split_both(rows)
    found = choose_for_sensitivity(actual, probability, wanted)
    higher = [t for t in np.unique(probability) if t > found]

    assert (probability[actual] >= found).mean() >= wanted - 1e-12
    assert all((probability[actual] >= t).mean() < wanted for t in higher)


def test_ties_in_cost_go_to_the_threshold_that_misses_least():
    actual, probability = np.array([True, False]), np.array([0.2, 0.8])

    assert choose_cost_optimal(actual, probability, false_negative=1.0, false_positive=1.0) == 0.2


def test_costs_that_differ_in_the_last_bit_only_are_ties():
    # 0.1 + 0.2 is not 0.3 in binary: one false negative for 0.3 must tie with three false alarms for 0.1
    actual, probability = np.array([True] + [False] * 3 + [True]), np.array([0.1, 0.2, 0.3, 0.4, 0.9])

    assert choose_cost_optimal(actual, probability, false_negative=0.3, false_positive=0.1) == 0.1


def test_where_every_alarm_costs_too_much_nobody_is_called():
    actual, probability = np.array([True, False, False]), np.array([0.5, 0.9, 1.0])
    found = choose_cost_optimal(actual, probability, false_negative=1.0, false_positive=10.0)

    assert found > 1.0
    assert not (probability >= found).any()


@pytest.mark.parametrize(
    ("point", "expected"), [("argmax", None), ("threshold 0.3", 0.3), ("sensitivity 1.0", 0.4), ("cost-optimal", 0.4)]
)
def test_an_operating_point_is_chosen_by_its_name(point, expected):
    actual, probability = np.array([True, True, False]), np.array([0.4, 0.8, 0.1])

    assert expected == choose_threshold(
        OperatingPoint.parse(point), actual=actual, probability=probability, false_negative=5.0, false_positive=1.0
    )


@pytest.mark.parametrize(
    "point", ["", "youden", "argmax 3", "threshold", "threshold x", "threshold 30", "sensitivity 0"]
)
def test_another_operating_point_is_refused(point):
    with pytest.raises(MeasurementError):
        choose_threshold(
            point,
            actual=np.array([True, False]),
            probability=np.array([0.4, 0.8]),
            false_negative=5.0,
            false_positive=1.0,
        )


@pytest.mark.parametrize(
    ("actual", "probability", "message"),
    [
        ([True, True], [0.1, 0.2], "found 2 positives among 2"),
        ([False, False], [0.1, 0.2], "found 0 positives among 2"),
        ([True, False], [0.1, 1.2], "probabilities between 0 and 1"),
        ([True, False], [0.1, np.nan], "finite numbers"),
        ([True, False], [0.1], "actual 2, probability 1"),
    ],
)
def test_records_that_define_no_threshold_are_refused(actual, probability, message):
    for choose in (
        lambda a, p: choose_for_sensitivity(a, p, 0.9),
        lambda a, p: choose_cost_optimal(a, p, false_negative=1.0, false_positive=1.0),
    ):
        with pytest.raises(MeasurementError, match=message):
            choose(np.array(actual), np.array(probability))


def test_a_free_mistake_or_an_impossible_sensitivity_is_refused():
    actual, probability = np.array([True, False]), np.array([0.4, 0.8])
    with pytest.raises(MeasurementError, match="costs above zero"):
        choose_cost_optimal(actual, probability, false_negative=0.0, false_positive=1.0)
    with pytest.raises(MeasurementError, match="sensitivity above 0 and at most 1"):
        choose_for_sensitivity(actual, probability, 95)


# --- planning


def plan(value, low, high, limit, n=100):
    bounds = Interval(low=low, high=high, confidence=0.95, method=quote_text("m"), sides="one")
    return estimate_more_records(Estimate(value=value, unit=Unit.PROPORTION, n=n, bounds=bounds), limit)


@pytest.mark.parametrize(
    ("value", "low", "high", "limit", "expected"),
    [
        (0.10, 0.06, 0.14, 0.12, 300),  # the upper end must come twice as near: four times the records
        (0.10, 0.06, 0.14, 0.08, 300),  # the lower end, to show that the limit is exceeded
        (0.10, 0.06, 0.14, 0.14, 1),  # touches the limit
        (0.10, 0.06, 0.14, 0.20, 0),  # nothing is open
        (0.10, 0.06, 0.14, 0.10, None),  # on the limit: no number would do
        (
            0.10,
            0.06,
            0.14,
            0.101,
            None,
        ),  # next to it: 160,000 records would, says a rule that knows the value no better
    ],
)
def test_the_records_that_would_decide(value, low, high, limit, expected):
    assert expected == plan(value, low, high, limit)


def test_where_the_bound_of_so_many_records_overflows_there_is_no_number(monkeypatch):
    """Found by an audit of twelve erased records, which ended in an error where it meant to plan."""
    overflows = lambda *_: list(np.exp(np.array([1e4])))  # noqa: E731
    monkeypatch.setattr("unlearn_audit.stats.power.find_upper_bounds", overflows)

    assert estimate_more_records(estimate_proportion(20, 100, confidence=0.95), 0.25) is None


def test_the_records_said_to_decide_do_so_if_the_share_stays():
    now = estimate_proportion(20, 100, confidence=0.95)
    more = estimate_more_records(now, 0.25)
    then = estimate_proportion(round(0.2 * (100 + more)), 100 + more, confidence=0.95)

    assert now.bounds.high > 0.25
    assert then.bounds.high == pytest.approx(0.25, abs=0.006)


@pytest.mark.parametrize(
    ("events", "n", "limit"), [(0, 60, 0.02), (1, 60, 0.05), (2, 60, 0.12), (20, 100, 0.25), (30, 100, 0.25)]
)
def test_a_planned_share_needs_what_counting_up_by_brute_force_finds(events, n, limit):
    """Few events: the bound shrinks faster than the square root says, which would ask for up to ten times as many."""
    share, needed = events / n, n
    while (
        betaincinv(share * needed + 1, needed - share * needed, 0.95) > limit
        if share < limit
        else betaincinv(share * needed, needed - share * needed + 1, 0.05) < limit
    ):
        needed += 1

    assert needed - n == pytest.approx(
        estimate_more_records(estimate_proportion(events, n, confidence=0.95), limit), rel=0.08, abs=3
    )


def make_change(times, clusters=None):
    """Return a change of Global Risk of 2 newly missed and 1 caught of 50 positives, 6 and 4 of 150 negatives."""
    kind = np.repeat(np.arange(6), np.array([47, 2, 1, 140, 6, 4]) * times)
    actual, worse, better = kind < 3, np.isin(kind, (1, 4)), np.isin(kind, (2, 5))
    before, after = actual ^ better, actual ^ worse
    return estimate_risk_change(
        actual,
        before,
        after,
        MistakeCosts(20.0),
        confidence=0.95,
        resamples=20_000,
        rng=np.random.default_rng(times),
        clusters=None if clusters is None else np.arange(len(kind)) // clusters,
    )


def test_a_planned_change_of_risk_needs_what_growing_the_sample_by_brute_force_finds():
    now, limit = make_change(1), 0.2
    more = estimate_more_records(now, limit)
    highs = [make_change(times).bounds.high for times in range(2, 40)]
    enough = 2 + next(index for index, high in enumerate(highs) if high <= limit)

    assert now.bounds.high > limit
    assert enough - 1 == pytest.approx(more / 200, abs=1.2), "within a step of the search"
    assert (more // 4, more - more // 4) == pytest.approx(split_by_group(more, now), abs=2)


def test_the_planned_records_decide_about_every_second_time():
    """If the truth is where the estimate is, the new estimate is above it half of the time."""
    now, limit = make_change(1), 0.2
    total = 200 + estimate_more_records(now, limit)
    rng, decided = np.random.default_rng(5), 0
    functional = Functional(tuple(cell.value for cell in now.cells), (0,) * 6)
    for _ in range(200):
        counts = rng.multinomial(total, [cell.count / 200 for cell in now.cells])
        then = estimate_functional(
            stratify_records(tuple(int(c) for c in counts), (0,) * 6),
            functional,
            Unit.COST_PER_CASE,
            confidence=0.95,
            resamples=500,
            rng=rng,
        )
        decided += then.bounds.high <= limit

    assert 0.38 * 200 < decided < 0.66 * 200


def test_clusters_that_are_worth_fewer_records_need_more_of_them():
    plain, paired = make_change(1), make_change(1, clusters=2)

    assert plain.bounds.high < paired.bounds.high
    assert estimate_more_records(plain, 0.2) < estimate_more_records(paired, 0.2)


def test_a_limit_that_no_number_of_records_reaches_is_said_to_be_one():
    assert estimate_more_records(estimate_proportion(10, 100, confidence=0.95), 0.1 + 1e-9) is None


def test_a_descriptive_estimate_cannot_be_planned_with():
    with pytest.raises(MeasurementError, match="estimate with bounds"):
        estimate_more_records(Estimate(value=0.1, unit=Unit.PROPORTION, n=10), 0.2)


# --- several attacks


def test_the_attacks_of_one_family_are_adjusted_together_and_one_without_spread_still_counts():
    found = [
        Estimate(value=0.65, unit=Unit.AUC, n=9, standard_error=0.05),
        Estimate(value=0.60, unit=Unit.AUC, n=9, standard_error=0.05),
        Estimate(value=1.00, unit=Unit.AUC, n=9),
    ]
    alone = [2 * scipy_stats.norm.sf(3), 2 * scipy_stats.norm.sf(2)]

    assert adjust_differences(found, 0.5) == (pytest.approx(3 * alone[0]), pytest.approx(2 * alone[1]), None)
    assert adjust_differences(found[:1], 0.5) == (pytest.approx(alone[0]),)


def test_without_a_leak_any_of_several_attacks_is_called_one_as_rarely_as_promised():
    rng, wrong = np.random.default_rng(0), 0
    for _ in range(400):
        ours, theirs = rng.normal(size=60), rng.normal(size=90)
        attacks = [(ours, theirs), (np.abs(ours), np.abs(theirs)), (ours**3 + rng.normal(size=60), theirs)]
        family = [estimate_auc(*scores, confidence=0.95) for scores in attacks]
        wrong += min(adjust_differences(family, 0.5)) <= 0.05

    assert wrong <= scipy_stats.binom.ppf(1 - 1e-6, 400, 0.05)


# --- Brier


@given(LABELLED)
def test_brier_agrees_with_scikit_learn(rows):
    actual, probability = split_both(rows)

    assert brier_score_loss(actual, probability) == pytest.approx(compute_brier(actual, probability))


def test_the_brier_interval_covers_and_is_no_bound():
    def draw(rng):
        probability = rng.random(200)
        return rng.random(200) < probability, probability

    assert_covers(lambda drawn: estimate_brier(*drawn, confidence=0.95).interval, draw, 1 / 6, np.random.default_rng(0))
    assert estimate_brier(np.array([True, False]), np.array([0.4, 0.1]), confidence=0.95).bounds is None


def test_copies_leave_the_clustered_brier_interval_as_it_was():
    rng = np.random.default_rng(0)
    probability = rng.random(50)
    actual = rng.random(50) < probability
    once = estimate_brier(actual, probability, confidence=0.95)
    copied = estimate_brier(
        np.repeat(actual, 3), np.repeat(probability, 3), confidence=0.95, clusters=np.repeat(np.arange(50), 3)
    )

    assert once.interval.high == pytest.approx(copied.interval.high)


@pytest.mark.parametrize("probability", [[0.5, 1.5], [-0.1, 0.5], [0.5, np.nan], [0.5]])
def test_what_are_no_probabilities_has_no_brier_score(probability):
    with pytest.raises(MeasurementError):
        compute_brier(np.array([True, False]), np.array(probability))


def test_one_record_has_a_brier_score_and_no_interval():
    with pytest.raises(MeasurementError, match="two independent records"):
        estimate_brier(np.array([True]), np.array([0.4]), confidence=0.95)
