"""Two one-sided tests: whether a number is shown to lie within limits, not merely not shown to lie outside."""

from dataclasses import dataclass

from unlearn_audit.errors import MeasurementError
from unlearn_audit.records import write_message


@dataclass(frozen=True)
class Equivalence:
    """The two p-values: of `value <= low` and of `value >= high`. Both must be small."""

    p_below: float
    p_above: float

    @property
    def p(self) -> float:
        """The p-value of 'outside the limits': the larger of the two, no correction needed."""
        return max(self.p_below, self.p_above)


def compute_equivalence(value: float, standard_error: float, low: float, high: float) -> Equivalence:
    """Return the p-values of the two one-sided tests that a normal estimate lies between `low` and `high`.

    p <= alpha exactly when the one-sided normal bounds at confidence 1 - alpha lie within the limits. For display next
    to a check, which is decided by the bounds of its estimate: those do not rest on the normal approximation alone.

    Source: Schuirmann (1987).

    >>> round(compute_equivalence(0.5, 0.02, 0.45, 0.55).p, 4)
    0.0062

    Raises:
        MeasurementError: limits out of order, or a standard error that is not above zero.
    """
    from scipy.special import ndtr

    if not low < high:
        raise MeasurementError(write_message("limits-out-of-order", low=low, high=high))
    if not standard_error > 0:
        raise MeasurementError(
            write_message("no-standard-error", found=standard_error),
            hint="an estimate without spread is not certain; it rests on too few records to see any",
        )
    return Equivalence(
        p_below=float(ndtr((low - value) / standard_error)), p_above=float(ndtr((value - high) / standard_error))
    )
