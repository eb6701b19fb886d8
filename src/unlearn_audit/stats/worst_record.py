"""Worst-record recognition: the test that no single record is still recognised, whatever the average is.

For each record i the reference pairs give D[i, p] (`reference_pairs`). With s2[i] the variance of D[i, .] over the P
pairs, shrunk to what is usual for all records,

    t[i] = mean_p D[i, p] / sqrt(s2[i] / P),        T = max over i of |t[i]|.

The null distribution of T is that under flipped signs of whole pairs (`sign_flips`), which keeps every dependence
between records. The same statistic on persons instead of records: `PairedDifferences.average_by_person` first.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

import numpy as np

from unlearn_audit.errors import MeasurementError
from unlearn_audit.records import write_message
from unlearn_audit.stats.false_discovery import adjust_benjamini_hochberg
from unlearn_audit.stats.reference_pairs import Floats, Masks, PairedDifferences, validate_pair_count
from unlearn_audit.stats.sign_flips import SAME, SignFlips

PRIOR_FREEDOM = 4.0
"""Degrees of freedom of what is usual for all records: as good as four further pairs."""

_CHUNK = 2**21
_NO_VARIANCE = 1e-12
"""Variance by mean square below which it is rounding: such a record says nothing about what is usual."""


@dataclass(frozen=True, eq=False)
class WorstRecord:
    """What the pairs say about the most recognisable record, and which records are recognised.

    Attributes:
        statistic: (c,) t[i]; positive where the model that trained on the record is the more certain one.
        largest: T.
        p: of "no record is recognised", by randomisation.
        critical: the value that T reaches in a share of at most alpha under that hypothesis; None where ties leave
            no such value.
        beyond: (c,) |t[i]| at or above it: the chance of any false one among these is at most alpha.
        record_p: (c,) each record's own randomisation p-value.
        recognised: (c,) listed by Benjamini and Hochberg: on average a share alpha of these is false.
        fewest_listed: how many records must stand out together before any can be listed; above 1 where sign vectors
            are too few for the number of records. A single record is then seen by `beyond` alone.
        smallest_p: below which no p can come out.
        exact: whether all sign vectors were taken.
    """

    statistic: Floats
    largest: float
    p: float
    critical: float | None
    beyond: Masks
    record_p: Floats
    recognised: Masks
    fewest_listed: int
    smallest_p: float
    exact: bool


def find_worst_record(
    differences: PairedDifferences, *, alpha: float, draws: int, rng: np.random.Generator
) -> WorstRecord:
    """Test whether any record is recognised by models that should have forgotten it.

    Args:
        differences: of the audit set, at least six pairs.
        alpha: level of the test and of the list, in (0, 0.5].
        draws: sign vectors for more than twelve pairs; all are taken for fewer.
        rng: where they come from.

    Returns:
        The test. It speaks of the procedure (method, recipe, data) that made the reference models, not of one
        checkpoint. A large p is no proof that nobody is recognised: `estimate_worst_record_power` says what would have
        been seen.

    Source: randomisation test with a maximum statistic, Westfall & Young (1993), with a single step; variances shrunk
        after Smyth (2004), equation 7, with a fixed prior.

    Raises:
        MeasurementError: fewer than six pairs, alpha outside its range or below the smallest p that can come out, no
            record on which pairs differ.
    """
    validate_pair_count(differences.pairs)
    validate_variation(differences.values)
    flips = SignFlips.of(differences.pairs, draws=draws, rng=rng)
    validate_alpha(alpha, flips.smallest)
    observed = next(flip_statistics(differences.values, flips.signs[:1]))[:, 0]
    least = np.abs(observed) * (1 - SAME)
    counts, largest = np.zeros(differences.records), []
    for statistics in flip_statistics(differences.values, flips.signs):
        np.abs(statistics, out=statistics)
        counts += (statistics >= least[:, None]).sum(axis=1)
        largest.append(statistics.max(axis=0))
    maxima = np.concatenate(largest)
    record_p = counts / len(flips.signs)
    critical = _find_critical(maxima, alpha)
    return WorstRecord(
        statistic=observed,
        largest=float(np.abs(observed).max()),
        p=float((maxima >= least.max()).mean()),
        critical=critical,
        beyond=np.abs(observed) >= (np.inf if critical is None else critical * (1 - SAME)),
        record_p=record_p,
        recognised=adjust_benjamini_hochberg(record_p) <= alpha,
        fewest_listed=ceil(differences.records * flips.smallest / alpha - SAME),
        smallest_p=flips.smallest,
        exact=flips.exact,
    )


def _square_mean(values: Floats) -> Floats:
    return np.asarray((values**2).mean(axis=1))


def flip_statistics(values: Floats, signs: Floats) -> Iterator[Floats]:
    """Yield (c, s) t[i] of differences (c, P) under sign vectors (S, P), as many at a time as memory should hold."""
    squares = _square_mean(values)
    step = max(1, _CHUNK // len(values))
    for start in range(0, len(signs), step):
        yield _compute_statistics(values, squares, signs[start : start + step])


def _compute_statistics(values: Floats, squares: Floats, signs: Floats) -> Floats:
    """Return (c, s) t under s sign vectors. The mean square of D, (c,), is the same under all of them.

    s2 = P / (P - 1) * (mean of D^2 - mean^2), shrunk: (4 usual + (P - 1) s2) / (4 + P - 1), where usual is the
    geometric mean of s2 over the records, under the same signs.
    """
    pairs = values.shape[1]
    means = values @ (signs.T / pairs)
    variances = means**2
    np.subtract(squares[:, None], variances, out=variances)
    variances[variances <= _NO_VARIANCE * squares[:, None]] = 0.0
    variances *= pairs / (pairs - 1)
    usual = _average_geometrically(variances)
    variances *= pairs - 1
    variances += PRIOR_FREEDOM * usual
    variances /= (PRIOR_FREEDOM + pairs - 1) * pairs
    np.sqrt(variances, out=variances)
    with np.errstate(divide="ignore", invalid="ignore"):
        means /= variances
    means[np.isnan(means)] = 0.0  # neither mean nor variance: nothing is recognised
    return np.asarray(means)


def _average_geometrically(variances: Floats) -> Floats:
    """Return (s,) the geometric mean of each column over the entries above zero; 0 where there are none."""
    varied = variances > 0
    logs = np.log(variances, out=np.zeros_like(variances), where=varied)
    count = varied.sum(axis=0)
    return np.where(count > 0, np.exp(logs.sum(axis=0) / np.maximum(count, 1)), 0.0)


def _find_critical(maxima: Floats, alpha: float) -> float | None:
    """Return the smallest of the null's values at or above which at most a share alpha of them lies, if there is one.

    Few pairs with tied differences can put more than that on the largest value, or on infinity.
    """
    rising = np.sort(maxima)
    above = len(rising) - np.searchsorted(rising, rising * (1 - SAME), side="left")
    rare = np.flatnonzero(above <= alpha * len(rising) + SAME)
    return float(rising[rare[0]]) if len(rare) and np.isfinite(rising[rare[0]]) else None


def validate_alpha(alpha: float, smallest: float) -> None:
    """Refuse a level that is none, or that no p-value can reach.

    Raises:
        MeasurementError: one of these.
    """
    if not 0 < alpha <= 0.5:  # noqa: PLR2004 - a level
        raise MeasurementError(write_message("level-out-of-range", found=alpha))
    if smallest > alpha:
        raise MeasurementError(
            write_message("level-out-of-reach", level=alpha, smallest=smallest),
            hint="train more reference models, or draw more sign vectors",
        )


def validate_variation(values: Floats) -> None:
    """Refuse differences (c, P) that are the same in all pairs, for every record.

    Raises:
        MeasurementError: they are.
    """
    squares = _square_mean(values)
    if (squares - values.mean(axis=1) ** 2 <= _NO_VARIANCE * squares).all():
        raise MeasurementError(
            write_message("reference-pairs-alike"),
            hint="reference models need seeds and training data of their own; copies of one pair are no further pairs",
        )
