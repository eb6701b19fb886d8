"""The difference of AUCs on the probit scale: what it sees where a plain difference is squeezed, and what it covers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr, ndtri

from tests.support.covering import assert_covers
from unlearn_audit.errors import MeasurementError
from unlearn_audit.records import Unit
from unlearn_audit.stats import center_auc, compute_auc, estimate_auc, estimate_auc_change, estimate_auc_shift


def draw_pairs(m, n, easier, left, alike=0.9):
    """Return a function that draws the scores of a model that never saw the members, and of one that remembers them.

    Members score `easier` standard deviations above non-members anyway, and `left` more where they are remembered.
    """

    def draw(rng):
        shared, member = rng.normal(size=m + n), np.arange(m + n) < m
        models = [
            np.sqrt(alike) * shared + np.sqrt(1 - alike) * rng.normal(size=m + n) + lift * member
            for lift in (easier, easier + left)
        ]
        return tuple((scores[:m], scores[m:]) for scores in models)

    return draw


def test_where_the_reference_is_at_one_half_it_is_the_plain_difference():
    reference = np.arange(40.0), np.arange(40.0)
    rng = np.random.default_rng(0)
    audited = rng.normal(0.4, 1, 40), rng.normal(size=40)

    assert estimate_auc_shift(reference, audited, confidence=0.95).value == pytest.approx(compute_auc(*audited) - 0.5)


@given(st.floats(-1.7, 1.7), st.floats(-1, 1))
def test_a_shift_of_normal_scores_counts_the_same_wherever_it_starts(easier, left):
    quantiles = ndtri((np.arange(400) + 0.5) / 400)
    pairs = [(quantiles + easier + extra, quantiles) for extra in (0.0, left)]

    assert estimate_auc_shift(*pairs, confidence=0.95).value == pytest.approx(ndtr(left / np.sqrt(2)) - 0.5, abs=0.01)


def test_a_model_that_remembers_everything_does_not_pass_because_the_forgotten_are_easier():
    """An AUC of .83 after retraining: all of the memory is a plain difference of .12 there, and of .26 at one half."""
    reference, original = draw_pairs(300, 900, easier=1.35, left=1.0)(np.random.default_rng(1))
    plain = estimate_auc_change(reference, original, confidence=0.95).bounds
    shift = estimate_auc_shift(reference, original, confidence=0.95).bounds

    assert plain.high < 0.16
    assert shift.low > 0.2


@pytest.mark.parametrize("easier", [2.5, 3.0, -2.5])
def test_where_forget_and_test_records_are_told_apart_anyway_nothing_is_measured(easier):
    """The plain difference of a model that remembers everything is within .05 here, and passed."""
    reference, original = draw_pairs(1_000, 1_500, easier, left=1.0)(np.random.default_rng(2))

    with pytest.raises(MeasurementError, match="differ so much by themselves"):
        estimate_auc_shift(reference, original, confidence=0.95)


@pytest.mark.parametrize(("m", "n"), [(20, 200), (60, 60)])
@pytest.mark.parametrize("easier", [0.0, 1.0])
@pytest.mark.parametrize("left", [0.0, 0.5])
def test_the_bounds_on_a_shift_cover(m, n, easier, left):
    assert_covers(
        lambda pairs: estimate_auc_shift(*pairs, confidence=0.95).bounds,
        draw_pairs(m, n, easier, left, alike=0.5),
        ndtr(left / np.sqrt(2)) - 0.5,
        np.random.default_rng(3),
        repeats=200,
    )


def test_swapping_members_and_nonmembers_mirrors_the_shift():
    reference, audited = draw_pairs(50, 60, 0.5, 0.5)(np.random.default_rng(4))
    there = estimate_auc_shift(reference, audited, confidence=0.95)
    back = estimate_auc_shift(reference[::-1], audited[::-1], confidence=0.95)

    assert there.value == pytest.approx(-back.value)
    assert (there.bounds.low, there.bounds.high) == pytest.approx((-back.bounds.high, -back.bounds.low))


def test_two_models_that_answer_alike_are_not_known_to_be_alike():
    (scores, _) = draw_pairs(30, 40, 0.3, 0.0)(np.random.default_rng(5))
    found = estimate_auc_shift(scores, scores, confidence=0.95)

    assert found.value == 0.0
    assert found.bounds.low < 0.0 < found.bounds.high
    assert found.standard_error is None


def test_a_perfect_attack_is_bounded_on_the_side_that_it_shows():
    members, nonmembers = np.arange(20.0) + 100, np.arange(30.0)
    rng = np.random.default_rng(6)
    found = estimate_auc_shift((rng.normal(size=20), rng.normal(size=30)), (members, nonmembers), confidence=0.95)

    assert found.value == 0.5
    assert 0.05 < found.bounds.low < 0.5
    assert found.bounds.high == 0.5


def test_a_centered_auc_moves_with_all_its_ends():
    rng = np.random.default_rng(7)
    auc = estimate_auc(rng.normal(size=40), rng.normal(size=50), confidence=0.95, attacks=3)
    moved = center_auc(auc)

    assert moved.value == auc.value - 0.5
    assert moved.corrected.low == auc.corrected.low - 0.5
    with pytest.raises(MeasurementError, match="expected an AUC"):
        center_auc(auc.model_copy(update={"unit": Unit.SCORE}))
