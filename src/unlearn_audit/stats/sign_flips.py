"""The randomisation test over pairs: without memory of the records, the sign of a whole pair is a fair coin.

Exact: under the null hypothesis that the two models of a pair are exchangeable, every vector of signs is equally
likely, whatever the distribution of the answers and however records depend on one another.

Source: Fisher (1935), The Design of Experiments, section 21; drawn subsets: Hemerik & Goeman (2018), TEST 27.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from unlearn_audit.errors import MeasurementError
from unlearn_audit.records import write_message
from unlearn_audit.stats.reference_pairs import Floats

MOST_ENUMERATED = 12
"""Pairs up to which all 2^P sign vectors are taken (4,096); beyond it they are drawn."""

SAME = 1e-9
"""Relative difference below which two values of a statistic are one, summed in another order."""


@dataclass(frozen=True)
class RandomisationTest:
    """p-values of one statistic.

    Attributes:
        two_sided: of "no difference", by the absolute value.
        above: of "not above zero": small where IN is the higher one.
        smallest: the two-sided p-value below which none can come out.
        exact: whether all sign vectors were taken; else the p-value is that of a drawn subset, valid all the same.
    """

    two_sided: float
    above: float
    smallest: float
    exact: bool


@dataclass(frozen=True, eq=False)
class SignFlips:
    """(S, P) vectors of signs, the first of which flips nothing: the data as they are."""

    signs: Floats
    exact: bool

    @classmethod
    def of(cls, pairs: int, *, draws: int, rng: np.random.Generator) -> "SignFlips":
        """Return all 2^P vectors for up to twelve pairs, else the identity and `draws` random ones.

        Raises:
            MeasurementError: no pair, or fewer than 99 draws.
        """
        if pairs < 1:
            raise MeasurementError(write_message("no-reference-pair", found=pairs))
        if draws < 99:  # noqa: PLR2004 - below that p = .05 rests on less than five of them
            raise MeasurementError(write_message("too-few-sign-vectors", found=draws))
        if pairs <= MOST_ENUMERATED:
            bits = np.arange(2**pairs)[:, None] >> np.arange(pairs) & 1
            return cls(np.where(bits == 0, 1.0, -1.0), exact=True)
        return cls.draw(pairs, draws, rng)

    @classmethod
    def draw(cls, pairs: int, draws: int, rng: np.random.Generator) -> "SignFlips":
        """Return the identity and `draws` random vectors, however few pairs there are."""
        drawn = rng.choice(np.array([-1.0, 1.0]), size=(draws, pairs))
        return cls(np.concatenate([np.ones((1, pairs)), drawn]), exact=False)

    @cached_property
    def smallest(self) -> float:
        """The smallest two-sided p-value: flipping every pair leaves an absolute value as it is."""
        return (2 if self.exact else 1) / len(self.signs)

    def test_mean(self, by_pair: Floats) -> RandomisationTest:
        """Return the test of "the mean over pairs is zero" for `by_pair` (P,), one number of each pair.

        A p-value is the share of sign vectors whose mean is at least as far out; the identity is one of them, so that
        it is never zero: (1 + count) / (1 + draws).

        >>> flips = SignFlips.of(6, draws=99, rng=np.random.default_rng(0))
        >>> flips.test_mean(np.ones(6)).two_sided
        0.03125
        """
        sums = self.signs @ by_pair
        slack = SAME * float(np.abs(by_pair).sum())
        observed = float(by_pair.sum())
        return RandomisationTest(
            two_sided=float((np.abs(sums) >= abs(observed) - slack).mean()),
            above=float((sums >= observed - slack).mean()),
            smallest=self.smallest,
            exact=self.exact,
        )
