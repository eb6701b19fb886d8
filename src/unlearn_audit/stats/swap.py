"""The SWAP test: one run that forgets F beside T, one that forgets T beside F, judged by one adversary.

What a record looks like by itself (easy, hard) counts for the one run as it counts against the other, and cancels. A
pair of reference models with complementary halves *is* such a pair of runs: it trained on one half each, and the
method then made each forget its own.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.errors import MeasurementError
from unlearn_audit.records import Estimate, Interval, Unit, write_message
from unlearn_audit.stats.ensemble import Masks
from unlearn_audit.stats.membership import Scores
from unlearn_audit.stats.validation import validate_confidence

_THRESHOLDS = 256


def estimate_swap_quality(signals: Sequence[Scores], trained_on: Masks, *, confidence: float) -> Estimate:
    """Estimate Q = 1 - sup over adversaries of the advantage over swapped runs: 1 where nothing tells F from T.

    An adversary is a signal, a threshold and a direction, the same for both runs of a pair. Its advantage on a pair is
    P(inside is called a member) - P(outside is), each candidate once by the run that had trained on and unlearned it,
    once by the run that never had. The supremum over what is at hand would be above zero by chance; so each pair is
    attacked by the adversary that is best on all *other* pairs. That never overstates the advantage of the best one:
    Q is if anything too high, by what an adversary loses by being learned from few pairs.

    Retraining has Q = 1 by construction: both runs of a pair then come from one and the same training on retain, so
    that with equal seeds their answers are equal, and inside and outside the same numbers.

    Args:
        signals: of each the (K, c) scores of K unlearned reference models on c candidates, HIGHER for members.
        trained_on: (K, c) whether each was trained on each before unlearning; models 2j and 2j + 1 are complementary.
        confidence: of the interval, in [0.5, 1).

    Returns:
        Q in [0, 1], without bounds: it speaks of the method on these records, not of the audited model. The interval is
        Student's over pairs: what other trainings would give.

    Source: Tu, Hu & Ma (2024), arXiv 2404.11577, SWAP test and zero grounding; the held-out adversary is ours.

    Raises:
        MeasurementError: fewer than two pairs, halves that are not complementary, no signal, or constant scores.
    """
    validate_confidence(confidence)
    if not signals:
        raise MeasurementError(write_message("no-signal"))
    gains = np.concatenate([_tabulate(scores, trained_on) for scores in signals], axis=1)
    if len(gains) < 2:  # noqa: PLR2004 - one to learn from, one to attack
        raise MeasurementError(write_message("too-few-pairs", found=len(gains)))
    won = _attack_held_out(gains) / trained_on.shape[1]
    low, high = _step(won, confidence)
    return Estimate(
        value=_quality(float(won.mean())),
        unit=Unit.SCORE,
        n=trained_on.shape[1],
        interval=Interval(
            low=_quality(high),
            high=_quality(low),
            confidence=confidence,
            method=write_message("student-over-pairs", pairs=len(won)),
            sides="two",
        ),
    )


def _attack_held_out(gains: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return (pairs,) the advantage on each pair, in candidates, of the adversary that is best on all others."""
    others = gains.sum(axis=0) - gains
    best, pairs = np.abs(others).argmax(axis=1), np.arange(len(gains))
    return np.asarray(np.sign(others[pairs, best]) * gains[pairs, best])


def _quality(advantage: float) -> float:
    return 1 - min(1.0, max(0.0, advantage))


def _step(won: Scores, confidence: float) -> tuple[float, float]:
    from scipy.special import stdtrit

    reach = float(stdtrit(len(won) - 1, (1 + confidence) / 2) * won.std(ddof=1) / np.sqrt(len(won)))
    return float(won.mean()) - reach, float(won.mean()) + reach


def _tabulate(scores: Scores, trained_on: Masks) -> NDArray[np.int64]:
    """Return (pairs, thresholds) how many more candidates score at or above a threshold inside than outside.

    Counted, not averaged: which of two equally good thresholds is taken must not hang on the last bit of a sum.
    """
    first, second = trained_on[::2], trained_on[1::2]
    if len(trained_on) % 2 or (first == second).any():
        raise MeasurementError(write_message("reference-models-not-complementary"))
    if not np.isfinite(scores).all() or np.ptp(scores) == 0:
        raise MeasurementError(write_message("scores-not-finite-or-constant"))
    inside, outside = np.where(first, scores[::2], scores[1::2]), np.where(first, scores[1::2], scores[::2])
    ends = np.unique(np.quantile(scores, np.linspace(0, 1, _THRESHOLDS), method="inverted_cdf"))
    return np.stack([_count(mine, ends) - _count(theirs, ends) for mine, theirs in zip(inside, outside, strict=True)])


def _count(scores: Scores, ends: Scores) -> NDArray[np.int64]:
    return np.asarray(len(scores) - np.searchsorted(np.sort(scores), ends, side="left"), dtype=np.int64)
