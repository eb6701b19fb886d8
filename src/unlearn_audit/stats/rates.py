"""Rates of yes/no outcomes per record, and their change between two models on the same records.

FNR, FPR, newly missed, accuracy and the positive share are all `estimate_rate` of some mask: FNR is the rate of
"missed" among positives, the positive share the rate of "called positive" among all. Balanced accuracy averages two.
"""

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.records import Estimate, Unit
from unlearn_audit.stats.binomial import estimate_proportion
from unlearn_audit.stats.cells import (
    Clusters,
    Functional,
    StratifiedCounts,
    estimate_functional,
    stratify_clusters,
    stratify_records,
)
from unlearn_audit.stats.confusion import Mask
from unlearn_audit.stats.validation import validate_masks

_RATE = Functional(values=(0.0, 1.0), strata=(0, 0))
_CHANGE = Functional(values=(0.0, 1.0, -1.0), strata=(0, 0, 0))
_BALANCED = Functional(values=(0.0, 1.0, 0.0, 1.0), strata=(0, 0, 1, 1), weights=(0.5, 0.5))
_BALANCED_CHANGE = Functional(values=(0.0, 1.0, -1.0, 0.0, 1.0, -1.0), strata=(0, 0, 0, 1, 1, 1), weights=(0.5, 0.5))


def stratify(cells: NDArray[np.int64], functional: Functional, clusters: Clusters | None) -> StratifiedCounts:
    """Return the counts of `cells` (n,): of records where `clusters` is None, else of clusters."""
    size = len(functional.values)
    if clusters is not None:
        return stratify_clusters(cells, size, clusters)
    counts = np.bincount(cells, minlength=size)
    return stratify_records(tuple(int(count) for count in counts), functional.strata)


def estimate_rate(
    happened: Mask, *, confidence: float, resamples: int, rng: np.random.Generator, clusters: Clusters | None = None
) -> Estimate:
    """Estimate the share of records for which something happened.

    Args:
        happened: (n,) boolean, such as "missed" over the positives.
        confidence: of the interval and of each bound, in [0.5, 1).
        resamples: draws of the bootstrap; used with clusters only.
        rng: where the draws come from; untouched without clusters.
        clusters: (n,) cluster of each record, where records are not independent.

    Returns:
        The share, unit proportion, with the number of events.

    Raises:
        MeasurementError: no records, a mask that is not boolean, fewer than two clusters.
    """
    validate_masks(happened=happened)
    events = int(happened.sum())
    if clusters is None:
        return estimate_proportion(events, len(happened), confidence=confidence)
    return estimate_functional(
        stratify(happened.astype(np.int64), _RATE, clusters),
        _RATE,
        Unit.PROPORTION,
        confidence=confidence,
        resamples=resamples,
        rng=rng,
        events=events,
    )


def estimate_rate_change(
    before: Mask,
    after: Mask,
    *,
    confidence: float,
    resamples: int,
    rng: np.random.Generator,
    clusters: Clusters | None = None,
) -> Estimate:
    """Estimate by how much a rate changed between two models on the same records: (newly so - no longer so) / n.

    Args:
        before: (n,) boolean, such as "missed by the original" over the positives.
        after: (n,) the same of the other model.
        confidence: of the interval and of each bound, in [0.5, 1).
        resamples: draws of the bootstrap.
        rng: where the draws come from.
        clusters: (n,) cluster of each record, where records are not independent.

    Returns:
        The change in [-1, 1], unit proportion; above zero where it happens more often under the second model.

    Raises:
        MeasurementError: no records, masks of different lengths, fewer than two clusters.
    """
    validate_masks(before=before, after=after)
    return estimate_functional(
        stratify(_change_of(before, after), _CHANGE, clusters),
        _CHANGE,
        Unit.PROPORTION,
        confidence=confidence,
        resamples=resamples,
        rng=rng,
    )


def estimate_balanced_accuracy(
    actual: Mask,
    predicted: Mask,
    *,
    confidence: float,
    resamples: int,
    rng: np.random.Generator,
    clusters: Clusters | None = None,
) -> Estimate:
    """Estimate (sensitivity + specificity) / 2; 0.5 for any call that ignores the image.

    Args:
        actual: (n,) boolean, True = positive.
        predicted: (n,) boolean, True = called positive.
        confidence: of the interval and of each bound, in [0.5, 1).
        resamples: draws of the bootstrap.
        rng: where the draws come from.
        clusters: (n,) cluster of each record, where records are not independent.

    Returns:
        The share, unit proportion. Positives and negatives are drawn apart, unless clusters tie them together.

    Raises:
        MeasurementError: one class only, masks of different lengths, fewer than two clusters.
    """
    validate_masks(actual=actual, predicted=predicted)
    cells = 2 * (~actual).astype(np.int64) + (actual == predicted)
    return estimate_functional(
        stratify(cells, _BALANCED, clusters),
        _BALANCED,
        Unit.PROPORTION,
        confidence=confidence,
        resamples=resamples,
        rng=rng,
    )


def estimate_balanced_accuracy_change(
    actual: Mask,
    before: Mask,
    after: Mask,
    *,
    confidence: float,
    resamples: int,
    rng: np.random.Generator,
    clusters: Clusters | None = None,
) -> Estimate:
    """Estimate the change of balanced accuracy from `before` (n,) to `after` (n,), called on the same records.

    Arguments, draws and refusals are those of `estimate_balanced_accuracy`; the result lies in [-1, 1] and is below
    zero where the second model is worse.

    Raises:
        MeasurementError: one class only, masks of different lengths, fewer than two clusters.
    """
    validate_masks(actual=actual, before=before, after=after)
    cells = 3 * (~actual).astype(np.int64) + _change_of(before == actual, after == actual)
    return estimate_functional(
        stratify(cells, _BALANCED_CHANGE, clusters),
        _BALANCED_CHANGE,
        Unit.PROPORTION,
        confidence=confidence,
        resamples=resamples,
        rng=rng,
    )


def _change_of(before: Mask, after: Mask) -> NDArray[np.int64]:
    """Return 0 where nothing changed, 1 where it is newly so, 2 where it is no longer so: the cells of `_CHANGE`."""
    return np.where(after & ~before, 1, np.where(before & ~after, 2, 0)).astype(np.int64)
