"""Attacks that fit a small classifier on the outputs of one model, and the score a reader sees first."""

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.errors import MeasurementError
from unlearn_audit.records import Estimate, Interval, Unit, write_message
from unlearn_audit.stats.binomial import compute_clopper_pearson
from unlearn_audit.stats.confusion import Mask
from unlearn_audit.stats.membership import Labels, LogProbs, Scores, score_confidence, score_loss
from unlearn_audit.stats.validation import validate_confidence, validate_finite, validate_masks

CHANCE = 0.5


def compute_forgetting_score(auc: Estimate) -> Estimate:
    """Turn a membership AUC into 1 - 2 * |AUC - 1/2|: 1 where forgotten records look unseen, 0 where all stand out.

    Two-sided: an AUC well below one half is over-unlearning, as recognisable as none. The score of a sample is biased
    downwards when nothing leaks, since |AUC - 1/2| cannot be below zero: compare it with the retrained model's.

    Args:
        auc: with interval and bounds, as from `estimate_auc`.

    Returns:
        The score with ends from those of the AUC. The lower bound rests on the one-sided bounds. The upper one rests
        on the two-sided interval: near one half it is wrong on two sides, and the error must be shared between them.

    Raises:
        MeasurementError: the estimate is no AUC, or has no interval or no bounds.
    """
    if auc.unit is not Unit.AUC or auc.interval is None or auc.bounds is None:
        raise MeasurementError(write_message("no-auc-to-score"))
    low, high = _fold(auc.interval)
    lower, _ = _fold(auc.bounds)
    method = write_message("forgetting-score", of=auc.interval.method)
    upper = max(high, _score(auc.value), lower)
    return Estimate(
        value=_score(auc.value),
        unit=Unit.SCORE,
        n=auc.n,
        interval=auc.interval.model_copy(update={"low": low, "high": high, "method": method}),
        bounds=auc.bounds.model_copy(
            update={"low": lower, "high": upper, "method": write_message("forgetting-score", of=auc.bounds.method)}
        ),
    )


def _score(auc: float) -> float:
    return 1 - 2 * abs(auc - CHANCE)


def _fold(interval: Interval) -> tuple[float, float]:
    ends = _score(interval.low), _score(interval.high)
    return min(ends), 1.0 if interval.low <= CHANCE <= interval.high else max(ends)


def estimate_svc_efficacy(
    log_probs: LogProbs,
    labels: Labels,
    *,
    retain: Mask,
    forget: Mask,
    test: Mask,
    confidence: float,
) -> Estimate:
    """Estimate the share of forget records that a support-vector classifier calls non-members.

    The protocol of the SalUn paper, so that figures can be compared with those in papers: a classifier (RBF kernel,
    C = 3, gamma 'auto') is fitted on the confidences p_y of equally many retain (member) and test (non-member) records.
    Of the larger group evenly spaced quantiles stand for all, where papers draw a subset that the figure then hangs on.

    Args:
        log_probs: (n, k) log-probabilities of the audited model.
        labels: (n,) true classes.
        retain: (n,) mask of the retain records.
        forget: (n,) mask of the forget records.
        test: (n,) mask of the test records.
        confidence: of the interval, in [0.5, 1).

    Returns:
        The share, unit proportion, without bounds: it is high for any model whose retain and test confidences look
        alike, a useless one included, so it must not decide. The interval takes the fitted attack as given.

    Source: Fan et al. (2024), arXiv 2310.12508, appendix on MIA-efficacy.

    Raises:
        MeasurementError: a group is empty, masks are no masks, or all confidences are equal.
    """
    from sklearn.svm import SVC

    validate_confidence(confidence)
    validate_masks(retain=retain, forget=forget, test=test)
    scores = score_confidence(log_probs, labels)
    features, truth = _stack(*_even_out(scores[retain], scores[test]))
    validate_finite(forget=scores[forget])
    called = SVC(C=3, gamma="auto", kernel="rbf").fit(features, truth).predict(scores[forget][:, None])
    return _share(int((called == 0).sum()), int(forget.sum()), confidence)


def estimate_logistic_accuracy(
    log_probs: LogProbs,
    labels: Labels,
    *,
    forget: Mask,
    test: Mask,
    confidence: float,
    rng: np.random.Generator,
    folds: int = 10,
) -> Estimate:
    """Estimate how often a logistic regression on the loss tells forget from test records, each held out once.

    Args:
        log_probs: (n, k) log-probabilities of the audited model.
        labels: (n,) true classes.
        forget: (n,) mask of the forget records.
        test: (n,) mask of the test records.
        confidence: of the interval, in [0.5, 1).
        rng: draws the folds. Of the larger group evenly spaced quantiles are used, so that guessing has accuracy 0.5.
        folds: parts of the cross-validation, at least 2 and at most the smaller group.

    Returns:
        The out-of-fold accuracy, unit proportion; 0.5 is chance. Without bounds: the folds share their training
        records, so the interval is approximate. A straight line in one score misses a two-sided leak.

    Source: the membership test of the NeurIPS 2023 Machine Unlearning Challenge (arXiv 2406.09073).

    Raises:
        MeasurementError: fewer records than folds, masks are no masks, or all losses are equal.
    """
    from sklearn.linear_model import LogisticRegression

    validate_confidence(confidence)
    validate_masks(forget=forget, test=test)
    scores = score_loss(log_probs, labels)
    features, truth = _stack(*_even_out(scores[forget], scores[test]))
    size = len(truth) // 2
    if not 2 <= folds <= size:  # noqa: PLR2004 - one fold holds nothing out
        raise MeasurementError(write_message("folds-out-of-range", folds=folds, size=size))
    # each fold holds out equally many of both, or the left-out share would tell the classifier the answer
    fold = np.concatenate([rng.permutation(size) % folds for _ in range(2)])
    right = 0
    for held_out in range(folds):
        kept = fold != held_out
        centre, scale = features[kept].mean(), features[kept].std() or 1.0
        attack = LogisticRegression().fit((features[kept] - centre) / scale, truth[kept])
        right += int((attack.predict((features[~kept] - centre) / scale) == truth[~kept]).sum())
    return _share(right, len(truth), confidence)


def _stack(members: Scores, nonmembers: Scores) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return (n, 1) the scores of both groups, and (n,) 1 for members, 0 for others."""
    validate_finite(members=members, nonmembers=nonmembers)
    features = np.concatenate([members, nonmembers])[:, None]
    if np.ptp(features) == 0:
        raise MeasurementError(write_message("constant-scores"))
    return features, np.repeat(np.array([1, 0]), len(members))


def _even_out(first: Scores, second: Scores) -> tuple[Scores, Scores]:
    """Return both groups at the size of the smaller one, the larger one by evenly spaced quantiles of it."""
    size = min(len(first), len(second))
    places = (np.arange(size) + 0.5) / max(size, 1)
    thinned = [np.sort(each)[(places * len(each)).astype(np.int64)] for each in (first, second)]
    return thinned[0], thinned[1]


def _share(events: int, n: int, confidence: float) -> Estimate:
    low, high = compute_clopper_pearson(events, n, (1 - confidence) / 2)
    return Estimate(
        value=events / n,
        unit=Unit.PROPORTION,
        n=n,
        events=events,
        interval=Interval(
            low=low, high=high, confidence=confidence, method=write_message("clopper-pearson-attack-given"), sides="two"
        ),
    )
