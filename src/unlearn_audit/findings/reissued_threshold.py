"""The threshold that a remedy re-issued for its model, chosen on validation of that model alone."""

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.errors import MeasurementError
from unlearn_audit.evidence import Evidence
from unlearn_audit.records import ReissuedThreshold, write_message
from unlearn_audit.stats import GuaranteedThreshold, choose_on_average, choose_with_confidence


def find_rule(evidence: Evidence, model: str) -> ReissuedThreshold | None:
    """Return by which promise the threshold of `model` was re-issued, None where it keeps the original's."""
    card = next((card for card in evidence.provenance.models if card.name == model), None)
    return card.reissued if card else None


def choose_reissued(
    evidence: Evidence, model: str, clusters: NDArray[np.int64] | None, *, on_average: bool = False
) -> GuaranteedThreshold:
    """Return the re-issued threshold of `model`.

    Args:
        evidence: with validation records.
        model: whose threshold was re-issued.
        clusters: (n,) whose record it is; None where records are independent.
        on_average: the threshold that keeps the rate on average over validation sets, for comparison.

    Raises:
        MeasurementError: it keeps the original's threshold, or validation holds too few positives for the promise.
    """
    rule = find_rule(evidence, model)
    if rule is None:
        raise MeasurementError(write_message("threshold-is-the-originals", model=model))
    validation = evidence.select("validation")
    actual, probability = evidence.is_positive[validation], evidence.positive_probability(model)[validation]
    persons = None if clusters is None else clusters[validation]
    if not validation.any():
        raise MeasurementError(write_message("no-validation-for-threshold"))
    if on_average:
        return choose_on_average(actual, probability, alpha=rule.miss_at_most, persons=persons)
    return choose_with_confidence(
        actual, probability, alpha=rule.miss_at_most, confidence=rule.confidence, persons=persons
    )
