"""Power of worst-record recognition: against fresh draws, what raises it, what it cannot be asked."""

import numpy as np
import pytest
from scipy.stats import binom

from tests.support.planted_pairs import plant_pairs
from unlearn_audit.errors import MeasurementError
from unlearn_audit.stats import estimate_worst_record_power, find_worst_record


def worst(differences, seed):
    return find_worst_record(differences, alpha=0.05, draws=199, rng=np.random.default_rng(seed))


def test_power_is_what_fresh_draws_find():
    rng = np.random.default_rng(10)
    records, repeats = 60, 300
    planted = plant_pairs(rng, pairs=12, records=records)
    estimate = estimate_worst_record_power(planted, shift=1.2, remembered=1, alpha=0.05, rng=rng, repeats=repeats)
    found = sum(
        worst(plant_pairs(rng, pairs=12, records=records, left=np.r_[1.2, np.zeros(records - 1)]), seed=seed).p <= 0.05
        for seed in range(repeats)
    )

    assert 0.2 < estimate.value < 0.95
    assert estimate.value == pytest.approx(found / repeats, abs=0.12)
    assert estimate.n == repeats


def test_power_rises_with_shift_pairs_and_number_and_is_the_level_without_a_shift():
    rng = np.random.default_rng(11)
    few, many = (plant_pairs(rng, pairs=pairs, records=100) for pairs in (8, 16))

    def find(differences, shift, remembered=1):
        return estimate_worst_record_power(
            differences, shift=shift, remembered=remembered, alpha=0.05, rng=rng, repeats=100
        ).value

    assert find(many, 0.0) <= binom.ppf(1 - 1e-6, 100, 0.05) / 100
    assert find(many, 2.0) > 0.9
    assert find(few, 1.5) < find(many, 1.5)
    assert find(many, 0.9) < find(many, 0.9, remembered=20)


def test_power_takes_a_shift_of_each_record():
    rng = np.random.default_rng(12)
    planted = plant_pairs(rng, pairs=16, records=50, scatter=1.0)
    own = 2 * planted.values.std(axis=1)

    found = estimate_worst_record_power(planted, shift=own, remembered=1, alpha=0.05, rng=rng, repeats=100)

    assert found.value > 0.5


def test_what_power_cannot_be_asked_is_refused():
    planted = plant_pairs(np.random.default_rng(0), pairs=6, records=20)
    rng = np.random.default_rng(0)
    for settings_, message in (
        ({"shift": 1.0, "remembered": 0, "alpha": 0.05}, "between 1 and 20 remembered"),
        ({"shift": np.nan, "remembered": 1, "alpha": 0.05}, "finite shift"),
        ({"shift": 1.0, "remembered": 1, "alpha": 0.01}, "cannot be below"),
    ):
        with pytest.raises(MeasurementError, match=message):
            estimate_worst_record_power(planted, rng=rng, **settings_)
