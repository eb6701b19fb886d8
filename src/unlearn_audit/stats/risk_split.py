"""A change of Global Risk in two parts: what a moved operating point explains, and what lost ranking explains.

Let R(s, k) be the Global Risk of calling the k records with the highest score s positive; where the k-th and the next
score tie, the mean over all ways to break the tie. A model called by a threshold on its score calls the k records that
lie above it, and its risk is R(s, k). Write o for the first model and u for the second. Then, going either way,

    R(u, k_u) - R(o, k_o) = [R(u, k_u) - R(u, k_o)] + [R(u, k_o) - R(o, k_o)]
                          = [R(o, k_u) - R(o, k_o)] + [R(u, k_u) - R(o, k_u)].

In each line the first bracket keeps the ranking and moves the number of calls: the threshold's part. The second keeps
the number of calls and changes the ranking: discrimination's part. The parts here are the means of the two lines, so
that neither model is preferred; they sum to the change exactly, and swapping the models turns their signs.

A monotone transform of the scores changes no ranking: all of its change is the threshold's. Other scores at the same
number of calls move no operating point: all of their change is discrimination's.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.errors import MeasurementError
from unlearn_audit.records import write_message
from unlearn_audit.stats.confusion import Mask
from unlearn_audit.stats.risk import MistakeCosts
from unlearn_audit.stats.validation import validate_equal_lengths, validate_finite, validate_masks

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class RiskSplit:
    """The two parts, in cost units per case; above zero where they make the second model worse."""

    by_threshold: float
    by_discrimination: float

    @property
    def total(self) -> float:
        """The whole change of Global Risk."""
        return self.by_threshold + self.by_discrimination


def split_risk_change(
    actual: Mask, before: tuple[Scores, Mask], after: tuple[Scores, Mask], costs: MistakeCosts
) -> RiskSplit:
    """Split the change of Global Risk from `before` to `after` into the threshold's and discrimination's part.

    Descriptive. What must not be concluded: that moving the threshold on new patients would win its part back. Both
    parts are read off the records that the models are judged on, and neither has an interval. A small part of either
    sign is noise.

    Args:
        actual: (n,) boolean, True = positive.
        before: the first model's (n,) score, higher = more likely positive, and (n,) calls: a threshold on it.
        after: the second model's.
        costs: of the two mistakes.

    Raises:
        MeasurementError: calls that are no threshold on their score, lengths that differ, NaN or infinity.
    """
    validate_masks(actual=actual, before=before[1], after=after[1])
    for when, (score, call) in (("before", before), ("after", after)):
        validate_finite(**{when: score})
        validate_equal_lengths(actual=actual, **{when: score})
        _require_threshold(when, score, call)
    first, second = _trace_risk(actual, before[0], costs), _trace_risk(actual, after[0], costs)
    ours, theirs = int(before[1].sum()), int(after[1].sum())
    moved = (second[theirs] - second[ours]) + (first[theirs] - first[ours])
    reranked = (second[ours] - first[ours]) + (second[theirs] - first[theirs])
    return RiskSplit(by_threshold=float(moved) / 2, by_discrimination=float(reranked) / 2)


def _require_threshold(when: str, score: Scores, call: Mask) -> None:
    if call.any() and not call.all() and score[call].min() <= score[~call].max():
        raise MeasurementError(
            write_message("predictions-are-no-threshold", when=when),
            hint="the most probable of several classes is no threshold: read the split at a threshold instead",
        )


def _trace_risk(actual: Mask, score: Scores, costs: MistakeCosts) -> Scores:
    """Return (n + 1,) the Global Risk of calling the k records with the highest score, for k from 0 to n."""
    falling = np.argsort(-score, kind="stable")
    _, block = np.unique(-score[falling], return_inverse=True)
    share = np.bincount(block, weights=actual[falling]) / np.bincount(block)
    caught = np.concatenate([[0.0], np.cumsum(share[block])])
    calls = np.arange(len(actual) + 1)
    missed = actual.sum() - caught
    return np.asarray((costs.false_negative * missed + costs.false_positive * (calls - caught)) / len(actual))
