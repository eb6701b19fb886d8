"""Bounds on the true-positive rate at a false-positive rate, where the threshold is estimated as well.

Let t be the lowest threshold above which at most a share `fpr` of all non-members score, and TPR the share of members
that score above it. With half of the error t is confined from one side by a bound on the non-members' share, with the
other half the members' share beyond that is bounded (Bonferroni, whatever ties the two together):

- surely more than `fpr` of the non-members score c or above: t >= c, and TPR is at most the members' share from c on;
- surely at most `fpr` score above c: t <= c, and TPR is at least the members' share above c.
"""

from collections.abc import Callable

import numpy as np

from unlearn_audit.stats.binomial import compute_clopper_pearson
from unlearn_audit.stats.cells import Clusters
from unlearn_audit.stats.confusion import Mask
from unlearn_audit.stats.groups import Scores
from unlearn_audit.stats.stratified_counts import Functional, StratifiedCounts, stratify_clusters
from unlearn_audit.stats.worst_case import find_upper_ends

Ends = tuple[float, float]
_RATE = Functional(values=(0.0, 1.0), strata=(0, 0))


def bound_share_from_below(happened: Mask, tail: float, clusters: Clusters | None) -> float:
    """Return the lower end of the share of records for which something happened: exact, or worst-case over clusters."""
    if clusters is None:
        return compute_clopper_pearson(int(happened.sum()), len(happened), tail)[0]
    return -find_upper_ends(_stratify(happened, clusters), (_RATE.mirror(),), tail)[0]


def bound_share_from_above(happened: Mask, tail: float, clusters: Clusters | None) -> float:
    """Return the upper end of that share."""
    if clusters is None:
        return compute_clopper_pearson(int(happened.sum()), len(happened), tail)[1]
    return find_upper_ends(_stratify(happened, clusters), (_RATE,), tail)[0]


def _stratify(happened: Mask, clusters: Clusters) -> StratifiedCounts:
    return stratify_clusters(happened.astype(np.int64), 2, clusters)


def bound_tpr(
    members: Scores,
    nonmembers: Scores,
    fpr: float,
    tail: float,
    clusters: tuple[Clusters, Clusters] | None = None,
) -> Ends:
    """Return both ends of the TPR at `fpr`, each wrong with a probability of at most `tail`.

    Args:
        members: (m,) scores of the group that should score HIGHER.
        nonmembers: (n,) scores of the other.
        fpr: tolerated share of false positives, in (0, 1).
        tail: error of each end.
        clusters: (m,) and (n,) cluster of each record, where records are not independent.

    Raises:
        MeasurementError: a group of fewer than two clusters.
    """
    ours, theirs = clusters or (None, None)
    falling = np.unique(nonmembers)[::-1]
    more = _find_first(lambda c: bound_share_from_below(nonmembers >= falling[c], tail / 2, theirs) > fpr, len(falling))
    less = _find_first(lambda c: bound_share_from_above(nonmembers > falling[c], tail / 2, theirs) > fpr, len(falling))
    upper = 1.0 if more == len(falling) else bound_share_from_above(members >= falling[more], tail / 2, ours)
    lower = 0.0 if less == 0 else bound_share_from_below(members > falling[less - 1], tail / 2, ours)
    return lower, upper


def _find_first(holds: Callable[[int], bool], count: int) -> int:
    """Return the first index at which `holds` does, `count` where it never does; it holds from there on."""
    low, high = 0, count
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low
