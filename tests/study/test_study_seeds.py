"""Studies over training seeds: two sources of noise, each told by itself."""

import numpy as np
import pytest

from unlearn_audit.errors import MeasurementError
from unlearn_audit.records import Unit
from unlearn_audit.study.seeds import estimate_over_seeds


def draw_runs(rng, *, by_seed, seeds=5, clusters=120, by_patient=0.3, rest=1.0):
    who = np.repeat(np.arange(clusters), rng.integers(1, 4, clusters))
    values = by_seed * rng.normal(size=(seeds, 1)) + by_patient * rng.normal(size=clusters)[who]
    return 0.3 + values + rest * rng.normal(size=(seeds, len(who))), who


def test_a_study_over_seeds_covers_the_next_seed_and_the_next_patient_and_one_source_alone_does_not():
    rng, hits = np.random.default_rng(7), {"study": 0, "records alone": 0}
    for _ in range(300):
        values, who = draw_runs(rng, by_seed=0.3)
        found = estimate_over_seeds(values, Unit.SCORE, confidence=0.95, resamples=300, rng=rng, clusters=who)
        hits["study"] += found.estimate.interval.low <= 0.3 <= found.estimate.interval.high
        hits["records alone"] += abs(found.estimate.value - 0.3) <= 1.96 * found.record_error

    assert hits["study"] >= 0.91 * 300
    assert hits["records alone"] < 0.6 * 300


def test_the_two_sources_of_a_study_are_told_apart():
    rng = np.random.default_rng(8)
    settings_ = {"confidence": 0.95, "resamples": 200, "rng": rng}
    values, who = draw_runs(rng, seeds=20, by_seed=0.5, by_patient=0.0, rest=0.1)
    only_seeds = estimate_over_seeds(values, Unit.SCORE, clusters=who, **settings_)
    values, who = draw_runs(rng, seeds=20, by_seed=0.0, by_patient=0.5, rest=0.1)
    only_patients = estimate_over_seeds(values, Unit.SCORE, clusters=who, **settings_)

    assert only_seeds.seed_error > 10 * only_seeds.record_error
    assert only_patients.record_error > 10 * only_patients.seed_error
    assert only_seeds.estimate.bounds is None, "no check may rest on a study"


def test_runs_that_agree_on_everything_leave_the_noise_of_the_records():
    row = (np.arange(200) < 30).astype(float)
    found = estimate_over_seeds(
        np.tile(row, (4, 1)), Unit.PROPORTION, confidence=0.95, resamples=20_000, rng=np.random.default_rng(0)
    )

    assert found.seed_error == 0.0
    assert found.record_error == pytest.approx(np.sqrt(0.15 * 0.85 / 199))
    assert found.estimate.standard_error == pytest.approx(found.record_error, rel=0.03)


@pytest.mark.parametrize(
    ("values", "clusters", "message"),
    [
        (np.zeros((2, 9)), None, "at least three training runs"),
        (np.zeros(9), None, "at least three training runs"),
        (np.full((3, 9), np.nan), None, "expected finite numbers"),
        (np.zeros((3, 9)), np.zeros(9, dtype=int), "at least two clusters, found 1"),
        (np.zeros((3, 9)), np.arange(8), "one cluster per record, found 8 for 9"),
    ],
)
def test_studies_that_say_nothing_about_seeds_or_patients_are_refused(values, clusters, message):
    with pytest.raises(MeasurementError, match=message):
        estimate_over_seeds(
            values, Unit.SCORE, confidence=0.95, resamples=100, rng=np.random.default_rng(0), clusters=clusters
        )
