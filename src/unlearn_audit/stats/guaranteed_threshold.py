"""Thresholds with a guarantee: the false-negative rate of positives like these is at most alpha.

Two guarantees, for two readers. *With confidence*: in 95 of 100 validation sets the rate of the threshold chosen is at
most alpha. *On average*: over validation sets the rate is at most alpha, so that in about half of them it is above.
Both hold for any classifier and any distribution; neither holds when positives to come differ from these.
"""

from dataclasses import dataclass
from math import ceil, floor, log

import numpy as np

from unlearn_audit.errors import MeasurementError
from unlearn_audit.records import Estimate, write_message
from unlearn_audit.stats.binomial import estimate_proportion
from unlearn_audit.stats.reference_pairs import Floats, Masks, Persons
from unlearn_audit.stats.validation import validate_confidence, validate_equal_lengths, validate_finite, validate_masks

_SAME = 1e-9


@dataclass(frozen=True)
class GuaranteedThreshold:
    """A threshold t (predict positive when p >= t) with what it was chosen by and what it costs.

    Attributes:
        threshold: t, the (allowed + 1)-th smallest probability among the validation positives.
        allowed: false negatives that the guarantee leaves room for on the validation positives.
        positives: n, positives (or persons with one) that it rests on.
        alpha: largest false-negative rate.
        confidence: of the guarantee; None where it holds on average.
        false_alarms: rate on the validation negatives, None without any. The threshold did not look at these.
    """

    threshold: float
    allowed: int
    positives: int
    alpha: float
    confidence: float | None
    false_alarms: Estimate | None


def choose_with_confidence(
    actual: Masks, probability: Floats, *, alpha: float, confidence: float, persons: Persons | None = None
) -> GuaranteedThreshold:
    """Return the largest threshold whose false-negative rate is at most alpha with the confidence asked for.

    k is the largest number with P(Binomial(n, alpha) <= k) <= 1 - confidence; the threshold is the (k + 1)-th smallest
    of the n positives' probabilities. Its true rate is at most that of Beta(k + 1, n - k), ties make it smaller.

    Args:
        actual: (n,) whether a validation record is positive.
        probability: (n,) of being positive, in [0, 1].
        alpha: largest false-negative rate, in (0, 1).
        confidence: of the guarantee, in [0.5, 1); one-sided.
        persons: (n,) whose record it is, where records are not independent: a person with positive records then
            counts once, by the least certain one, and alpha bounds the share of persons with any missed.

    Source: distribution-free tolerance limits, Wilks (1941); as "learn then test", Angelopoulos et al. (2021).

    Raises:
        MeasurementError: fewer positives than any threshold needs (29 for .10 and 59 for .05 at 95 %), probabilities,
            alpha or confidence outside their range, lengths that differ.
    """
    from scipy.special import bdtr

    validate_confidence(confidence)
    positives = _collect_positives(actual, probability, alpha, persons)
    n, counts = len(positives), np.arange(len(positives))
    _validate_size(n, ceil(log(1 - confidence) / log(1 - alpha) - _SAME), alpha, confidence)
    allowed = int(counts[bdtr(counts, n, alpha) <= 1 - confidence + _SAME][-1])
    return _describe(actual, probability, positives, allowed=allowed, alpha=alpha, confidence=confidence)


def choose_on_average(
    actual: Masks, probability: Floats, *, alpha: float, persons: Persons | None = None
) -> GuaranteedThreshold:
    """Return the largest threshold whose expected false-negative rate is at most alpha: conformal risk control.

    The largest with (FN + 1) / (n + 1) <= alpha, FN counted on the n validation positives. The expectation is over
    validation sets and over the positive to come. For any one validation set the rate may lie above alpha.

    Args:
        actual: (n,) whether a validation record is positive.
        probability: (n,) of being positive, in [0, 1].
        alpha: largest expected false-negative rate, in (0, 1).
        persons: as for `choose_with_confidence`.

    Source: Angelopoulos et al. (2024), "Conformal Risk Control" (arXiv 2208.02814), theorem 1, with loss at most 1.

    Raises:
        MeasurementError: fewer than 1 / alpha - 1 positives, probabilities or alpha outside their range, lengths that
            differ.
    """
    positives = _collect_positives(actual, probability, alpha, persons)
    _validate_size(len(positives), ceil(1 / alpha - 1 - _SAME), alpha, None)
    allowed = floor(alpha * (len(positives) + 1) + _SAME) - 1
    return _describe(actual, probability, positives, allowed=allowed, alpha=alpha, confidence=None)


def _describe(
    actual: Masks, probability: Floats, positives: Floats, *, allowed: int, alpha: float, confidence: float | None
) -> GuaranteedThreshold:
    threshold = float(positives[allowed])
    negatives = int((~actual).sum())
    alarms = int((probability[~actual] >= threshold).sum())
    price = estimate_proportion(alarms, negatives, confidence=confidence or 0.95) if negatives else None
    return GuaranteedThreshold(threshold, allowed, len(positives), alpha, confidence, price)


def _collect_positives(actual: Masks, probability: Floats, alpha: float, persons: Persons | None) -> Floats:
    """Return the rising probabilities of the positives; of each person's the lowest."""
    validate_masks(actual=actual)
    validate_finite(probability=probability)
    validate_equal_lengths(actual=actual, probability=probability)
    if not 0 < alpha < 1:
        raise MeasurementError(write_message("false-negative-rate-out-of-range", found=alpha))
    if probability.min() < 0 or probability.max() > 1:
        raise MeasurementError(
            write_message("probabilities-out-of-range", low=probability.min(), high=probability.max())
        )
    chosen = probability[actual]
    if persons is not None:
        validate_equal_lengths(actual=actual, persons=persons)
        names, index = np.unique(persons[actual], return_inverse=True)
        lowest = np.full(len(names), np.inf)
        np.minimum.at(lowest, index, chosen)
        chosen = lowest
    return np.sort(chosen)


def _validate_size(n: int, fewest: int, alpha: float, confidence: float | None) -> None:
    if n >= fewest:
        return
    hint = "collect more positives for validation, or tolerate a higher rate"
    details = {"least": fewest, "rate": alpha, "found": n}
    if confidence is None:
        raise MeasurementError(write_message("too-few-validation-positives-on-average", **details), hint=hint)
    raise MeasurementError(write_message("too-few-validation-positives", confidence=confidence, **details), hint=hint)
