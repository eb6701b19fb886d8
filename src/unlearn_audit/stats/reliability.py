"""Calibration by bins, slope and error. All of it describes, none of it decides."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.errors import MeasurementError
from unlearn_audit.records import Estimate, Interval, Unit, write_message
from unlearn_audit.stats.binomial import compute_clopper_pearson
from unlearn_audit.stats.cells import Clusters
from unlearn_audit.stats.confusion import Mask
from unlearn_audit.stats.validation import validate_confidence, validate_equal_lengths, validate_finite, validate_masks

Floats = NDArray[np.float64]
_MOST_STEPS = 100


@dataclass(frozen=True, eq=False)
class Reliability:
    """Bins of equally many records by rising probability.

    Attributes:
        size: (b,) records in each bin.
        stated: (b,) mean probability of being positive.
        observed: (b,) share that is positive.
        low: (b,) lower end of that share.
        high: (b,) upper end.
    """

    size: NDArray[np.int64]
    stated: Floats
    observed: Floats
    low: Floats
    high: Floats


def _require_probabilities(actual: Mask, probability: Floats) -> None:
    validate_masks(actual=actual)
    validate_finite(probability=probability)
    validate_equal_lengths(actual=actual, probability=probability)
    if probability.min() < 0 or probability.max() > 1:
        raise MeasurementError(
            write_message("probabilities-out-of-range", low=probability.min(), high=probability.max())
        )


def _number_bins(probability: Floats, bins: int) -> NDArray[np.int64]:
    """Return (n,) bin of each record: equally many in each, but equal probabilities are never parted."""
    _, block, counts = np.unique(probability, return_inverse=True, return_counts=True)
    first = np.cumsum(counts) - counts
    _, number = np.unique(first * bins // len(probability), return_inverse=True)
    return np.asarray(number[block], dtype=np.int64)


def compute_reliability(actual: Mask, probability: Floats, *, confidence: float, bins: int = 10) -> Reliability:
    """Return the reliability curve: in each bin the mean probability stated and the share that came true.

    Args:
        actual: (n,) boolean, True = positive.
        probability: (n,) of being positive, in [0, 1].
        confidence: of each bin's two-sided Clopper-Pearson interval, in [0.5, 1).
        bins: at most so many; fewer where probabilities are tied.

    Returns:
        The bins. Each interval holds for its bin alone and takes records as independent: where several show one
        patient it is too short.

    Source: Bröcker & Smith (2007) for equally many records a bin.

    Raises:
        MeasurementError: no records, lengths that differ, probabilities outside [0, 1], no bins.
    """
    validate_confidence(confidence)
    _require_probabilities(actual, probability)
    if bins < 1:
        raise MeasurementError(write_message("no-bins", found=bins))
    number = _number_bins(probability, bins)
    size = np.bincount(number)
    events = np.bincount(number, weights=actual).astype(np.int64)
    tail = (1 - confidence) / 2
    ends = [compute_clopper_pearson(k, n, tail) for k, n in zip(events.tolist(), size.tolist(), strict=True)]
    return Reliability(
        size=size,
        stated=np.bincount(number, weights=probability) / size,
        observed=events / size,
        low=np.array([end[0] for end in ends]),
        high=np.array([end[1] for end in ends]),
    )


def compute_calibration_error(actual: Mask, probability: Floats, bins: int = 10) -> tuple[float, float]:
    """Return the expected calibration error, and what a perfectly calibrated model would show in its place.

    The first is the mean over records of |share observed - mean probability stated| of their bin. It is biased: a
    perfectly calibrated model is above zero too, the more so the fewer records. The second is how much, for these very
    probabilities: E|share - mean| under Bernoulli(p) labels, sqrt(2 / pi) times its standard deviation in each bin
    (normal approximation). Only what is clearly above it speaks of miscalibration; and bins hide what cancels in them.

    Source: Naeini, Cooper & Hauskrecht (2015), with equally many records a bin; the bias after Bröcker (2012).

    Raises:
        MeasurementError: as `compute_reliability`.
    """
    found = compute_reliability(actual, probability, confidence=0.95, bins=bins)
    spread = np.sqrt(np.bincount(_number_bins(probability, bins), weights=probability * (1 - probability)))
    weight = found.size / len(actual)
    error = float(weight @ np.abs(found.observed - found.stated))
    return error, float(weight @ (np.sqrt(2 / np.pi) * spread / found.size))


def estimate_calibration_slope(
    actual: Mask, log_odds: Floats, *, confidence: float, clusters: Clusters | None = None
) -> Estimate:
    """Estimate the slope b of logit P(positive) = a + b * log-odds stated: 1 calibrated, below 1 too sure of itself.

    Args:
        actual: (n,) boolean, True = positive.
        log_odds: (n,) finite log-odds of being positive that the model states.
        confidence: of the interval, in [0.5, 1).
        clusters: (n,) cluster of each record, where records are not independent.

    Returns:
        The slope with a normal interval around it, from the robust (sandwich) variance; no bounds.

    Source: Cox (1958); the model-agnostic variance after White (1982), with clusters after Liang & Zeger (1986).

    Raises:
        MeasurementError: one class only, log-odds that are constant or part the classes without overlap (the slope is
            then infinite), lengths that differ, fewer than two independent records.
    """
    from scipy.special import ndtri

    validate_confidence(confidence)
    validate_masks(actual=actual)
    validate_finite(log_odds=log_odds)
    validate_equal_lengths(actual=actual, log_odds=log_odds)
    _require_overlap(actual, log_odds)
    design = np.column_stack([np.ones(len(log_odds)), log_odds])
    weights, information = _fit_logistic(design, actual)
    residual = (actual - _expit(design @ weights))[:, None] * design
    spread = _sandwich(residual, information, clusters)
    reach = -float(ndtri((1 - confidence) / 2)) * spread
    slope = float(weights[1])
    return Estimate(
        value=slope,
        unit=Unit.SCORE,
        n=len(actual),
        interval=Interval(
            low=slope - reach,
            high=slope + reach,
            confidence=confidence,
            method=write_message("normal-robust" if clusters is None else "normal-robust-clustered"),
            sides="two",
        ),
    )


def _expit(values: Floats) -> Floats:
    from scipy.special import expit

    return np.asarray(expit(values))


def _require_overlap(actual: Mask, log_odds: Floats) -> None:
    positives, negatives = log_odds[actual], log_odds[~actual]
    if not len(positives) or not len(negatives):
        raise MeasurementError(write_message("one-class-to-fit-slope"))
    if np.ptp(log_odds) == 0:
        raise MeasurementError(write_message("constant-log-odds"))
    if positives.min() >= negatives.max() or positives.max() <= negatives.min():
        raise MeasurementError(write_message("classes-do-not-overlap"))


def _fit_logistic(design: Floats, actual: Mask) -> tuple[Floats, Floats]:
    """Return the maximum-likelihood weights and the information matrix there, by Newton's steps, halved if too long."""
    weights: Floats = np.zeros(2)
    step: Floats = np.zeros(2)
    loss = np.inf
    for _ in range(_MOST_STEPS):
        trial = weights + step
        odds = design @ trial
        now = float((np.logaddexp(0, odds) - actual * odds).sum())
        if now > loss + 1e-9 * abs(loss):
            step = step / 2
            continue
        weights, loss = trial, now
        p = _expit(odds)
        information = np.asarray((design * (p * (1 - p))[:, None]).T @ design)
        gradient = design.T @ (actual - p)
        if np.abs(gradient).max() <= 1e-9 * max(1.0, float(np.abs(design).sum(axis=0).max())):
            return weights, information
        try:
            step = np.asarray(np.linalg.solve(information, gradient))
        except np.linalg.LinAlgError:
            break
    raise MeasurementError(write_message("slope-did-not-converge"))


def _sandwich(residual: Floats, information: Floats, clusters: Clusters | None) -> float:
    """Return the standard error of the slope."""
    names = np.arange(len(residual)) if clusters is None else clusters
    validate_equal_lengths(records=residual[:, 0], clusters=names)
    found, index = np.unique(names, return_inverse=True)
    if len(found) < 2:  # noqa: PLR2004 - a variance needs two
        raise MeasurementError(write_message("too-few-independent-records", found=len(found)))
    sums = np.column_stack([np.bincount(index, weights=column) for column in residual.T])
    inverse = np.linalg.inv(information)
    variance = inverse @ (sums.T @ sums * len(found) / (len(found) - 1)) @ inverse
    return float(np.sqrt(variance[1, 1]))
