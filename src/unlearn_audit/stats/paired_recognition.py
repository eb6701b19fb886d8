"""Paired recognition: how often the model that trained on a record is the more certain one, P(IN > OUT).

An audited model gives one draw per record; its reference models give one for every pair. They are pairs of the audited
*procedure* (method, recipe, data): what is found speaks of that, and of one checkpoint only as one more draw of it
(`checkpoint_spread`).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from unlearn_audit.errors import MeasurementError
from unlearn_audit.records import Estimate, Interval, Unit, write_message
from unlearn_audit.stats.auc import find_reach
from unlearn_audit.stats.equivalence import Equivalence
from unlearn_audit.stats.reference_pairs import Floats, PairedDifferences, validate_pair_count
from unlearn_audit.stats.sign_flips import RandomisationTest, SignFlips
from unlearn_audit.stats.validation import validate_confidence

_NO_SPREAD = 1e-12
"""Range of the pairs' values below which they are the same, up to rounding."""


@dataclass(frozen=True)
class PairedRecognition:
    """What the pairs say on average.

    Attributes:
        probability: P(IN > OUT) over records and pairs, a tie counting half; 1/2 where nothing is left.
        probability_test: randomisation test of "it is 1/2".
        difference: mean D in log-odds; 0 where nothing is left.
        difference_test: randomisation test of "it is 0".
        ties: share of comparisons that are ties.
        pairs: P.
    """

    probability: Estimate
    probability_test: RandomisationTest
    difference: Estimate
    difference_test: RandomisationTest
    ties: float
    pairs: int


def estimate_paired_recognition(
    differences: PairedDifferences, *, confidence: float, draws: int, rng: np.random.Generator
) -> PairedRecognition:
    """Estimate P(IN > OUT) and the mean of D, with tests and with bounds over the pairs.

    P(IN > OUT) = mean over pairs p of W_p, W_p = share of records with D > 0, plus half the ties. The interval is
    Student's over the P values W_p. The deciding bounds pretend that one more record had been seen and had come out on
    the worst side in every pair, count all ties to that side, and step on the logit scale; where the W_p are all the
    same, they add one worst-case pair instead: no spread among a few pairs is not certainty.

    Args:
        differences: of the records of one class or subgroup, or of all; of persons where records are not independent.
        confidence: of the interval and of each bound, in [0.5, 1).
        draws: sign vectors for more than twelve pairs.
        rng: where they come from.

    Returns:
        Both numbers. They speak of the procedure on these records. An average near 1/2 does not say that no single
        record is recognised: that is `find_worst_record`. No bound on the mean of D where all pairs agree exactly.

    Valid when: pairs are independent and made by the same procedure. In simulations with 6 to 32 pairs and 1 to 120
    records, each bound at 95 % covered P(IN > OUT) from .45 to .70 in .93 or more, where what the records of a model
    have in common scatters as much as each by itself. It covered less, .89 with 6 pairs and .94 with 16, where that
    scatters three times as much, and the lower bound .90 at P(IN > OUT) = .9 with 6 pairs.

    Source: Mann & Whitney (1947) for P(IN > OUT) on pairs; `sign_flips` for the tests.

    Raises:
        MeasurementError: fewer than six pairs, a confidence outside its range.
    """
    validate_confidence(confidence)
    validate_pair_count(differences.pairs)
    rates = _WinRates.of(differences)
    flips = SignFlips.of(differences.pairs, draws=draws, rng=rng)
    by_pair = differences.values.mean(axis=0)
    return PairedRecognition(
        probability=rates.estimate(confidence),
        probability_test=flips.test_mean(rates.middle - 0.5),
        difference=_estimate_mean(by_pair, differences.records, confidence),
        difference_test=flips.test_mean(by_pair),
        ties=differences.ties,
        pairs=differences.pairs,
    )


def compute_paired_equivalence(differences: PairedDifferences, low: float, high: float) -> Equivalence:
    """Return the two p-values of "P(IN > OUT) <= low" and of ">= high": the bounds inverted.

    `p <= alpha` exactly when both bounds of `estimate_paired_recognition` at confidence 1 - alpha lie within the
    tolerance. For display; the bounds decide.

    Source: Schuirmann (1987).

    Raises:
        MeasurementError: limits that are not 0 < low < high < 1, fewer than six pairs.
    """
    if not 0 < low < high < 1:
        raise MeasurementError(write_message("tolerance-out-of-order", low=low, high=high))
    validate_pair_count(differences.pairs)
    rates = _WinRates.of(differences)
    return Equivalence(p_below=rates.find_end(worst=0).find_tail(low), p_above=rates.find_end(worst=1).find_tail(high))


@dataclass(frozen=True)
class _End:
    """One bound in the making: a mean moved to its worst side, its standard error, degrees of freedom, direction."""

    centre: float
    error: float
    freedom: int
    direction: int

    def find_value(self, tail: float) -> float:
        """Return the end that is wrong with probability `tail`: Student's t on the logit scale."""
        from scipy.special import expit, logit

        if not 0 < self.centre < 1:
            return self.centre
        reach = find_reach(tail, self.freedom) * self.error / (self.centre * (1 - self.centre))
        return float(expit(logit(self.centre) + self.direction * reach))

    def find_tail(self, limit: float) -> float:
        """Return the `tail` for which the end lies on `limit`, 0 < limit < 1."""
        from scipy.special import logit, stdtr

        if not 0 < self.centre < 1:
            return float(self.direction * (self.centre - limit) > 0)
        distance = self.direction * (logit(limit) - logit(self.centre)) * self.centre * (1 - self.centre)
        return float(stdtr(self.freedom, -distance / self.error))


@dataclass(frozen=True, eq=False)
class _WinRates:
    """Per pair (P,) the share of records with D > 0, and of ties."""

    wins: Floats
    ties: Floats
    records: int

    @classmethod
    def of(cls, differences: PairedDifferences) -> "_WinRates":
        values = differences.values
        return cls((values > 0).mean(axis=0), (values == 0).mean(axis=0), differences.records)

    @property
    def middle(self) -> Floats:
        """W_p, ties counting half."""
        return self.wins + self.ties / 2

    def find_end(self, worst: int) -> _End:
        """Return the upper (`worst` = 1) or lower (0) end: ties and one further record on that side in every pair."""
        rates = (self.records * (self.wins + worst * self.ties) + worst) / (self.records + 1)
        if np.ptp(rates) < _NO_SPREAD:
            rates = np.append(rates, float(worst))
        error = float(rates.std(ddof=1) / np.sqrt(len(rates)))
        return _End(float(rates.mean()), error, len(rates) - 1, 1 if worst else -1)

    def estimate(self, confidence: float) -> Estimate:
        value, pairs = float(self.middle.mean()), len(self.wins)
        error = float(self.middle.std(ddof=1) / np.sqrt(pairs))
        low, high = (self.find_end(worst=side).find_value(1 - confidence) for side in (0, 1))
        tail = (1 - confidence) / 2
        method = write_message("student-over-reference-pairs", pairs=pairs)
        worst = write_message("student-over-reference-pairs-worst-case", pairs=pairs)
        if error > _NO_SPREAD:
            reach = find_reach(tail, pairs - 1) * error
            ends = max(0.0, value - reach), min(1.0, value + reach)
        else:
            method = worst
            ends = self.find_end(worst=0).find_value(tail), self.find_end(worst=1).find_value(tail)
        return Estimate(
            value=value,
            unit=Unit.PROPORTION,
            n=self.records,
            interval=Interval(low=ends[0], high=ends[1], confidence=confidence, method=method, sides="two"),
            bounds=Interval(
                low=min(low, value), high=max(high, value), confidence=confidence, method=worst, sides="one"
            ),
            standard_error=error if error > _NO_SPREAD else None,
            sizes=(self.records,),
        )


def _estimate_mean(by_pair: Floats, records: int, confidence: float) -> Estimate:
    """Return the mean over pairs with Student's interval and bounds; neither where all pairs agree exactly."""
    value, pairs = float(by_pair.mean()), len(by_pair)
    error = float(by_pair.std(ddof=1) / np.sqrt(pairs))
    if np.ptp(by_pair) < _NO_SPREAD:
        return Estimate(value=value, unit=Unit.SCORE, n=records, sizes=(records,))
    method = write_message("student-over-reference-pairs", pairs=pairs)

    def surround(tail: float, sides: Literal["one", "two"]) -> Interval:
        reach = find_reach(tail, pairs - 1) * error
        return Interval(low=value - reach, high=value + reach, confidence=confidence, method=method, sides=sides)

    return Estimate(
        value=value,
        unit=Unit.SCORE,
        n=records,
        interval=surround((1 - confidence) / 2, "two"),
        bounds=surround(1 - confidence, "one"),
        standard_error=error,
        sizes=(records,),
    )
