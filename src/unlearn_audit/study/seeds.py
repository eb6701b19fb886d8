"""A method over several training runs: the noise of seeds and the noise of patients, kept apart.

Not for an audit. An audit speaks of *one* model, whose seed is what it is: its intervals come from the test records
alone (`cells`, `auc`), and more seeds would not make that model any better known. A study of an unlearning *method*
asks what the next training run would do to the next patients, and must count both.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.errors import MeasurementError
from unlearn_audit.records import Estimate, Interval, Unit, write_message
from unlearn_audit.stats.auc import find_reach
from unlearn_audit.stats.stratified_counts import Clusters, Floats
from unlearn_audit.stats.validation import validate_confidence, validate_finite, validate_resamples

_CHUNK = 2**22


@dataclass(frozen=True)
class SeedStudy:
    """The mean over runs and records, and how much of its uncertainty each source brings by itself.

    Attributes:
        estimate: mean, with a two-sided interval over both sources; without bounds, so that no check can rest on it.
        seed_error: standard error from the choice of seeds alone, the records held as they are.
        record_error: standard error from the records (or clusters) alone, the seeds held as they are.
    """

    estimate: Estimate
    seed_error: float
    record_error: float


def estimate_over_seeds(
    values: NDArray[np.float64],
    unit: Unit,
    *,
    confidence: float,
    resamples: int,
    rng: np.random.Generator,
    clusters: Clusters | None = None,
) -> SeedStudy:
    """Estimate the mean of `values` over training runs and test records by resampling both.

    Seeds and clusters are drawn independently with replacement, and a run's value on a record counts as often as its
    seed was drawn times its cluster was. The spread of the drawn means is never too small for either source (it counts
    their interaction more than once); the ends are Student's, with Satterthwaite's degrees of freedom, because three
    to ten seeds are usual and a percentile interval over so few is far too short.

    Args:
        values: (s, n) what each of s runs does on each of n records, such as its change of cost or whether it missed.
        unit: what the mean counts.
        confidence: of the interval, in [0.5, 1).
        resamples: draws.
        rng: where they come from.
        clusters: (n,) cluster of each record, where records are not independent.

    Returns:
        The study. It speaks of the method, as trained with these recipes on this training set, and of no single model.

    Source: Owen (2007), "The pigeonhole bootstrap"; Satterthwaite (1946).

    Raises:
        MeasurementError: fewer than three seeds or two clusters, values that are no (s, n) finite numbers.
    """
    validate_confidence(confidence)
    validate_resamples(resamples)
    sums, sizes = _sum_clusters(values, clusters)
    value = float(sums.sum() / (len(sums) * sizes.sum()))
    seeds, units = sums.sum(axis=1) / sizes.sum(), (sums.mean(axis=0) - value * sizes) / sizes.sum()
    seed_error = float(seeds.std(ddof=1) / np.sqrt(len(seeds)))
    record_error = float(np.sqrt((units**2).sum() * len(units) / (len(units) - 1)))
    spread = _draw_means(sums, sizes, resamples, rng).std()
    reach = spread * find_reach((1 - confidence) / 2, _find_freedom(seed_error, record_error, len(sums), sizes))
    method = write_message(
        "two-way-bootstrap",
        seeds=len(sums),
        unit="record" if clusters is None else "cluster",
        resamples=resamples,
    )
    interval = Interval(low=value - reach, high=value + reach, confidence=confidence, method=method, sides="two")
    estimate = Estimate(
        value=value, unit=unit, n=values.shape[1], interval=interval, standard_error=float(spread) or None
    )
    return SeedStudy(estimate, seed_error, record_error)


def estimate_over_runs(values: NDArray[np.float64], unit: Unit, *, confidence: float) -> Estimate:
    """Estimate the mean of one number per training run, such as an area under a curve, by Student's t over the runs.

    Args:
        values: (s,) the number of each run.
        unit: what it counts.
        confidence: of the interval, in [0.5, 1).

    Returns:
        The mean with a two-sided interval that speaks of further runs on *these* records, not of further patients;
        without bounds, so that no check can rest on it.

    Raises:
        MeasurementError: fewer than three runs, values that are no finite numbers.
    """
    validate_confidence(confidence)
    if values.ndim != 1 or len(values) < 3:  # noqa: PLR2004 - as in estimate_over_seeds
        raise MeasurementError(write_message("too-few-runs", shape=values.shape))
    validate_finite(values=values)
    error = float(values.std(ddof=1) / np.sqrt(len(values)))
    value, reach = float(values.mean()), error * find_reach((1 - confidence) / 2, len(values) - 1)
    method = write_message("student-over-runs", runs=len(values))
    interval = Interval(low=value - reach, high=value + reach, confidence=confidence, method=method, sides="two")
    return Estimate(value=value, unit=unit, n=len(values), interval=interval, standard_error=error or None)


def _sum_clusters(values: NDArray[np.float64], clusters: Clusters | None) -> tuple[Floats, Floats]:
    """Return (s, g) the sum of each run's values by cluster, and (g,) the clusters' sizes."""
    if values.ndim != 2 or values.shape[0] < 3:  # noqa: PLR2004 - the ends over two covered .93 of .95
        raise MeasurementError(
            write_message("too-few-training-runs", shape=values.shape),
            hint="with fewer only those models can be spoken of: use the estimates of an audit",
        )
    validate_finite(values=values.ravel())
    names = np.arange(values.shape[1]) if clusters is None else clusters
    if len(names) != values.shape[1]:
        raise MeasurementError(write_message("clusters-not-per-record", clusters=len(names), records=values.shape[1]))
    found, index = np.unique(names, return_inverse=True)
    if len(found) < 2:  # noqa: PLR2004 - one says nothing about the spread
        raise MeasurementError(write_message("too-few-clusters", found=len(found)))
    sums = np.stack([np.bincount(index, weights=row, minlength=len(found)) for row in values])
    return sums.astype(np.float64), np.bincount(index).astype(np.float64)


def _draw_means(sums: Floats, sizes: Floats, resamples: int, rng: np.random.Generator) -> Floats:
    """Return (resamples,) means; one seed fewer is drawn than there are, which makes their spread unbiased."""
    seeds, units = sums.shape
    step, means = max(1, _CHUNK // units), []
    for start in range(0, resamples, step):
        draws = min(step, resamples - start)
        runs = rng.multinomial(seeds - 1, np.full(seeds, 1 / seeds), size=draws) / (seeds - 1)
        weights = rng.multinomial(units, np.full(units, 1 / units), size=draws)
        means.append(((runs @ sums) * weights).sum(axis=1) / (weights @ sizes))
    return np.concatenate(means)


def _find_freedom(seed_error: float, record_error: float, seeds: int, sizes: Floats) -> float:
    effective = sizes.sum() / float((sizes**2).sum() / sizes.sum())
    inverse = seed_error**4 / (seeds - 1) + record_error**4 / max(effective - 1, 0.5)
    return (seed_error**2 + record_error**2) ** 2 / inverse if inverse > 0 else float("inf")
