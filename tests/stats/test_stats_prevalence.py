"""A prevalence from counts is not known: what its uncertainty adds to a risk, and what it is worth."""

import numpy as np
import pytest
from scipy.stats import binom

from tests.support.covering import count_hits
from unlearn_audit.errors import MeasurementError
from unlearn_audit.stats import MistakeCosts, PrevalenceCounts, estimate_at_counted_prevalence, estimate_global_risk

ACTUAL = np.arange(2_000) < 400


def measure_with(called):
    def measure(prevalence, confidence):
        return estimate_global_risk(
            ACTUAL,
            called,
            MistakeCosts(20.0),
            confidence=confidence,
            resamples=100,
            rng=np.random.default_rng(0),
            prevalence=prevalence,
        )

    return measure


def draw(rng):
    called = np.where(ACTUAL, rng.random(2_000) > 0.1, rng.random(2_000) < 0.02)
    return called, PrevalenceCounts(max(1, int(rng.binomial(100, 0.1))), 100)


@pytest.mark.thorough
def test_bounds_at_a_counted_prevalence_cover_and_those_at_a_known_one_do_not():
    truth = 0.1 * 20 * 0.1 + 0.9 * 0.02

    def widened(drawn):
        return estimate_at_counted_prevalence(measure_with(drawn[0]), drawn[1], confidence=0.95).bounds

    def as_known(drawn):
        return measure_with(drawn[0])(drawn[1].share, 0.95).bounds

    found, naive = (count_hits(ends, draw, truth, np.random.default_rng(1), 120) for ends in (widened, as_known))

    assert min(found["low"], found["high"]) >= binom.ppf(1e-6, 120, 0.95)
    assert min(naive["low"], naive["high"]) < 0.85 * 120


def test_more_cases_make_a_counted_prevalence_a_known_one():
    called = draw(np.random.default_rng(2))[0]
    known = measure_with(called)(0.1, 0.95).bounds
    widths = [
        estimate_at_counted_prevalence(measure_with(called), PrevalenceCounts(n // 10, n), confidence=0.95).bounds
        for n in (100, 1_000, 1_000_000)
    ]

    assert widths[0].high > widths[1].high > widths[2].high > known.high
    assert widths[2].high < measure_with(called)(0.1, 0.975).bounds.high * 1.01


@pytest.mark.parametrize(("positives", "cases"), [(0, 50), (50, 50), (-1, 10)])
def test_counts_of_one_class_give_no_prevalence(positives, cases):
    with pytest.raises(MeasurementError, match=f"found {positives} of {cases}"):
        PrevalenceCounts(positives, cases)
