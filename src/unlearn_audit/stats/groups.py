"""Two groups of scored records: which of them share a cluster, and the precision of their AUC."""

from dataclasses import dataclass
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.errors import MeasurementError
from unlearn_audit.records import write_message
from unlearn_audit.stats.cells import Clusters
from unlearn_audit.stats.stratified_counts import find_extra_size
from unlearn_audit.stats.validation import validate_equal_lengths

Scores = NDArray[np.float64]
Numbers = NDArray[np.int64]


class Description(TypedDict):
    """What an `Estimate` says beside its ends."""

    standard_error: float | None
    design_effect: float | None
    sizes: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Groups:
    """Who is a member and who shares a cluster with whom: (m,) and (n,) cluster numbers, members first."""

    member_clusters: Numbers
    nonmember_clusters: Numbers

    @classmethod
    def of(cls, m: int, n: int, clusters: tuple[Clusters, Clusters] | None) -> "Groups":
        """Number the clusters; where there are none each record is one of its own."""
        if clusters is None:
            return cls(np.arange(m), np.arange(m, m + n))
        for name, size, column in zip(("members", "nonmembers"), (m, n), clusters, strict=True):
            validate_equal_lengths(**{name: np.empty(size), f"clusters of {name}": column})
        _, index = np.unique(np.concatenate(clusters), return_inverse=True)
        return cls(index[:m].astype(np.int64), index[m:].astype(np.int64))

    def compute_variance(self, below: Scores, above: Scores) -> float:
        """Return the variance of mean(below), robust to clusters; DeLong's own where every cluster is one record."""
        return self.compute_spread(below, above)[0]

    def compute_spread(self, below: Scores, above: Scores) -> tuple[float, float]:
        """Return the variance of mean(below) and the degrees of freedom that it is known with.

        Each group's share of the variance rests on as many units as it has records per record of the average record's
        cluster: one cluster of twenty among singles is hardly more than one unit. Infinite freedom where nothing
        varies.

        Source: Obuchowski (1997); Satterthwaite (1946), as in Welch's test; effective numbers after Kish (1965).

        Raises:
            MeasurementError: fewer than two independent records in a group.
        """
        ours, own, our_freedom = _sum_effects(below, self.member_clusters)
        theirs, their_own, their_freedom = _sum_effects(above, self.nonmember_clusters)
        sums = np.zeros(max(len(ours), len(theirs)))
        sums[: len(ours)] += ours
        sums[: len(theirs)] += theirs
        inverse = own**2 / our_freedom + their_own**2 / their_freedom
        return float(sums @ sums), (own + their_own) ** 2 / inverse if inverse > 0 else float("inf")

    def describe(self, below: Scores, above: Scores, *, clustered: bool) -> Description:
        """Return standard error, design effect and sizes as an `Estimate` carries them; None where nothing varies."""
        variance, effect = self.compute_variance(below, above), None
        if clustered and variance > 0:
            alone = Groups.of(len(below), len(above), None).compute_variance(below, above)
            effect = variance / alone if alone > 0 else None
        return Description(
            standard_error=float(np.sqrt(variance)) if variance > 0 else None,
            design_effect=effect,
            sizes=(len(below), len(above)),
        )

    def with_extra(self, to_members: int, to_nonmembers: int) -> "Groups":
        """Return the groups with so many records more, which together are one new cluster."""
        new = int(max(self.member_clusters.max(), self.nonmember_clusters.max())) + 1
        return Groups(
            np.append(self.member_clusters, np.full(to_members, new)),
            np.append(self.nonmember_clusters, np.full(to_nonmembers, new)),
        )

    def size_extra(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Return the two ways to add one worst-case cluster: to the members, to the non-members."""
        ours, theirs = (
            int(np.ceil(_size_extra(clusters) - 1e-9)) for clusters in (self.member_clusters, self.nonmember_clusters)
        )
        return (ours, 0), (0, theirs)


def _sum_effects(placed: Scores, clusters: Numbers) -> tuple[Scores, float, float]:
    """Return how far each cluster moves the mean, the sum of their squares, and the degrees of freedom of that."""
    sizes = np.bincount(clusters).astype(np.float64)
    units = np.count_nonzero(sizes)
    if units < 2:  # noqa: PLR2004 - a variance needs two
        raise MeasurementError(
            write_message("too-few-independent-records-in-groups", found=units),
            hint="an AUC can be computed from fewer, but nothing can be said about how sure it is",
        )
    scale = np.sqrt(units / (units - 1)) / len(placed)
    sums = np.bincount(clusters, weights=(placed - placed.mean()) * scale).astype(np.float64)
    return sums, float(sums @ sums), max(len(placed) ** 2 / float(sizes @ sizes) - 1, 0.5)


def _size_extra(clusters: Numbers) -> float:
    sizes = np.bincount(clusters)
    return find_extra_size(sizes, np.ones_like(sizes))
