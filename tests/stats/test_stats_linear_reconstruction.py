"""Reconstruction by difference: exact refits point at the erased record, and others do not."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax

from unlearn_audit.errors import MeasurementError
from unlearn_audit.stats import HeadChange, HeadLoss, rank_by_alignment


def draw(rng, n, classes=3, width=6):
    features = np.c_[rng.normal(size=(n, width - 1)), np.ones(n)]
    scores = features @ np.random.default_rng(99).normal(size=(classes, width)).T
    return features, (scores + rng.gumbel(size=scores.shape)).argmax(axis=1)


def fit_logistic(features, labels, penalty, classes=3):
    def loss(flat):
        weights = flat.reshape(classes, -1)
        log_p = log_softmax(features @ weights.T, axis=1)
        residual = np.exp(log_p) - np.eye(classes)[labels]
        value = -log_p[np.arange(len(labels)), labels].sum() + penalty / 2 * (weights**2).sum()
        return value, (residual.T @ features + penalty * weights).ravel()

    found = minimize(loss, np.zeros(classes * features.shape[1]), jac=True, method="BFGS", options={"gtol": 1e-7})
    return found.x.reshape(classes, -1)


def fit_least_squares(features, labels, penalty, classes=3):
    squares = features.T @ features + penalty * np.eye(features.shape[1])
    return np.linalg.solve(squares, features.T @ np.eye(classes)[labels]).T


FITS = [(HeadLoss.CROSS_ENTROPY, fit_logistic), (HeadLoss.SQUARED_ERROR, fit_least_squares)]


@pytest.mark.parametrize(("loss", "fit"), FITS)
@pytest.mark.parametrize("penalty", [0.5, 10.0])
def test_with_the_remaining_records_at_hand_the_erased_one_is_found_exactly(loss, fit, penalty):
    features, labels = draw(np.random.default_rng(0), 80)
    before = fit(features, labels, penalty)
    for erased in (0, 17):
        kept = np.arange(80) != erased
        change = HeadChange(before, fit(features[kept], labels[kept], penalty), loss, penalty)

        alignments, ranks = rank_by_alignment(change, features, labels, background=features[kept], remaining=79)

        assert ranks[erased] == 1
        assert alignments[erased] == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(("loss", "fit"), FITS)
def test_other_records_of_the_kind_are_background_enough(loss, fit):
    rng = np.random.default_rng(1)
    features, labels = draw(rng, 200)
    background, _ = draw(rng, 2_000)
    before = fit(features, labels, 1.0)
    ranks = []
    for erased in range(20):
        kept = np.arange(200) != erased
        change = HeadChange(before, fit(features[kept], labels[kept], 1.0), loss, 1.0)
        ranks.append(rank_by_alignment(change, features, labels, background=background, remaining=199)[1][erased])

    assert np.median(ranks) == 1
    assert np.mean(np.array(ranks) <= 5) >= 0.8


def test_a_head_that_was_not_refitted_by_removal_points_anywhere():
    rng = np.random.default_rng(2)
    features, labels = draw(rng, 200)
    before = fit_least_squares(features, labels, 1.0)
    ranks = []
    for erased in range(100):
        noisy = HeadChange(before, before + rng.normal(0, 0.1, before.shape), HeadLoss.SQUARED_ERROR, 1.0)
        ranks.append(rank_by_alignment(noisy, features, labels, background=features, remaining=199)[1][erased])

    assert 75 < np.mean(ranks) < 126


def test_the_order_of_candidates_does_not_matter():
    rng = np.random.default_rng(3)
    features, labels = draw(rng, 30)
    change = HeadChange(
        fit_least_squares(features, labels, 1.0),
        fit_least_squares(features[1:], labels[1:], 1.0),
        HeadLoss.SQUARED_ERROR,
        1.0,
    )
    order = rng.permutation(30)
    ours = rank_by_alignment(change, features, labels, background=features, remaining=29)
    theirs = rank_by_alignment(change, features[order], labels[order], background=features, remaining=29)

    assert ours[0][order] == pytest.approx(theirs[0])
    assert ours[1][order].tolist() == theirs[1].tolist()


def test_releases_and_records_that_do_not_fit_are_refused():
    features, labels = draw(np.random.default_rng(4), 30)
    before = fit_least_squares(features, labels, 1.0)
    with pytest.raises(MeasurementError, match="weights that changed"):
        HeadChange(before, before, HeadLoss.SQUARED_ERROR)
    with pytest.raises(MeasurementError, match="of one shape"):
        HeadChange(before, before[:, 1:], HeadLoss.SQUARED_ERROR)
    with pytest.raises(MeasurementError, match="finite weights"):
        HeadChange(before, before * np.nan, HeadLoss.SQUARED_ERROR)
    with pytest.raises(MeasurementError, match="penalty"):
        HeadChange(before, 2 * before, HeadLoss.SQUARED_ERROR, -1.0)
    change = HeadChange(before, 2 * before, HeadLoss.SQUARED_ERROR)
    for features_, labels_, background, remaining, message in (
        (features[:, 1:], labels, features, 29, "'candidates'"),
        (features, labels, features[:0], 29, "'background'"),
        (features, labels + 3, features, 29, "one label from 0 to 2"),
        (features, labels, features, 0, "at least one remaining"),
        (features * np.nan, labels, features, 29, "finite features"),
    ):
        with pytest.raises(MeasurementError, match=message):
            rank_by_alignment(change, features_, labels_, background=background, remaining=remaining)
