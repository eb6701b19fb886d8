"""A change of risk in two parts that sum to it, to the last bit that a float keeps."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unlearn_audit.errors import MeasurementError
from unlearn_audit.stats import Confusion, MistakeCosts, compute_global_risk, split_risk_change

COSTS = MistakeCosts(10)


@st.composite
def models(draw):
    """Truth, two scores with ties, and a threshold on each."""
    n = draw(st.integers(2, 30))
    actual = np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    sides = []
    for _ in range(2):
        score = np.array(draw(st.lists(st.integers(0, 6), min_size=n, max_size=n)), dtype=float)
        sides.append((score, score >= draw(st.integers(0, 7))))
    return actual, *sides


def risk(actual, call):
    return compute_global_risk(Confusion.of(actual, call), COSTS)


@given(models())
@settings(max_examples=200, deadline=None)
def test_the_parts_sum_to_the_change(drawn):
    actual, before, after = drawn

    parts = split_risk_change(actual, before, after, COSTS)

    assert parts.total == pytest.approx(risk(actual, after[1]) - risk(actual, before[1]), abs=1e-12)


@given(models())
@settings(max_examples=100, deadline=None)
def test_swapping_the_models_turns_the_signs(drawn):
    actual, before, after = drawn

    there, back = (split_risk_change(actual, *pair, COSTS) for pair in ((before, after), (after, before)))

    assert there.by_threshold == pytest.approx(-back.by_threshold, abs=1e-12)
    assert there.by_discrimination == pytest.approx(-back.by_discrimination, abs=1e-12)


@given(models(), st.integers(0, 7))
@settings(max_examples=100, deadline=None)
def test_a_monotone_transform_is_all_threshold(drawn, cut):
    actual, before, _ = drawn
    moved = np.exp(before[0]) - 3

    parts = split_risk_change(actual, before, (moved, before[0] >= cut), COSTS)

    assert parts.by_discrimination == pytest.approx(0, abs=1e-12)
    assert parts.by_threshold == pytest.approx(risk(actual, before[0] >= cut) - risk(actual, before[1]), abs=1e-12)


@given(models(), st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_permuted_scores_at_the_same_number_of_calls_are_all_discrimination(drawn, random):
    actual, before, _ = drawn
    order = list(range(len(actual)))
    random.shuffle(order)
    score, call = before[0][order], before[1][order]

    parts = split_risk_change(actual, before, (score, call), COSTS)

    assert parts.by_threshold == pytest.approx(0, abs=1e-12)
    assert parts.by_discrimination == pytest.approx(risk(actual, call) - risk(actual, before[1]), abs=1e-12)


def test_the_same_model_changed_in_neither_part():
    actual, score = np.array([True, False, True]), np.array([0.9, 0.8, 0.1])

    parts = split_risk_change(actual, (score, score > 0.5), (score, score > 0.5), COSTS)

    assert (parts.by_threshold, parts.by_discrimination) == (0.0, 0.0)


def test_a_split_by_hand():
    """Before: both positives on top, two calls, no mistake. After: one positive last, and one call.

    Called once each: before risks 10/4, after 10/4. Called twice: before 0, after (10 + 1)/4. The second model's own
    risk is 10/4. Threshold: ((10 - 11) + (10 - 0)) / 8; discrimination: ((11 - 0) + (10 - 10)) / 8.
    """
    actual = np.array([True, True, False, False])
    before, after = np.array([4.0, 3.0, 2.0, 1.0]), np.array([4.0, 1.0, 3.0, 2.0])

    parts = split_risk_change(actual, (before, before > 2.5), (after, after > 3.5), COSTS)

    assert (parts.by_threshold, parts.by_discrimination) == (9 / 8, 11 / 8)


def test_ties_are_broken_in_every_way_and_averaged():
    """A naive twin: the mean risk over all orders of the tied records."""
    actual = np.array([True, False, False, True])
    tied, sharp = np.zeros(4), np.array([3.0, 2.0, 1.0, 0.0])
    sides = ((tied, np.zeros(4, bool)), (sharp, sharp > 1.5))

    parts = split_risk_change(actual, *sides, COSTS)

    def call_two(order):
        call = np.zeros(4, bool)
        call[list(order[:2])] = True
        return risk(actual, call)

    tied_at_two = np.mean([call_two(order) for order in permutations(range(4))])
    nobody, sharp_at_two = risk(actual, sides[0][1]), risk(actual, sides[1][1])
    assert parts.by_threshold == pytest.approx(((sharp_at_two - nobody) + (tied_at_two - nobody)) / 2)


def test_calls_that_are_no_threshold_are_refused():
    actual, score = np.array([True, False, True]), np.array([0.9, 0.8, 0.1])

    with pytest.raises(MeasurementError, match="threshold on the score"):
        split_risk_change(actual, (score, np.array([False, True, False])), (score, score > 0.5), COSTS)
    tied = np.array([0.5, 0.5, 0.1])
    with pytest.raises(MeasurementError, match="threshold on the score"):
        split_risk_change(actual, (tied, np.array([True, False, False])), (score, score > 0.5), COSTS)


def test_scores_that_are_no_numbers_are_refused():
    actual, score = np.array([True, False]), np.array([0.9, np.nan])

    with pytest.raises(MeasurementError, match="expected finite numbers"):
        split_risk_change(actual, (score, score > 0.5), (score, score > 0.5), COSTS)
