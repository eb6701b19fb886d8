"""Worst-record recognition: naive twin, exact enumeration, level, power, and the error of the list."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from tests.support.ordinary_core import measure_work
from tests.support.planted_pairs import plant_pairs
from unlearn_audit.errors import MeasurementError
from unlearn_audit.stats import (
    PairedDifferences,
    VariancePrior,
    find_worst_record,
    shrink_variances,
)

SEEDS = st.integers(0, 2**32 - 1)


def worst(differences, *, alpha=0.05, draws=199, seed=0):
    return find_worst_record(differences, alpha=alpha, draws=draws, rng=np.random.default_rng(seed))


def of(values):
    values = np.asarray(values, dtype=float)
    return PairedDifferences(values, np.ones(values.shape, dtype=bool))


def compute_naively(values):
    """Return t as written on the page, with the library's own shrinkage."""
    variances = values.var(axis=1, ddof=1)
    usual = np.exp(np.log(variances[variances > 0]).mean())
    freedom = np.full(len(values), values.shape[1] - 1.0)
    shrunk, _ = shrink_variances(variances, freedom, VariancePrior(usual, 4.0))
    return values.mean(axis=1) / np.sqrt(shrunk / values.shape[1])


# --- naive twin


@settings(deadline=None, max_examples=10)
@given(SEEDS)
def test_everything_agrees_with_loops_over_all_sign_vectors(seed):
    values = plant_pairs(np.random.default_rng(seed), pairs=6, records=8, left=np.arange(8) / 4, scatter=0.5).values
    found = worst(of(values), alpha=0.1)

    observed = compute_naively(values)
    null = np.array(
        [np.abs(compute_naively(values * (1 - 2 * np.array([int(b) for b in f"{code:06b}"])))) for code in range(64)]
    )
    assert found.exact
    assert found.statistic == pytest.approx(observed)
    assert found.largest == pytest.approx(np.abs(observed).max())
    assert found.p == (null.max(axis=1) >= np.abs(observed).max() * (1 - 1e-9)).mean()
    assert found.record_p == pytest.approx((null >= np.abs(observed) * (1 - 1e-9)).mean(axis=0))
    rising = np.sort(null.max(axis=1))
    rare = [x for x in rising if (rising >= x * (1 - 1e-9)).mean() <= 0.1]
    assert found.critical == pytest.approx(rare[0])
    assert found.beyond.tolist() == (np.abs(observed) >= rare[0] * (1 - 1e-9)).tolist()


def test_chunks_do_not_change_the_result(monkeypatch):
    differences = plant_pairs(np.random.default_rng(0), pairs=14, records=30, left=0.3)
    whole = worst(differences)
    monkeypatch.setattr("unlearn_audit.stats.worst_record._CHUNK", 60)
    parts = worst(differences)

    assert whole.p == parts.p
    assert whole.record_p.tolist() == parts.record_p.tolist()
    assert whole.critical == pytest.approx(parts.critical)


@settings(deadline=None, max_examples=15)
@given(SEEDS)
def test_order_of_records_labels_of_models_and_units_do_not_matter(seed):
    rng = np.random.default_rng(seed)
    values = plant_pairs(rng, pairs=7, records=10, left=0.5).values
    order = rng.permutation(10)

    ours, theirs = worst(of(values)), worst(of(-3 * values[order][:, rng.permutation(7)]))

    assert ours.p == theirs.p
    assert ours.record_p[order] == pytest.approx(theirs.record_p)
    assert ours.statistic[order] == pytest.approx(-theirs.statistic)
    assert ours.recognised[order].tolist() == theirs.recognised.tolist()


def test_the_p_value_does_not_depend_on_how_often_it_is_drawn():
    differences = plant_pairs(np.random.default_rng(1), pairs=16, records=50, left=np.r_[0.8, np.zeros(49)])
    p = [worst(differences, draws=1_999, seed=seed).p for seed in range(5)]

    assert max(p) - min(p) < 0.06


# --- what is found


def test_a_remembered_record_is_found_named_and_its_direction_kept():
    left = np.zeros(120)
    left[7], left[70] = 4.0, -4.0
    found = worst(plant_pairs(np.random.default_rng(2), records=120, left=left), draws=4_999)

    assert found.p == 1 / 5_000
    assert np.flatnonzero(found.beyond).tolist() == [7, 70]
    assert found.recognised[[7, 70]].all()
    assert found.statistic[7] > 0 > found.statistic[70]
    assert found.fewest_listed == 1


def test_a_person_is_found_whose_records_each_are_not():
    rng = np.random.default_rng(3)
    persons = np.repeat(np.arange(50), 4)
    first = np.repeat(rng.random((50, 16)) < 0.5, 4, axis=0)
    values = rng.normal(size=(200, 16)) + np.where(persons == 0, 0.8, 0.0)[:, None]
    differences = PairedDifferences(values, first)
    by_person, names = differences.average_by_person(persons)

    assert worst(differences, draws=999).p > 0.05
    found = worst(by_person, draws=999)
    assert found.p <= 0.01
    assert names[found.beyond].tolist() == [0]


def test_records_whose_pairs_all_tie_neither_count_nor_disturb():
    values = plant_pairs(np.random.default_rng(4), pairs=8, records=30, left=np.r_[5.0, np.zeros(29)]).values
    saturated = np.vstack([values, np.zeros((200, 8))])

    ours, theirs = worst(of(values)), worst(of(saturated))

    assert ours.largest == pytest.approx(theirs.largest)
    assert ours.p == theirs.p
    assert not theirs.beyond[30:].any()
    assert (theirs.record_p[30:] == 1).all()


def test_too_few_sign_vectors_for_the_records_are_said():
    """A single record among 3,000 cannot be listed by its own p with 8 pairs; the largest can still be judged."""
    left = np.zeros(3_000)
    left[5] = 60.0
    found = worst(plant_pairs(np.random.default_rng(5), pairs=8, records=3_000, left=left))

    assert found.fewest_listed == 469  # 3,000 / 128 / .05
    assert not found.recognised.any()
    assert found.p == found.smallest_p == 1 / 128
    assert np.flatnonzero(found.beyond).tolist() == [5]


# --- refused


def test_below_twelve_models_it_is_refused():
    with pytest.raises(MeasurementError, match=r"at least 6 pairs of reference models \(12 models\), found 5"):
        worst(plant_pairs(np.random.default_rng(0), pairs=5))


def test_copies_of_one_pair_are_refused():
    with pytest.raises(MeasurementError, match="found the same difference in all of them"):
        worst(of(np.tile(np.random.default_rng(0).normal(size=(20, 1)), (1, 8))))


def test_a_level_below_the_smallest_p_is_refused():
    with pytest.raises(MeasurementError, match=r"found that it cannot be below 0\.03125"):
        worst(plant_pairs(np.random.default_rng(0), pairs=6), alpha=0.01)
    with pytest.raises(MeasurementError, match="expected a level"):
        worst(plant_pairs(np.random.default_rng(0)), alpha=0.0)


def test_one_record_is_its_own_test():
    found = worst(of(np.random.default_rng(6).normal(3, 1, (1, 8))))

    assert found.p == found.record_p[0] == 1 / 128


def test_a_null_without_a_rare_value_has_no_critical_one():
    found = worst(of([[1, -1, 1, 1, 1, 1]]))

    assert found.critical is None
    assert not found.beyond.any()


# --- promises


@pytest.mark.parametrize(
    ("pairs", "common", "clones", "scatter"), [(6, 0.0, 1, 1.0), (8, 2.0, 1, 0.0), (16, 0.5, 4, 0.5)]
)
def test_the_level_is_kept_whatever_records_share(pairs, common, clones, scatter):
    rng = np.random.default_rng(7)
    false_alarms = any_beyond = 0
    for seed in range(300):
        planted = plant_pairs(rng, pairs=pairs, records=60, common=common, clones=clones, scatter=scatter)
        found = worst(planted, draws=99, seed=seed)
        false_alarms += found.p <= 0.05
        any_beyond += found.beyond.any()

    most = binom.ppf(1 - 1e-6, 300, 0.05)
    assert false_alarms <= most
    assert any_beyond <= most


@pytest.mark.parametrize("clones", [1, 4])
def test_of_the_records_listed_a_twentieth_is_false_at_most(clones):
    rng = np.random.default_rng(8)
    left = np.where(np.arange(60) < 8, 1.5, 0.0)
    shares, found_truly = [], []
    for seed in range(200):
        planted = plant_pairs(rng, pairs=10, records=60, left=left, common=0.5, clones=clones)
        listed = worst(planted, seed=seed).recognised
        shares.append(listed[8:].sum() / max(1, listed.sum()))
        found_truly.append(listed[:8].mean())

    assert np.mean(shares) <= 0.05 + 4 * np.std(shares) / np.sqrt(200)
    assert np.mean(found_truly) > 0.5


def test_one_remembered_record_of_two_hundred_is_found_with_thirty_two_references():
    """In .8 of draws or more, with false alarms in .05 or fewer; a shift of two standard deviations of D."""
    rng = np.random.default_rng(9)
    found = {0.0: 0, 2.0: 0}
    for shift in found:
        for seed in range(200):
            planted = plant_pairs(rng, pairs=16, records=200, left=np.r_[shift, np.zeros(199)], scatter=0.0)
            found[shift] += worst(planted, seed=seed).p <= 0.05

    assert found[2.0] >= 0.8 * 200
    assert found[0.0] <= binom.ppf(1 - 1e-3, 200, 0.05)


# --- size


@pytest.mark.slow
def test_five_thousand_records_and_thirty_two_pairs_need_seconds_and_little_memory():
    """Under 5 s of an ordinary core and 1 GiB: measured 1 to 2 s and .08 GiB."""
    planted = plant_pairs(np.random.default_rng(0), pairs=32, records=5_000)
    tracemalloc.start()
    worst(planted, draws=4_999)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 2**30
    assert measure_work(lambda: worst(planted, draws=4_999), enough=5) < 5
