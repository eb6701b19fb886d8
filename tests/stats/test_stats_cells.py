"""Rates, risk and their changes: closed forms, twins, properties."""

import numpy as np
import pytest
from benchmarks.judging import draw as draw_planted
from benchmarks.judging import judge_clinically, load_policy
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from tests.support.ordinary_core import measure_work
from unlearn_audit.errors import MeasurementError
from unlearn_audit.records import Estimate, Unit
from unlearn_audit.stats import (
    Confusion,
    MistakeCosts,
    PairedCells,
    compute_baseline_risks,
    compute_clopper_pearson,
    compute_global_risk,
    compute_risk_change,
    estimate_balanced_accuracy,
    estimate_balanced_accuracy_change,
    estimate_global_risk,
    estimate_rate,
    estimate_rate_change,
    estimate_risk_change,
    estimate_risk_curve,
)

COSTS = MistakeCosts(10.0)


def settings_for(seed=0, resamples=4_000, confidence=0.95):
    return {"confidence": confidence, "resamples": resamples, "rng": np.random.default_rng(seed)}


def make_case(seed=0, n=300):
    rng = np.random.default_rng(seed)
    actual = rng.random(n) < 0.3
    before = np.where(rng.random(n) < 0.85, actual, ~actual)
    after = np.where(rng.random(n) < 0.9, before, ~before)
    return actual, before, after


# --- counting


def test_the_four_cells_are_counted():
    actual = np.array([True, True, True, False, False, False, False])
    predicted = np.array([True, True, False, True, False, False, False])
    confusion = Confusion.of(actual, predicted)

    assert Confusion(tp=2, fn=1, fp=1, tn=3) == confusion
    assert (
        confusion.fnr,
        confusion.fpr,
        confusion.sensitivity,
        confusion.specificity,
    ) == (1 / 3, 1 / 4, 2 / 3, 3 / 4)
    assert pytest.approx(17 / 24) == confusion.balanced_accuracy
    assert (confusion.accuracy, confusion.positive_share, confusion.n) == (5 / 7, 3 / 7, 7)


@pytest.mark.parametrize("rate", ["fnr", "sensitivity", "balanced_accuracy"])
def test_a_rate_among_positives_needs_positives(rate):
    with pytest.raises(MeasurementError, match="at least one positive record, found none"):
        getattr(Confusion(tp=0, fn=0, fp=1, tn=2), rate)


def test_a_rate_among_negatives_needs_negatives():
    with pytest.raises(MeasurementError, match="at least one negative record"):
        _ = Confusion(tp=1, fn=0, fp=0, tn=0).fpr


@pytest.mark.parametrize("rate", ["accuracy", "positive_share"])
def test_no_records_have_no_rate(rate):
    with pytest.raises(MeasurementError):
        getattr(Confusion(tp=0, fn=0, fp=0, tn=0), rate)


def test_paired_cells_name_what_became_of_each_record():
    actual = np.array([1, 1, 1, 1, 0, 0, 0, 0], dtype=bool)
    before = np.array([1, 1, 0, 0, 1, 1, 0, 0], dtype=bool)
    after = np.array([1, 0, 1, 0, 1, 0, 1, 0], dtype=bool)

    assert PairedCells(1, 1, 1, 1, 1, 1, 1, 1) == PairedCells.of(actual, before, after)


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_paired_cells_contain_both_confusions(rows):
    actual, before, after = (np.array(column, dtype=bool) for column in zip(*rows, strict=True))
    cells = PairedCells.of(actual, before, after)

    assert Confusion.of(actual, before) == cells.before
    assert Confusion.of(actual, after) == cells.after
    assert len(rows) == cells.n == cells.positives + cells.negatives


@pytest.mark.parametrize(
    ("actual", "predicted", "message"),
    [
        (np.array([], dtype=bool), np.array([], dtype=bool), "at least one record"),
        (np.array([True]), np.array([True, False]), "actual 1, predicted 2"),
        (np.array([1, 0]), np.array([True, False]), "'actual': expected a one-dimensional boolean"),
    ],
)
def test_masks_that_are_none_are_refused(actual, predicted, message):
    with pytest.raises(MeasurementError, match=message):
        Confusion.of(actual, predicted)


# --- Global Risk as a number


def test_global_risk_is_the_mean_cost():
    assert compute_global_risk(Confusion(tp=9, fn=1, fp=5, tn=85), MistakeCosts(10.0)) == 0.15


def test_global_risk_at_the_sample_prevalence_equals_the_plain_one():
    confusion = Confusion(tp=30, fn=10, fp=20, tn=140)

    assert compute_global_risk(confusion, COSTS) == pytest.approx(compute_global_risk(confusion, COSTS, 0.2))


def test_global_risk_at_a_prevalence_by_hand():
    confusion = Confusion(tp=3, fn=1, fp=2, tn=8)

    assert pytest.approx(0.1 * 10 * 0.25 + 0.9 * 0.2) == compute_global_risk(confusion, COSTS, 0.1)


def test_calling_all_or_none_are_the_baselines():
    actual = np.array([True] * 2 + [False] * 8)

    assert compute_baseline_risks(actual, COSTS) == (0.8, 2.0)


@pytest.mark.parametrize("cost", [0.0, -1.0, np.inf, np.nan])
def test_costs_must_be_finite_and_above_zero(cost):
    with pytest.raises(MeasurementError, match="finite costs above zero"):
        MistakeCosts(cost)
    with pytest.raises(MeasurementError, match="finite costs above zero"):
        MistakeCosts(1.0, cost)


@pytest.mark.parametrize("prevalence", [0.0, 1.0, 30.0, float("nan")])
def test_a_prevalence_is_a_fraction(prevalence):
    actual, before, after = make_case()
    with pytest.raises(MeasurementError, match="prevalence between 0 and 1"):
        estimate_global_risk(actual, before, COSTS, prevalence=prevalence, **settings_for())
    with pytest.raises(MeasurementError, match="prevalence between 0 and 1"):
        estimate_risk_change(actual, before, after, COSTS, prevalence=prevalence, **settings_for())


def test_a_prevalence_needs_both_classes():
    actual = np.zeros(20, dtype=bool)
    with pytest.raises(MeasurementError, match="a class without any"):
        estimate_global_risk(actual, actual, COSTS, prevalence=0.1, **settings_for())


# --- estimates


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 50), st.sampled_from([None, 0.1]), st.booleans())
@settings(max_examples=40, deadline=None)
def test_every_estimate_equals_its_number_and_lies_inside_its_bounds(seed, cost, prevalence, clustered):
    actual, before, after = make_case(seed)
    costs = MistakeCosts(cost)
    extra = {"prevalence": prevalence, "clusters": np.arange(300) // 2 if clustered else None}
    risk = estimate_global_risk(actual, after, costs, **extra, **settings_for(seed, 400))
    change = estimate_risk_change(actual, before, after, costs, **extra, **settings_for(seed, 400))

    assert compute_global_risk(Confusion.of(actual, after), costs, prevalence) == pytest.approx(risk.value)
    assert compute_risk_change(PairedCells.of(actual, before, after), costs, prevalence) == pytest.approx(change.value)
    for estimate in (risk, change):
        assert estimate.unit is Unit.COST_PER_CASE
        assert estimate.bounds.low <= estimate.value <= estimate.bounds.high
        assert estimate.interval.low <= estimate.value <= estimate.interval.high


@given(st.permutations(range(40)), st.booleans())
@settings(max_examples=20, deadline=None)
def test_the_order_of_records_does_not_matter_to_the_bit(order, clustered):
    actual, before, after = make_case(n=40)
    clusters = np.array([f"patient {i // 3}" for i in range(40)]) if clustered else None
    order = np.array(order)

    def measure(index):
        own = None if clusters is None else clusters[index]
        return estimate_risk_change(
            actual[index], before[index], after[index], COSTS, clusters=own, **settings_for(resamples=200)
        )

    assert measure(np.arange(40)) == measure(order)


def test_swapping_the_models_mirrors_the_change():
    actual, before, after = make_case()
    there = estimate_risk_change(actual, before, after, COSTS, **settings_for(resamples=20_000))
    back = estimate_risk_change(actual, after, before, COSTS, **settings_for(resamples=20_000))

    assert -there.value == pytest.approx(back.value)
    assert -there.bounds.high == pytest.approx(back.bounds.low, abs=0.02)
    assert -there.interval.high == pytest.approx(back.interval.low, abs=0.02)


def test_exchanging_classes_and_costs_changes_nothing():
    actual, before, _ = make_case()
    one = estimate_global_risk(actual, before, MistakeCosts(7.0, 2.0), **settings_for(resamples=20_000))
    other = estimate_global_risk(~actual, ~before, MistakeCosts(2.0, 7.0), **settings_for(resamples=20_000))

    assert one.value == pytest.approx(other.value)
    assert one.bounds.high == pytest.approx(other.bounds.high, abs=0.01)


def test_bounds_widen_with_confidence():
    actual, before, after = make_case()
    widths = [
        estimate_risk_change(actual, before, after, COSTS, **settings_for(confidence=c)).bounds
        for c in (0.8, 0.9, 0.99)
    ]

    assert widths[0].low > widths[1].low > widths[2].low
    assert widths[0].high < widths[1].high < widths[2].high


def test_the_same_seed_gives_the_same_bits_and_another_one_others():
    actual, before, _ = make_case()
    first, again, other = (estimate_global_risk(actual, before, COSTS, **settings_for(seed)) for seed in (1, 1, 2))

    assert first == again
    assert first != other


def test_with_equal_costs_the_bound_is_clopper_pearson():
    # both mistakes cost the same, so risk is the error rate and the rule must reduce to the exact binomial bound
    actual, predicted = np.zeros(50, dtype=bool), np.arange(50) < 3
    found = estimate_global_risk(actual, predicted, MistakeCosts(1.0), **settings_for(resamples=200_000))
    low, high = compute_clopper_pearson(3, 50, 0.05)

    assert high == pytest.approx(found.bounds.high, abs=0.002)
    assert low == pytest.approx(found.bounds.low, abs=0.002)


def test_a_model_without_mistakes_is_not_known_to_make_none():
    actual = np.arange(100) < 20
    found = estimate_global_risk(actual, actual, MistakeCosts(20.0), **settings_for(resamples=50_000))

    assert found.interval.low == 0
    assert found.interval.high == pytest.approx(20 * compute_clopper_pearson(0, 100, 0.025)[1], rel=0.02)
    assert "the bootstrap has no spread" in found.interval.method.text
    assert found.bounds.high == pytest.approx(20 * compute_clopper_pearson(0, 100, 0.05)[1], rel=0.02)


def test_the_percentile_interval_is_the_paired_bootstrap_over_records():
    actual, before, after = make_case(n=150)
    cost = np.where(actual, 10.0, 1.0) * ((after != actual).astype(float) - (before != actual))
    theirs = scipy_stats.bootstrap(
        (cost,), np.mean, n_resamples=9_000, method="percentile", rng=np.random.default_rng(5)
    ).confidence_interval
    ours = estimate_risk_change(actual, before, after, COSTS, **settings_for(resamples=20_000)).interval

    assert theirs.low == pytest.approx(ours.low, abs=0.03)
    assert theirs.high == pytest.approx(ours.high, abs=0.03)


def test_drawing_patterns_of_clusters_is_resampling_clusters():
    actual, before, after = make_case(n=120)
    clusters = np.random.default_rng(3).integers(0, 50, 120)
    cost = np.where(actual, 10.0, 1.0) * ((after != actual).astype(float) - (before != actual))
    names = np.unique(clusters)
    rng, drawn = np.random.default_rng(4), []
    for _ in range(3_000):
        chosen = np.concatenate([cost[clusters == name] for name in rng.choice(names, len(names))])
        drawn.append(chosen.mean())
    ours = estimate_risk_change(actual, before, after, COSTS, clusters=clusters, **settings_for(resamples=20_000))

    assert np.quantile(drawn, 0.025) == pytest.approx(ours.interval.low, abs=0.06)
    assert np.quantile(drawn, 0.975) == pytest.approx(ours.interval.high, abs=0.06)


def test_clusters_of_one_record_are_records():
    actual, before, _ = make_case()
    plain = estimate_global_risk(actual, before, COSTS, **settings_for(resamples=20_000))
    alone = estimate_global_risk(actual, before, COSTS, clusters=np.arange(300), **settings_for(resamples=20_000))

    assert plain.bounds.high == pytest.approx(alone.bounds.high, abs=0.02)
    assert plain.interval.low == pytest.approx(alone.interval.low, abs=0.02)


@pytest.mark.parametrize("estimate", [estimate_balanced_accuracy, estimate_global_risk])
def test_clusters_of_one_record_are_records_in_each_class_by_itself(estimate):
    """A record more in a rare class is one record, however few of the clusters hold that class."""
    actual = np.arange(400) < 40
    called = np.where(np.arange(400) % 40 == 0, ~actual, actual)
    extra = {} if estimate is estimate_balanced_accuracy else {"costs": COSTS, "prevalence": 0.1}
    plain = estimate(actual, called, **extra, **settings_for(resamples=40_000))
    alone = estimate(actual, called, **extra, clusters=np.arange(400), **settings_for(resamples=40_000))
    width = plain.bounds.high - plain.bounds.low

    assert plain.bounds.high == pytest.approx(alone.bounds.high, abs=0.06 * width)
    assert plain.bounds.low == pytest.approx(alone.bounds.low, abs=0.06 * width)


def test_copies_of_every_record_add_no_information():
    actual, before, _ = make_case()
    once = estimate_global_risk(actual, before, COSTS, **settings_for(resamples=20_000))
    fourfold = estimate_global_risk(
        np.repeat(actual, 4),
        np.repeat(before, 4),
        COSTS,
        clusters=np.repeat(np.arange(300), 4),
        **settings_for(resamples=20_000),
    )

    assert once.bounds.high == pytest.approx(fourfold.bounds.high, abs=0.02)
    assert once.bounds.low == pytest.approx(fourfold.bounds.low, abs=0.02)


def test_a_single_cluster_is_refused():
    actual, before, _ = make_case()
    with pytest.raises(MeasurementError, match="at least two clusters, found 1") as refused:
        estimate_global_risk(actual, before, COSTS, clusters=np.zeros(300, dtype=int), **settings_for())
    assert "names of their own" in refused.value.hint


def test_clusters_of_other_records_are_refused():
    actual, before, _ = make_case()
    with pytest.raises(MeasurementError, match="records 300, clusters 2"):
        estimate_global_risk(actual, before, COSTS, clusters=np.arange(2), **settings_for())


def test_resamples_without_a_class_are_refused_rather_than_dropped():
    actual = np.arange(60) < 2
    with pytest.raises(MeasurementError, match="positives and negatives in every resample"):
        estimate_balanced_accuracy(actual, actual, clusters=np.arange(60) // 2, **settings_for())


@pytest.mark.parametrize("confidence", [0.49, 1.0, 95.0, float("nan")])
def test_a_confidence_is_a_fraction_from_one_half(confidence):
    actual, before, _ = make_case()
    with pytest.raises(MeasurementError, match=r"confidence of at least 0\.5"):
        estimate_global_risk(actual, before, COSTS, **settings_for(confidence=confidence))


def test_too_few_resamples_are_refused():
    actual, before, _ = make_case()
    with pytest.raises(MeasurementError, match="at least 100 resamples, found 99"):
        estimate_global_risk(actual, before, COSTS, **settings_for(resamples=99))


def test_the_curve_is_global_risk_at_each_ratio():
    actual, before, _ = make_case()
    confusion = Confusion.of(actual, before)
    curve = estimate_risk_curve(actual, before, (1.0, 5.0, 20.0), **settings_for())

    assert [compute_global_risk(confusion, MistakeCosts(r)) for r in (1.0, 5.0, 20.0)] == pytest.approx(
        [point.value for point in curve]
    )
    assert confusion.fn == curve[0].events


def test_a_curve_without_ratios_is_refused():
    actual, before, _ = make_case()
    with pytest.raises(MeasurementError, match="at least one cost ratio"):
        estimate_risk_curve(actual, before, (), **settings_for())


# --- rates


def test_a_rate_without_clusters_is_exact_and_leaves_the_generator_alone():
    rng = np.random.default_rng(0)
    found = estimate_rate(np.arange(100) < 7, confidence=0.95, resamples=1_000, rng=rng)

    assert (found.value, found.events, found.n, found.bounds.method.text) == (0.07, 7, 100, "Clopper-Pearson")
    assert np.random.default_rng(0).random() == rng.random()


def test_a_rate_with_clusters_agrees_with_the_exact_one_where_clusters_are_records():
    happened = np.arange(100) < 7
    exact = estimate_rate(happened, **settings_for())
    clustered = estimate_rate(happened, clusters=np.arange(100), **settings_for(resamples=100_000))

    assert exact.bounds.high == pytest.approx(clustered.bounds.high, abs=0.003)
    assert exact.bounds.low == pytest.approx(clustered.bounds.low, abs=0.003)
    assert (clustered.events, clustered.value) == (7, 0.07)


def test_a_change_of_a_rate_counts_who_turned():
    before = np.array([True] * 10 + [False] * 90)
    after = np.array([True] * 7 + [False] * 3 + [True] * 5 + [False] * 85)
    found = estimate_rate_change(before, after, **settings_for())

    assert pytest.approx(found.value) == 0.02
    assert found.bounds.low < 0.02 < found.bounds.high


def test_nothing_turned_is_no_proof_that_nothing_turns():
    same = np.arange(100) < 10
    found = estimate_rate_change(same, same, **settings_for(resamples=50_000))

    assert found.value == 0.0
    assert found.bounds.high == pytest.approx(compute_clopper_pearson(0, 100, 0.05)[1], rel=0.03)
    assert found.bounds.low == pytest.approx(-found.bounds.high, rel=0.05)


def test_balanced_accuracy_and_its_change_agree_with_counting():
    actual, before, after = make_case()
    first, second = (Confusion.of(actual, called).balanced_accuracy for called in (before, after))

    assert second == pytest.approx(estimate_balanced_accuracy(actual, after, **settings_for()).value)
    change: Estimate = estimate_balanced_accuracy_change(actual, before, after, **settings_for())
    assert second - first == pytest.approx(change.value)
    assert change.bounds.low < change.value < change.bounds.high


def test_balanced_accuracy_of_one_class_is_refused():
    with pytest.raises(MeasurementError, match="a class without any"):
        estimate_balanced_accuracy(np.ones(9, dtype=bool), np.ones(9, dtype=bool), **settings_for())


def test_ten_thousand_resamples_of_a_hundred_thousand_records_are_a_matter_of_milliseconds():
    # some 10 ms here; drawing records instead of cells takes minutes, which is what this guards against
    actual, before, after = make_case(n=100_000)

    def estimate():
        estimate_risk_change(actual, before, after, COSTS, **settings_for(resamples=10_000))

    assert measure_work(estimate, enough=1.0) < 1.0


@pytest.mark.parametrize("clusters", [None, np.arange(100) // 2])
def test_no_event_does_not_give_an_interval_of_no_width(clusters):
    """The percentile bootstrap of no misses in a hundred is [0, 0]: it would claim that none can ever be missed."""
    rng = np.random.default_rng(1)
    none = np.zeros(100, dtype=np.bool_)

    change = estimate_rate_change(none, none, confidence=0.95, resamples=1000, rng=rng, clusters=clusters)
    rate = estimate_rate(none, confidence=0.95, resamples=1000, rng=rng, clusters=clusters)

    for estimate in (change, rate):
        assert estimate.value == 0
        assert estimate.interval.high > 0.01
    assert change.interval.low < -0.01


@pytest.mark.parametrize(("cluster", "images"), [(None, 1), ("patient_id", 3)])
def test_the_clinical_part_of_a_hundred_thousand_records_takes_less_than_a_second_of_a_processor(cluster, images):
    # 0.2 to 0.4 s here; thresholds, calls and clusters are found once, not once per number
    policy, evidence = load_policy(cluster), draw_planted(30_000, 23_333, images)
    judge_clinically(policy, evidence, ("global-risk",))  # imports are nobody's work
    findings = []

    assert measure_work(lambda: findings.extend(judge_clinically(policy, evidence)), enough=1.0) < 1.0
    assert findings
    assert all(finding.estimate is not None for finding in findings)
