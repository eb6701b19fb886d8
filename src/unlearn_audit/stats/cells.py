"""Numbers that are linear in shares of cells: one engine for risk, rates, and their paired changes, clustered or not.

Each record falls into one of k cells (missed, false alarm, right; or newly missed, newly caught, ...). A number is a
`Functional`: each cell's value averaged within a layer, the layers' averages added with weights. One layer gives a
plain mean over all records; two layers (positives, negatives) give balanced accuracy or a prevalence-weighted risk.

Drawing cell counts from a multinomial *is* the bootstrap over records (Efron 1979), at a cost that does not grow with
their number. Where records come in clusters (images of one lesion), whole clusters are drawn.

The bounds are those of Gaffke (2005) and Learned-Miller & Thomas (2020, arXiv 1905.06208): one more unit is added, in
the worst cell, and the shares are Dirichlet with the counts as parameters. With two cells this is exactly the one-sided
Clopper-Pearson bound; with more, guaranteed coverage is a conjecture, which the coverage tests here probe
where it is hardest. For several independent layers the draws are melded (Fay, Proschan & Brittain 2015). When few
records were missed, the percentile bootstrap collapses and a nominal 0.95 Jeffreys bound covers as little as 0.89:
neither may decide.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.errors import MeasurementError
from unlearn_audit.records import Estimate, Interval, Unit
from unlearn_audit.stats.refusals import require_confidence, require_equal_lengths, require_resamples

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
Clusters = NDArray[np.str_] | NDArray[np.int64]


@dataclass(frozen=True)
class Functional:
    """sum over layers of weight * (mean of `values` over the layer's records).

    Attributes:
        values: k numbers, what one record in each cell counts for.
        layers: k indices, the layer of each cell.
        weights: one positive weight per layer.
    """

    values: tuple[float, ...]
    layers: tuple[int, ...]
    weights: tuple[float, ...] = (1.0,)

    def evaluate(self, totals: NDArray[np.float64]) -> Floats:
        """Return (r,) the number for each row of `totals` (r, k), records or weights per cell.

        Raises:
            MeasurementError: a layer has no records in some row.
        """
        values, layers = np.array(self.values), np.array(self.layers)
        result = np.zeros(len(totals))
        for layer, weight in enumerate(self.weights):
            inside = layers == layer
            size = totals[:, inside].sum(axis=1)
            if (size <= 0).any():
                raise MeasurementError(
                    "expected positives and negatives in every resample, found one without",
                    hint="too few clusters hold the rarer class; more of them are needed for an interval",
                )
            result += weight * (totals[:, inside] @ values[inside]) / size
        return result

    def pick_extreme(self, layer: int, *, worst: bool) -> int:
        """Return the cell of `layer` with the largest (`worst`) or smallest value."""
        inside = [cell for cell, own in enumerate(self.layers) if own == layer]
        return (max if worst else min)(inside, key=lambda cell: self.values[cell])


@dataclass(frozen=True, eq=False)
class Block:
    """Units that are drawn together: records, or clusters of records.

    Attributes:
        patterns: (g, k) records per cell in one unit of each kind; rows of the identity where units are records.
        repeats: (g,) units of each kind.
    """

    patterns: Counts
    repeats: Counts

    @property
    def totals(self) -> Counts:
        """(k,) records per cell."""
        return self.repeats @ self.patterns

    def draw_bootstrap(self, resamples: int, rng: np.random.Generator) -> Floats:
        """Return (resamples, k) records per cell when as many units as there are are drawn with replacement."""
        units = int(self.repeats.sum())
        drawn = rng.multinomial(units, self.repeats / units, size=resamples)
        return np.asarray(drawn @ self.patterns, dtype=np.float64)

    def draw_weights(self, resamples: int, rng: np.random.Generator) -> Floats:
        """Return (resamples, k) weight per cell under Dirichlet(repeats), up to a factor common to each row."""
        return np.asarray(rng.standard_gamma(self.repeats, size=(resamples, len(self.repeats))) @ self.patterns)

    def make_extreme_unit(self, functional: Functional, *, worst: bool) -> Floats:
        """Return (k,) the one unit more: as large as the average one, every record in its layer's extreme cell."""
        mean = self.totals / self.repeats.sum()
        unit = np.zeros(len(mean))
        for layer in range(len(functional.weights)):
            inside = np.array(functional.layers) == layer
            unit[functional.pick_extreme(layer, worst=worst)] = mean[inside].sum()
        return unit


@dataclass(frozen=True, eq=False)
class Tally:
    """All records, counted by cell: independent blocks, and what their units are called."""

    blocks: tuple[Block, ...]
    unit: str

    @property
    def totals(self) -> Counts:
        """(k,) records per cell."""
        return np.asarray(sum(block.totals for block in self.blocks), dtype=np.int64)


def tally_records(counts: tuple[int, ...], layers: tuple[int, ...]) -> Tally:
    """Return the tally of independent records, `counts` per cell; layers are drawn apart, their sizes held fixed.

    Raises:
        MeasurementError: a layer has no records.
    """
    every, identity = np.array(counts, dtype=np.int64), np.eye(len(counts), dtype=np.int64)
    blocks = []
    for layer in sorted(set(layers)):
        inside = np.array(layers) == layer
        if not every[inside].sum():
            raise MeasurementError(
                "expected records of every class that the number averages over, found a class without any",
                hint="a rate among positives needs positives, one among negatives negatives",
            )
        blocks.append(Block(identity[inside], every[inside]))
    return Tally(tuple(blocks), "record")


def tally_clusters(cells: Counts, size: int, clusters: Clusters) -> Tally:
    """Return the tally of clustered records.

    Args:
        cells: (n,) cell of each record, 0 <= cell < size.
        size: number of cells.
        clusters: (n,) cluster of each record; records of different clusters are independent.

    Raises:
        MeasurementError: lengths differ, or there are fewer than two clusters.
    """
    require_equal_lengths(records=cells, clusters=clusters)
    names, index = np.unique(clusters, return_inverse=True)
    if len(names) < 2:  # noqa: PLR2004 - one cluster says nothing about the spread between clusters
        raise MeasurementError(
            f"expected records of at least two clusters, found {len(names)}",
            hint="an unknown cluster is not a shared one: give such records names of their own",
        )
    table = np.bincount(index * size + cells, minlength=len(names) * size).reshape(len(names), size)
    patterns, repeats = np.unique(table, axis=0, return_counts=True)
    return Tally((Block(patterns.astype(np.int64), repeats.astype(np.int64)),), "cluster")


def estimate_functional(
    tally: Tally,
    functional: Functional,
    unit: Unit,
    *,
    confidence: float,
    resamples: int,
    rng: np.random.Generator,
    events: int | None = None,
) -> Estimate:
    """Estimate `functional` on `tally`: percentile bootstrap for the eye, worst-case bounds for the decision.

    Valid when: the units (records, or clusters) are drawn independently from the population that is spoken about, and
    the model and its threshold were fixed before they were looked at. Each end of `bounds` lies on the wrong side of
    the truth with a probability of at most 1 - confidence.

    Raises:
        MeasurementError: confidence, resamples or records do not define it.
    """
    return estimate_functionals(
        tally, (functional,), unit, confidence=confidence, resamples=resamples, rng=rng, events=events
    )[0]


def estimate_functionals(
    tally: Tally,
    functionals: tuple[Functional, ...],
    unit: Unit,
    *,
    confidence: float,
    resamples: int,
    rng: np.random.Generator,
    events: int | None = None,
) -> tuple[Estimate, ...]:
    """Estimate several functionals of the same cells on the same draws; each as `estimate_functional` would.

    The ends hold for each functional by itself, not for all of them together.

    Raises:
        MeasurementError: confidence, resamples or records do not define them.
    """
    require_confidence(confidence)
    require_resamples(resamples)
    drawn = np.asarray(sum(block.draw_bootstrap(resamples, rng) for block in tally.blocks))
    weights = [(block.draw_weights(resamples, rng), rng.standard_exponential((resamples, 1))) for block in tally.blocks]
    return tuple(_estimate(tally, each, unit, confidence, events, drawn, weights) for each in functionals)


def _estimate(  # noqa: PLR0917 - one call site
    tally: Tally,
    functional: Functional,
    unit: Unit,
    confidence: float,
    events: int | None,
    drawn: Floats,
    weights: list[tuple[Floats, Floats]],
) -> Estimate:
    totals = tally.totals[None, :].astype(np.float64)
    tail = (1 - confidence) / 2
    low, high = (float(end) for end in np.quantile(functional.evaluate(drawn), [tail, 1 - tail]))
    method = f"percentile bootstrap over {tally.unit}s, {len(drawn)} resamples"
    if low == high:  # no event, or nothing but events: the bootstrap would claim to know the number exactly
        low, high = _find_ends(tally, functional, tail, weights)
        method = f"Dirichlet with one worst-case {tally.unit} added; the bootstrap has no spread"
    return Estimate(
        value=float(functional.evaluate(totals)[0]),
        unit=unit,
        n=int(tally.totals.sum()),
        events=events,
        interval=Interval(
            low=low,
            high=high,
            confidence=confidence,
            method=method,
            sides="two",
        ),
        bounds=_bound(tally, functional, confidence, weights),
    )


def _bound(tally: Tally, functional: Functional, confidence: float, weights: list[tuple[Floats, Floats]]) -> Interval:
    low, high = _find_ends(tally, functional, 1 - confidence, weights)
    method = f"Dirichlet with one worst-case {tally.unit} added"
    return Interval(low=low, high=high, confidence=confidence, method=method, sides="one")


def _find_ends(
    tally: Tally, functional: Functional, tail: float, weights: list[tuple[Floats, Floats]]
) -> tuple[float, float]:
    """Return both ends, each wrong with a probability of `tail`."""
    lower = np.zeros_like(weights[0][0])
    upper = np.zeros_like(lower)
    for block, (seen, extra) in zip(tally.blocks, weights, strict=True):
        # the same draws serve both ends, so that the lower bound can never exceed the upper one
        lower += seen + extra * block.make_extreme_unit(functional, worst=False)
        upper += seen + extra * block.make_extreme_unit(functional, worst=True)
    low, high = np.quantile(functional.evaluate(lower), tail), np.quantile(functional.evaluate(upper), 1 - tail)
    return float(low), float(high)
