"""Records counted by cell and stratum, in units that are drawn together; numbers that are linear in these counts."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.errors import MeasurementError
from unlearn_audit.records import write_message
from unlearn_audit.stats.validation import validate_equal_lengths

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
Clusters = NDArray[np.str_] | NDArray[np.int64]


@dataclass(frozen=True)
class Functional:
    """sum over strata of weight * (mean of `values` over the stratum's records).

    Attributes:
        values: k numbers, what one record in each cell counts for.
        strata: k indices, the stratum of each cell.
        weights: one positive weight per stratum.
        groups: k indices of the population that the records of each cell come from (0 positives, 1 negatives); the
            strata where none are given. Says whose number would have to grow, and nothing about the value.
    """

    values: tuple[float, ...]
    strata: tuple[int, ...]
    weights: tuple[float, ...] = (1.0,)
    groups: tuple[int, ...] | None = None

    def evaluate(self, totals: Floats) -> Floats:
        """Return (r,) the number for each row of `totals` (r, k), records or weights per cell.

        Raises:
            MeasurementError: a stratum has no records in some row.
        """
        values, strata = np.array(self.values), np.array(self.strata)
        result = np.zeros(len(totals))
        for stratum, weight in enumerate(self.weights):
            inside = strata == stratum
            size = totals[:, inside].sum(axis=1)
            if (size <= 0).any():
                raise MeasurementError(
                    write_message("resample-lacks-a-class"),
                    hint="too few clusters hold the rarer class; more of them are needed for an interval",
                )
            result += weight * (totals[:, inside] @ values[inside]) / size
        return result

    def find_effects(self, totals: Counts) -> Floats:
        """Return (k,) how far one record of each cell moves the number: its first-order share in the deviation."""
        values, strata = np.array(self.values), np.array(self.strata)
        effects = np.zeros(len(values))
        for stratum, weight in enumerate(self.weights):
            inside = strata == stratum
            size = totals[inside].sum()
            effects[inside] = weight * (values[inside] - totals[inside] @ values[inside] / size) / size
        return effects

    def mirror(self) -> "Functional":
        """Return the number with the opposite sign."""
        return replace(self, values=tuple(-value for value in self.values))

    def pick_extreme(self, stratum: int, *, worst: bool) -> int:
        """Return the cell of `stratum` with the largest (`worst`) or smallest value."""
        inside = [cell for cell, own in enumerate(self.strata) if own == stratum]
        return (max if worst else min)(inside, key=lambda cell: self.values[cell])

    def count_groups(self, totals: Counts) -> tuple[int, ...]:
        """Return the records of each group."""
        return tuple(int(size) for size in np.bincount(self.groups or self.strata, weights=totals))


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


@dataclass(frozen=True, eq=False)
class StratifiedCounts:
    """All records, counted by cell: independent blocks, and what their units are called."""

    blocks: tuple[Block, ...]
    unit: str

    @property
    def totals(self) -> Counts:
        """(k,) records per cell."""
        return np.asarray(sum(block.totals for block in self.blocks), dtype=np.int64)

    def project(self, functional: Functional, stratum: int) -> Floats:
        """Return (g, 3) by kind of unit: the sum of the stratum's values, its records there, and how many such units.

        Units that look alike in this stratum are one kind; units without a record in it are none.
        """
        inside = np.array(functional.strata) == stratum
        values = np.where(inside, functional.values, 0.0)
        rows = [np.column_stack([b.patterns @ values, b.patterns @ inside, b.repeats]) for b in self.blocks]
        every = np.concatenate(rows)
        return merge_kinds(every[every[:, 1] > 0])

    def find_extra_size(self, stratum: int, strata: tuple[int, ...]) -> float:
        """Return how many records of `stratum` the one unit more holds.

        Half way between the unit that the *average record* is in and the largest unit: where sizes differ, the large
        clusters carry the number. An average-sized unit covers as little as 0.71 of 0.95 where records of one cluster
        err together, that of the average record 0.89 where large clusters err more often. For units of one size, and
        for records, all three are the same.
        """
        inside = np.array(strata) == stratum
        sizes, repeats = (
            np.concatenate(each)
            for each in zip(*((b.patterns[:, inside].sum(axis=1), b.repeats) for b in self.blocks), strict=True)
        )
        return find_extra_size(sizes, repeats)


def find_extra_size(sizes: Counts, repeats: Counts) -> float:
    """Return the mean of the size of the largest cluster and of the one that the average record is in.

    Args:
        sizes: (g,) records in one cluster of each kind.
        repeats: (g,) clusters of each kind.
    """
    return (float(repeats @ sizes**2 / (repeats @ sizes)) + float(sizes[repeats > 0].max())) / 2


def merge_kinds(rows: Floats) -> Floats:
    """Return `rows` (g, 3) of sum, size and number of units, with those of equal sum and size added up."""
    rows = rows[np.lexsort((rows[:, 1], rows[:, 0]))]
    starts = np.ones(len(rows), dtype=np.bool_)
    starts[1:] = (rows[1:, :2] != rows[:-1, :2]).any(axis=1)
    return np.column_stack([rows[starts, :2], np.bincount(starts.cumsum() - 1, weights=rows[:, 2])])


def stratify_records(counts: tuple[int, ...], strata: tuple[int, ...]) -> StratifiedCounts:
    """Return independent records, `counts` per cell; strata are drawn apart, their sizes held fixed.

    Raises:
        MeasurementError: a stratum has no records.
    """
    every, identity = np.array(counts, dtype=np.int64), np.eye(len(counts), dtype=np.int64)
    blocks = []
    for stratum in sorted(set(strata)):
        inside = np.array(strata) == stratum
        if not every[inside].sum():
            raise MeasurementError(
                write_message("class-without-records"),
                hint="a rate among positives needs positives, one among negatives negatives",
            )
        blocks.append(Block(identity[inside], every[inside]))
    return StratifiedCounts(tuple(blocks), "record")


def stratify_clusters(cells: Counts, size: int, clusters: Clusters) -> StratifiedCounts:
    """Return clustered records, counted by cell and cluster.

    Args:
        cells: (n,) cell of each record, 0 <= cell < size.
        size: number of cells.
        clusters: (n,) cluster of each record; records of different clusters are independent.

    Raises:
        MeasurementError: lengths differ, or there are fewer than two clusters.
    """
    validate_equal_lengths(records=cells, clusters=clusters)
    names, index = np.unique(clusters, return_inverse=True)
    if len(names) < 2:  # noqa: PLR2004 - one cluster says nothing about the spread between clusters
        raise MeasurementError(
            write_message("too-few-clusters", found=len(names)),
            hint="an unknown cluster is not a shared one: give such records names of their own",
        )
    return stratify_table(np.bincount(index * size + cells, minlength=len(names) * size).reshape(len(names), size))


def stratify_table(table: Counts) -> StratifiedCounts:
    """Return clusters whose (clusters, k) records per cell are given."""
    patterns, repeats = np.unique(table, axis=0, return_counts=True)
    return StratifiedCounts((Block(patterns.astype(np.int64), repeats.astype(np.int64)),), "cluster")
