"""A prevalence that was itself estimated from counts, and how its uncertainty enters a risk."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from unlearn_audit.errors import MeasurementError
from unlearn_audit.records import Estimate, write_message
from unlearn_audit.stats.binomial import compute_clopper_pearson
from unlearn_audit.stats.validation import validate_confidence

_POINTS = 9
"""Prevalences at which the bounds are taken: both ends of the range, and between them, evenly."""


@dataclass(frozen=True)
class PrevalenceCounts:
    """How many of so many cases were positive, counted where the model will be used."""

    positives: int
    cases: int

    def __post_init__(self) -> None:
        if not 0 < self.positives < self.cases:
            raise MeasurementError(
                write_message("one-class-counted", positives=self.positives, cases=self.cases),
                hint="a prevalence of 0 or 1 weighs nothing against anything",
            )

    @property
    def share(self) -> float:
        """The prevalence that was observed."""
        return self.positives / self.cases


def estimate_at_counted_prevalence(
    measure: Callable[[float, float], Estimate], counts: PrevalenceCounts, *, confidence: float
) -> Estimate:
    """Estimate a number that weighs positives and negatives by a prevalence which is known from `counts` alone.

    One half of each bound's error goes to the prevalence (Clopper-Pearson), the other to the number: its bound at the
    worst prevalence of that range. Taken as known, a prevalence from 100 to 500 cases leaves bounds of .95 that cover
    .55 to .83, because the true one differs.

    Args:
        measure: from a prevalence and a confidence to the estimate, such as `estimate_global_risk` or its change.
        counts: what the prevalence was estimated from; cases independent of the test records.
        confidence: of each bound, in [0.5, 1).

    Returns:
        The estimate at the observed prevalence, with the wider bounds. Its interval, for the eye, takes the observed
        prevalence as known.

    Raises:
        MeasurementError: what `measure` raises, or an estimate without bounds.
    """
    validate_confidence(confidence)
    half = (1 - confidence) / 2
    range_ = np.linspace(*compute_clopper_pearson(counts.positives, counts.cases, half), _POINTS)
    found = measure(counts.share, confidence)
    ends = [measure(float(prevalence), 1 - half).bounds for prevalence in range_]
    known = [end for end in ends if end is not None]
    if found.bounds is None or len(known) < len(ends):
        raise MeasurementError(write_message("no-bounds-to-widen"))
    bounds = found.bounds.model_copy(
        update={
            "low": min(found.bounds.low, *(end.low for end in known)),
            "high": max(found.bounds.high, *(end.high for end in known)),
            "method": write_message(
                "prevalence-from-counts", method=found.bounds.method, positives=counts.positives, cases=counts.cases
            ),
        }
    )
    return found.model_copy(update={"bounds": bounds})
