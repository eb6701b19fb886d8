"""Several attacks on one limit: what passes needs no correction, what fails needs one."""

import numpy as np
import pytest
from scipy.special import ndtri
from scipy.stats import binom

from unlearn_audit.errors import MeasurementError
from unlearn_audit.stats import estimate_auc, estimate_auc_change, share_error

LIMIT = 0.6
SHIFT = float(ndtri(LIMIT) * np.sqrt(2))


def draw_attacks(rng, attacks, alike, size=100):
    """Return scores (attacks, 2 * size): each attack's AUC is exactly the limit, and attacks see the same records."""
    shared, own = rng.normal(size=2 * size), rng.normal(size=(attacks, 2 * size))
    scores = np.sqrt(alike) * shared + np.sqrt(1 - alike) * own
    scores[:, :size] += SHIFT
    return scores


def count_failures(attacks, alike, repeats, rng):
    """Return how often any attack lies beyond the limit: each at the policy's error, and at its share of it."""
    alone = corrected = 0
    for _ in range(repeats):
        found = [
            estimate_auc(row[:100], row[100:], confidence=0.95, attacks=attacks)
            for row in draw_attacks(rng, attacks, alike)
        ]
        alone += any(one.bounds.low > LIMIT for one in found)
        corrected += any(one.corrected.low > LIMIT for one in found)
    return alone, corrected


@pytest.mark.parametrize("attacks", [4, 7])
def test_attacks_that_all_lie_on_the_limit_fail_no_more_often_than_one_would(attacks):
    alone, corrected = count_failures(attacks, 0.3, 400, np.random.default_rng(attacks))

    assert corrected <= binom.ppf(1 - 1e-6, 400, 0.05)
    assert alone > 0.05 * 400, "each at the whole error"


def test_what_passes_is_decided_by_the_uncorrected_bounds():
    rng = np.random.default_rng(1)
    members, nonmembers = rng.normal(size=80), rng.normal(size=90)
    single, several = (estimate_auc(members, nonmembers, confidence=0.95, attacks=count) for count in (1, 5))

    assert several.bounds == single.bounds
    assert single.corrected is None
    assert several.corrected.low < several.bounds.low <= several.bounds.high < several.corrected.high


def test_the_corrected_bounds_are_those_at_the_share_of_the_error():
    rng = np.random.default_rng(2)
    before, after = ((rng.normal(size=60), rng.normal(size=70)) for _ in range(2))
    several = estimate_auc_change(before, after, confidence=0.95, attacks=5)
    strict = estimate_auc_change(before, after, confidence=0.99)

    assert (several.corrected.low, several.corrected.high) == pytest.approx((strict.bounds.low, strict.bounds.high))
    assert several.corrected.confidence == pytest.approx(0.99)
    assert several.failing == several.corrected


def test_an_error_shared_among_nobody_is_refused():
    with pytest.raises(MeasurementError, match="at least one claim"):
        share_error(lambda tail: (0.0, tail), 0.95, 0, method="any")
