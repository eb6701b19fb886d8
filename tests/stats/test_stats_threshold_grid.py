"""Thresholds worth looking at lie between what was observed, and the mistakes at each are counted one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearn_audit.errors import MeasurementError
from unlearn_audit.stats import Confusion, choose_grid, count_mistakes

PROBABILITIES = st.lists(
    st.floats(0, 1) | st.sampled_from([0.0, 1.0, 0.37, 1e-12, 1 - 1e-12, 0.3700000000000001]), min_size=1, max_size=60
)


@given(PROBABILITIES, st.integers(1, 30))
def test_every_threshold_lies_in_a_gap_of_its_own_and_away_from_what_was_observed(values, most):
    observed = np.array(values)
    grid = choose_grid([observed], most)
    assert 1 <= len(grid) <= most
    assert (np.diff(grid) > 0).all()
    assert ((grid > 0) & (grid < 1)).all()
    assert (np.abs(grid[:, None] - observed) > 4e-11).all()
    below = (observed < grid[:, None]).sum(axis=1)
    assert len(np.unique(below)) >= len(grid) - 1  # the gaps at 0 and at 1 may hold no record on one side


@given(PROBABILITIES)
def test_with_room_for_all_every_difference_that_a_threshold_makes_is_there(values):
    observed = np.array(values)
    levels = np.unique(observed.round(10))
    apart = levels[np.append(True, np.diff(levels) > 1.5e-10)]
    grid = choose_grid([observed], 200)
    partitions = {tuple(apart >= t) for t in grid}
    for level in apart[1:]:
        assert tuple(apart >= level) in partitions


@given(PROBABILITIES)
def test_the_last_bits_of_another_processor_move_no_record_across(values):
    observed = np.array(values)
    grid = choose_grid([observed], 200)
    jittered = np.clip(observed * (1 + 1e-15), 0, 1)
    assert ((observed[:, None] >= grid) == (jittered[:, None] >= grid)).all()


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=40), PROBABILITIES)
def test_mistakes_are_those_of_the_confusion_matrix(records, thresholds):
    actual, probability = (np.array(column) for column in zip(*records, strict=True))
    missed, alarms = count_mistakes(actual, probability, np.array(thresholds))
    for threshold, fn, fp in zip(thresholds, missed, alarms, strict=True):
        confusion = Confusion.of(actual, probability >= threshold)
        assert (fn, fp) == (confusion.fn, confusion.fp)


def test_thresholds_are_short_where_there_is_room():
    assert choose_grid([np.array([0.2, 0.25, 0.9])], 200).tolist() == [0.1, 0.23, 0.6, 0.95]
    assert choose_grid([np.array([1e-7, 1 - 1e-7])], 200).tolist() == [5e-8, 0.5, 0.99999995]


def test_too_many_are_thinned_evenly_in_rank_and_keep_both_ends():
    observed = np.linspace(0.001, 0.999, 999)
    grid, whole = choose_grid([observed], 101), choose_grid([observed], 5000)
    assert len(whole) == 1000
    assert len(grid) == 101
    assert (grid[0], grid[-1]) == (whole[0], whole[-1])
    assert set(np.diff(np.searchsorted(whole, grid))) <= {9, 10, 11}


def test_models_are_pooled():
    assert (
        choose_grid([np.array([0.2]), np.array([0.8])], 9).tolist() == choose_grid([np.array([0.2, 0.8])], 9).tolist()
    )


@pytest.mark.parametrize("bad", [[1.1], [-0.1], [np.nan], [np.inf]])
def test_what_is_no_probability_is_refused(bad):
    with pytest.raises(MeasurementError, match="expected"):
        choose_grid([np.array(bad)], 200)


def test_no_records_are_refused():
    with pytest.raises(MeasurementError, match="at least one record"):
        count_mistakes(np.array([], dtype=bool), np.array([]), np.array([0.5]))
