"""One proportion of independent records, and the exact test for two models on the same records."""

from math import sqrt

from unlearn_audit.errors import MeasurementError
from unlearn_audit.records import Cell, Estimate, Interval, Unit, write_message
from unlearn_audit.stats.validation import validate_confidence


def _require_counts(events: int, n: int) -> None:
    if n < 1:
        raise MeasurementError(write_message("no-records-for-proportion", found=n))
    if not 0 <= events <= n:
        raise MeasurementError(write_message("events-out-of-range", events=events, n=n))


def compute_clopper_pearson(events: int, n: int, tail: float) -> tuple[float, float]:
    """Return the exact ends (low, high) of a proportion, each wrong with a probability of at most `tail`.

    `low` is the smallest p with P(X >= events | p) >= tail, 0 where there are no events; `high` mirrors it.

    Source: Clopper & Pearson (1934).

    >>> low, high = compute_clopper_pearson(0, 100, 0.05)
    >>> low, round(high, 4)
    (0.0, 0.0295)

    Raises:
        MeasurementError: events outside 0..n, or n < 1.
    """
    from scipy.special import betaincinv

    _require_counts(events, n)
    low = 0.0 if events == 0 else float(betaincinv(events, n - events + 1, tail))
    high = 1.0 if events == n else float(betaincinv(events + 1, n - events, 1 - tail))
    return low, high


def compute_jeffreys(events: int, n: int, tail: float) -> tuple[float, float]:
    """Return the ends (low, high) that cut `tail` from each side of Beta(events + 1/2, n - events + 1/2).

    The low end is 0 where there are no events and the high end 1 where there is nothing else, as usual. Coverage is
    nominal on average over p, not for every p: with few events a one-sided end covers as little as 0.87 of 0.95. For
    display, not for decisions.

    Source: Brown, Cai & DasGupta (2001), section 4.1.2.

    Raises:
        MeasurementError: events outside 0..n, or n < 1.
    """
    from scipy.special import betaincinv

    _require_counts(events, n)
    low = 0.0 if events == 0 else float(betaincinv(events + 0.5, n - events + 0.5, tail))
    high = 1.0 if events == n else float(betaincinv(events + 0.5, n - events + 0.5, 1 - tail))
    return low, high


def estimate_proportion(events: int, n: int, *, confidence: float) -> Estimate:
    """Estimate a proportion: Jeffreys interval for the eye, one-sided Clopper-Pearson bounds for the decision.

    Args:
        events: how often it happened, 0 <= events <= n.
        n: independent records.
        confidence: of the interval and of each bound, in [0.5, 1).

    Returns:
        The share, unit proportion. Each bound is on the wrong side of the truth with probability <= 1 - confidence,
        for every true share.

    Raises:
        MeasurementError: no records, events outside 0..n, confidence outside its range.
    """
    validate_confidence(confidence)
    _require_counts(events, n)
    low, high = compute_jeffreys(events, n, (1 - confidence) / 2)
    lower, upper = compute_clopper_pearson(events, n, 1 - confidence)
    return Estimate(
        value=events / n,
        unit=Unit.PROPORTION,
        n=n,
        events=events,
        interval=Interval(low=low, high=high, confidence=confidence, method=write_message("jeffreys"), sides="two"),
        bounds=Interval(
            low=lower, high=upper, confidence=confidence, method=write_message("clopper-pearson"), sides="one"
        ),
        standard_error=sqrt(events * (n - events) / n**3) or None,
        sizes=(n,),
        cells=(Cell(count=n - events, value=0.0), Cell(count=events, value=1.0)),
    )


def compute_mcnemar(newly_wrong: int, newly_right: int) -> float:
    """Return the exact two-sided p-value that two models err equally often on the same records.

    Only records on which the models differ count: under the hypothesis each is newly wrong with probability 1/2.
    Without any such record p = 1. A large p is no proof of equality: with few differing records it cannot be small.

    Source: McNemar (1947), in its exact binomial form.

    >>> compute_mcnemar(5, 0)
    0.0625

    Raises:
        MeasurementError: a count below zero.
    """
    from scipy.special import bdtr

    if min(newly_wrong, newly_right) < 0:
        raise MeasurementError(write_message("counts-out-of-range", first=newly_wrong, second=newly_right))
    differing = newly_wrong + newly_right
    return min(1.0, 2 * float(bdtr(min(newly_wrong, newly_right), differing, 0.5)))
