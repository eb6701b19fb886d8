"""Before and after: the change of an answer as an attack, for those who left and for those who stay."""

import numpy as np
import pytest
from scipy.stats import binom

from unlearn_audit.errors import MeasurementError
from unlearn_audit.stats import compute_auc, estimate_auc, estimate_disclosure


def draw(rng, lost=0.0, records=60):
    """Return (group, test), each (before, after)."""
    before, test = rng.normal(4, 2, records), rng.normal(3, 2, records)
    return (before, before - lost + rng.normal(0, 0.5, records)), (test, test + rng.normal(0, 0.5, records))


def test_it_is_the_auc_of_the_loss_of_certainty():
    group, test = draw(np.random.default_rng(0), lost=0.4)
    changes = group[0] - group[1], test[0] - test[1]

    found = estimate_disclosure(group, test, confidence=0.95)

    assert found.estimate == estimate_auc(*changes, confidence=0.95)
    assert found.estimate.value == compute_auc(*changes) > 0.5


def test_exchanging_the_releases_mirrors_it():
    group, test = draw(np.random.default_rng(1), lost=0.4)
    ours = estimate_disclosure(group, test, confidence=0.95)
    theirs = estimate_disclosure(group[::-1], test[::-1], confidence=0.95)

    assert ours.estimate.value == pytest.approx(1 - theirs.estimate.value)
    assert ours.p == pytest.approx(theirs.p)


def test_what_all_records_are_like_does_not_matter_only_what_changed():
    """The group is easier than the test records in either release: no disclosure."""
    rng = np.random.default_rng(2)
    p = [estimate_disclosure(*draw(rng), confidence=0.95).p for _ in range(400)]

    assert sum(each <= 0.05 for each in p) <= binom.ppf(1 - 1e-6, 400, 0.055)


def test_a_small_loss_is_found():
    rng = np.random.default_rng(3)
    p = [estimate_disclosure(*draw(rng, lost=0.4), confidence=0.95).p for _ in range(100)]

    assert np.mean([each <= 0.05 for each in p]) > 0.8


def test_complete_separation_has_bounds_and_no_p():
    zero, one = np.zeros(30), np.ones(30)

    found = estimate_disclosure((one, zero), (zero, zero), confidence=0.95)

    assert found.estimate.value == 1
    assert found.p is None
    assert 0.8 < found.estimate.bounds.low < 1


def test_certainty_beyond_the_bound_is_no_change():
    group, test = (np.array([90.0, 3.0]), np.array([300.0, 3.0])), (np.array([2.0, 1.0]), np.array([1.0, 1.0]))

    assert estimate_disclosure(group, test, confidence=0.9).estimate.value == 0.25


def test_two_releases_that_answer_alike_are_refused():
    group, test = draw(np.random.default_rng(4))
    with pytest.raises(MeasurementError, match="answers that changed"):
        estimate_disclosure((group[0], group[0]), (test[0], test[0]), confidence=0.95)


def test_one_forgotten_record_and_answers_that_do_not_fit_are_refused():
    group, test = draw(np.random.default_rng(5))
    with pytest.raises(MeasurementError):
        estimate_disclosure((group[0][:1], group[1][:1]), test, confidence=0.95)
    with pytest.raises(MeasurementError, match="group before"):
        estimate_disclosure((group[0][:5], group[1]), test, confidence=0.95)
    with pytest.raises(MeasurementError, match="test after"):
        estimate_disclosure(group, (test[0], test[1] * np.nan), confidence=0.95)
