"""Net benefit: the worth of acting on a model, in true positives, at every threshold."""

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.errors import MeasurementError
from unlearn_audit.records import Estimate, Unit, write_message
from unlearn_audit.stats.cells import Clusters, Functional, estimate_functional
from unlearn_audit.stats.confusion import Mask
from unlearn_audit.stats.rates import stratify
from unlearn_audit.stats.validation import validate_equal_lengths, validate_finite, validate_masks

Floats = NDArray[np.float64]


def _weigh_alarm(threshold: float) -> float:
    """Return what a false alarm costs in true positives to someone who acts from `threshold` upwards."""
    if not 0 < threshold < 1:
        raise MeasurementError(write_message("threshold-out-of-range", found=threshold))
    return threshold / (1 - threshold)


def compute_net_benefit(
    actual: Mask, probability: Floats, thresholds: Floats, prevalence: float | None = None
) -> Floats:
    """Return (t,) the net benefit of calling positive from each threshold probability upwards.

    NB(t) = TP / N - FP / N * t / (1 - t); with a prevalence pi of intended use, pi * sensitivity - (1 - pi) * FPR *
    t / (1 - t). Someone who acts from t upwards takes one true positive to be worth (1 - t) / t false alarms. Calling
    none has 0; calling all has pi - (1 - pi) * t / (1 - t). A model below either is worth less than no model.

    What must not be concluded: the threshold is applied to the model's own probabilities, so a model that ranks well
    and is badly calibrated looks worse than it is after recalibration.

    Args:
        actual: (n,) boolean, True = positive.
        probability: (n,) of being positive, in [0, 1].
        thresholds: (t,) in (0, 1).
        prevalence: share of positives where the model will be used; None takes the records as they come.

    Source: Vickers & Elkin (2006).

    >>> y, p = np.array([True, False, False, True]), np.array([0.9, 0.6, 0.1, 0.4])
    >>> compute_net_benefit(y, p, np.array([0.5])).tolist()
    [0.0]

    Raises:
        MeasurementError: lengths that differ, NaN, thresholds or a prevalence outside (0, 1), one class only.
    """
    validate_masks(actual=actual)
    validate_finite(probability=probability, thresholds=thresholds)
    validate_equal_lengths(actual=actual, probability=probability)
    share = _find_prevalence(actual, prevalence)
    weight = np.array([_weigh_alarm(float(threshold)) for threshold in thresholds])
    caught, alarmed = (
        1 - np.searchsorted(np.sort(probability[mask]), thresholds, side="left") / mask.sum()
        for mask in (actual, ~actual)
    )
    return np.asarray(share * caught - (1 - share) * alarmed * weight)


def _find_prevalence(actual: Mask, prevalence: float | None) -> float:
    if actual.all() or not actual.any():
        raise MeasurementError(write_message("one-class-to-weigh"))
    if prevalence is None:
        return float(actual.mean())
    if not 0 < prevalence < 1:
        raise MeasurementError(write_message("prevalence-out-of-range", found=prevalence))
    return prevalence


def compute_call_all_benefit(actual: Mask, thresholds: Floats, prevalence: float | None = None) -> Floats:
    """Return (t,) the net benefit of calling every record positive; calling none has none.

    Raises:
        MeasurementError: as `compute_net_benefit`.
    """
    return compute_net_benefit(actual, np.ones(len(actual)), thresholds, prevalence)


def estimate_net_benefit(
    actual: Mask,
    called: Mask,
    threshold: float,
    *,
    confidence: float,
    resamples: int,
    rng: np.random.Generator,
    prevalence: float | None = None,
    clusters: Clusters | None = None,
) -> Estimate:
    """Estimate the net benefit of the calls `called` to someone who acts from `threshold` upwards.

    Args:
        actual: (n,) boolean, True = positive.
        called: (n,) boolean, True = called positive.
        threshold: probability at which acting is as good as not acting, in (0, 1): C_FP / (C_FP + C_FN).
        confidence: of the interval, in [0.5, 1).
        resamples: draws of the bootstrap.
        rng: where the draws come from.
        prevalence: share of positives where the model will be used; None takes the records as they come.
        clusters: (n,) cluster of each record, where records are not independent.

    Returns:
        True positives per case; without bounds, since Global Risk decides and this is it in another unit.

    Raises:
        MeasurementError: as `compute_net_benefit`, or fewer than two clusters.
    """
    validate_masks(actual=actual, called=called)
    weight = _weigh_alarm(threshold)
    if prevalence is not None:
        _find_prevalence(actual, prevalence)
    cells = 2 * (~actual).astype(np.int64) + called
    values = (0.0, 1.0, 0.0, -weight)
    functional = (
        Functional(values, strata=(0, 0, 0, 0))
        if prevalence is None
        else Functional(values, strata=(0, 0, 1, 1), weights=(prevalence, 1 - prevalence))
    )
    estimate = estimate_functional(
        stratify(cells, functional, clusters),
        functional,
        Unit.SCORE,
        confidence=confidence,
        resamples=resamples,
        rng=rng,
    )
    return estimate.model_copy(update={"bounds": None})
