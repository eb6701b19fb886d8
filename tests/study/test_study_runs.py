"""Student's t over runs: the textbook interval, and refusals."""

import numpy as np
import pytest
from scipy import stats

from unlearn_audit.errors import MeasurementError
from unlearn_audit.records import Unit
from unlearn_audit.study.seeds import estimate_over_runs


@pytest.mark.parametrize("values", [[0.1, 0.2, 0.4], [0.9, 0.91, 0.87, 0.95, 0.9], [-1.0, 0.0, 5.0, 2.5]])
@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.999])
def test_the_interval_is_the_one_of_a_t_test(values, confidence):
    expected = stats.ttest_1samp(values, 0).confidence_interval(confidence)

    found = estimate_over_runs(np.array(values), Unit.AUC, confidence=confidence)

    assert found.value == pytest.approx(np.mean(values))
    assert (found.interval.low, found.interval.high) == pytest.approx(tuple(expected))
    assert found.standard_error == pytest.approx(stats.sem(values))
    assert found.n == len(values)


def test_no_check_can_rest_on_it_and_it_says_what_it_is():
    found = estimate_over_runs(np.array([0.1, 0.2, 0.4]), Unit.AUC, confidence=0.95)

    assert found.bounds is None
    assert found.interval.sides == "two"
    assert found.interval.method.text == "Student's t over 3 runs"


def test_equal_runs_have_no_standard_error():
    assert estimate_over_runs(np.array([0.5, 0.5, 0.5]), Unit.AUC, confidence=0.95).standard_error is None


def test_it_covers_as_often_as_it_says():
    rng = np.random.default_rng(3)
    found = [estimate_over_runs(rng.normal(0.7, 0.1, 3), Unit.AUC, confidence=0.95).interval for _ in range(2_000)]

    covered = np.mean([ends.low <= 0.7 <= ends.high for ends in found])

    assert covered == pytest.approx(0.95, abs=0.015)


@pytest.mark.parametrize("values", [[], [0.5], [0.5, 0.6], [[0.1, 0.2, 0.3]]])
def test_fewer_than_three_runs_are_refused(values):
    with pytest.raises(MeasurementError, match="at least three runs"):
        estimate_over_runs(np.array(values), Unit.AUC, confidence=0.95)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_no_number_is_refused(bad):
    with pytest.raises(MeasurementError, match="finite"):
        estimate_over_runs(np.array([0.1, 0.2, bad]), Unit.AUC, confidence=0.95)


@pytest.mark.parametrize("confidence", [0.4, 1.0])
def test_a_confidence_that_is_none_is_refused(confidence):
    with pytest.raises(MeasurementError, match="confidence"):
        estimate_over_runs(np.array([0.1, 0.2, 0.3]), Unit.AUC, confidence=confidence)
