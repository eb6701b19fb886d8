"""The audited checkpoint as one more draw: naive twin, how often a true one is called an outlier, what is one."""

import numpy as np
import pytest
from scipy.stats import binom, t

from tests.support.reference_scores import plant
from unlearn_audit.errors import MeasurementError
from unlearn_audit.stats import compare_checkpoint, compute_auc


def compare(planted, target=None, confidence=0.95):
    return compare_checkpoint(
        planted.target if target is None else target,
        planted.forget,
        planted.references,
        planted.trained_on,
        confidence=confidence,
    )


def test_the_numbers_agree_with_a_loop_over_models():
    planted = plant(np.random.default_rng(0), models=12, records=20, left=0.7)
    found = compare(planted)

    ours = []
    for pair in range(6):
        kept = [k for k in range(12) if k // 2 != pair]
        centre, squares = np.empty(20), np.empty(20)
        for i in range(20):
            sides = [[planted.references[k, i] for k in kept if planted.trained_on[k, i] == side] for side in (0, 1)]
            centre[i] = (np.mean(sides[0]) + np.mean(sides[1])) / 2
            squares[i] = sum(((np.array(side) - np.mean(side)) ** 2).sum() for side in sides)
        usual = np.exp(np.log(squares / 8).mean())
        spread = np.sqrt((4 * usual + squares) / 12)
        ours.append(compute_auc(*planted.split((planted.target - centre) / spread)))
        for model in (2 * pair, 2 * pair + 1):
            scores = (planted.references[model] - centre) / spread
            inside = planted.trained_on[model]
            assert found.references[model] == pytest.approx(compute_auc(scores[inside], scores[~inside]))
    assert found.estimate.value == pytest.approx(np.mean(ours))


def test_the_interval_is_students_for_one_more_model():
    planted = plant(np.random.default_rng(1), models=12, records=40)
    found = compare(planted)

    reach = t.ppf(0.975, 11) * found.references.std(ddof=1) * np.sqrt(1 + 1 / 12)
    assert found.estimate.interval.high == pytest.approx(found.references.mean() + reach)
    assert found.estimate.bounds is None


@pytest.mark.parametrize(("left", "harder"), [(0.0, 0.0), (1.0, 0.0), (0.0, 2.0), (1.0, 2.0)])
def test_a_checkpoint_of_the_procedure_is_rarely_called_an_outlier(left, harder):
    """Whatever is left, and however unlike the forgotten records are to the controls."""
    rng = np.random.default_rng(2)
    found = [compare(plant(rng, models=16, records=60, left=left, harder=harder)) for _ in range(200)]

    assert sum(each.outlier for each in found) <= binom.ppf(1 - 1e-6, 200, 0.06)
    assert sum(each.p <= 0.1 for each in found) <= binom.ppf(1 - 1e-6, 200, 0.1)


def test_a_checkpoint_that_remembers_more_or_less_than_its_procedure_is_one():
    rng = np.random.default_rng(3)
    for left, other in ((0.0, 3.0), (2.0, 0.0)):
        planted = plant(rng, models=32, records=120, left=left)
        target = planted.target + (other - left) * planted.forget
        found = compare(planted, target)
        assert found.outlier
        assert found.p == 1 / 33


def test_the_order_of_models_does_not_matter():
    planted = plant(np.random.default_rng(4), models=12, records=30)
    order = np.random.default_rng(5).permutation(12)
    shuffled = compare_checkpoint(
        planted.target, planted.forget, planted.references[order], planted.trained_on[order], confidence=0.9
    )

    assert shuffled.references == pytest.approx(compare(planted).references[order])
    assert shuffled.estimate.value == pytest.approx(compare(planted).estimate.value)


def test_what_cannot_be_compared_is_refused():
    planted = plant(np.random.default_rng(6), models=12, records=10)
    everything = np.ones(10, dtype=bool)
    with pytest.raises(MeasurementError, match="one kind only"):
        compare_checkpoint(planted.target, everything, planted.references, planted.trained_on, confidence=0.9)
    with pytest.raises(MeasurementError, match="same records in all columns"):
        compare_checkpoint(planted.target[:9], planted.forget, planted.references, planted.trained_on, confidence=0.9)
    with pytest.raises(MeasurementError, match="finite"):
        compare(planted, np.full(10, np.inf))
    with pytest.raises(MeasurementError, match="all say exactly the same"):
        compare_checkpoint(planted.target, planted.forget, np.zeros((12, 10)), planted.trained_on, confidence=0.9)
