"""The grid, continued: pairs of reference models that differ in one record, or in all records of one person."""

from collections.abc import Iterator
from itertools import product

import numpy as np
from scipy.special import ndtr, ndtri

from benchmarks.coverage.cases import Case
from benchmarks.coverage.designs import LESIONS, MANY, Counts
from benchmarks.coverage.methods import CONFIDENCE, Ends
from unlearn_audit.stats import PairedDifferences, estimate_paired_recognition

_COMMON = 0.3
"""Standard deviation of what the records of a pair have in common, where each by itself has 1."""
_SIGN_VECTORS = 199
"""For the test beside the bounds, which hang on none of them."""


def list_pair_cases() -> Iterator[Case]:
    """Yield P(IN > OUT) over few pairs and few records, and over persons with several records each."""
    for pairs, records, truth in product((6, 16, 32), (10, 60, 180), (0.5, 0.55, 0.65)):
        label = f"{pairs} pairs, {records} records, P(IN > OUT) = {truth:g}"
        yield Case(
            "paired recognition", label, truth, _bind(pairs, np.ones(records, dtype=np.int64), float(ndtri(truth)))
        )
    for pairs, (name, sizes), left in product((6, 16), {"lesions": LESIONS, "1 to 20": MANY}.items(), (0.0, 0.1)):
        counts = np.resize(sizes, 60)
        truth = float(ndtr(left * np.sqrt(1 + _COMMON**2) / np.sqrt(_find_variance(counts))).mean())
        label = f"{pairs} pairs, 60 persons, {name}, left {left:g}"
        yield Case("paired recognition, clustered", label, truth, _bind(pairs, counts, left))


def _find_variance(counts: Counts) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Of a person's mean difference, half of whose records' own variance is the person's."""
    return np.asarray(_COMMON**2 + 0.5 + 0.5 / counts)


def _bind(pairs: int, counts: Counts, left: float):  # noqa: ANN202
    """Return what draws the differences of persons with so many records, and bounds P(IN > OUT)."""
    own = np.sqrt(_find_variance(counts) - _COMMON**2)[:, None]
    moved = left * np.sqrt(1 + _COMMON**2)

    def bound(rng: np.random.Generator, _: bool) -> Ends:
        values = moved + _COMMON * rng.normal(size=(1, pairs)) + own * rng.normal(size=(len(counts), pairs))
        differences = PairedDifferences(values, rng.random(values.shape) < 0.5)
        found = estimate_paired_recognition(
            differences, confidence=CONFIDENCE, draws=_SIGN_VECTORS, rng=rng
        ).probability
        return {"deciding": (found.bounds.low, found.bounds.high) if found.bounds else None}

    return bound
