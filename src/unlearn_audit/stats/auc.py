"""Area under the ROC curve: how often a member scores above a non-member, ties counted half.

The same number serves a classifier (positives above negatives) and a membership attack (members above non-members);
`members` below are the group that should score HIGHER.

DeLong's variance is zero when the groups are perfectly separated and far too small nearby, so a plain DeLong interval
is not allowed to decide. The deciding bound adds one worst-case record to one group or the other, whichever hurts
more: its coverage stayed at or above nominal (within simulation error) on normal, unequal, tied and contaminated
scores from 20 per group upwards, where one end of the plain interval fell to 0.34.
"""

import numpy as np

from unlearn_audit.errors import MeasurementError
from unlearn_audit.records import Estimate, Interval, Unit, write_message
from unlearn_audit.stats.cells import Clusters
from unlearn_audit.stats.groups import Groups, Scores
from unlearn_audit.stats.multiplicity import share_error
from unlearn_audit.stats.validation import validate_confidence, validate_finite


def compute_midranks(values: Scores) -> Scores:
    """Return (n,) ranks from 1 to n, tied values sharing the mean of theirs.

    >>> compute_midranks(np.array([3.0, 1.0, 3.0])).tolist()
    [2.5, 1.0, 2.5]
    """
    _, index, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[index], dtype=np.float64)


def compute_auc(members: Scores, nonmembers: Scores) -> float:
    """Return P(member > non-member) + P(equal) / 2, in [0, 1]; 0.5 where the scores tell nothing.

    Source: Mann & Whitney (1947); Hanley & McNeil (1982).

    >>> compute_auc(np.array([2.0, 3.0]), np.array([1.0, 2.0]))
    0.875

    Raises:
        MeasurementError: a group is empty or holds NaN or infinity.
    """
    validate_finite(members=members, nonmembers=nonmembers)
    return float(place(members, nonmembers)[0].mean())


def place(members: Scores, nonmembers: Scores) -> tuple[Scores, Scores]:
    """Return each member's share of non-members below it, and each non-member's share of members above it."""
    m, n = len(members), len(nonmembers)
    pooled = compute_midranks(np.concatenate([members, nonmembers]))
    below = (pooled[:m] - compute_midranks(members)) / n
    above = 1 - (pooled[m:] - compute_midranks(nonmembers)) / m
    return below, above


def compute_delong_variance(
    members: Scores, nonmembers: Scores, *, clusters: tuple[Clusters, Clusters] | None = None
) -> float:
    """Return DeLong's variance of the AUC; with clusters, Obuchowski's, which counts each cluster once.

    Zero where the groups do not overlap, which does not mean that the AUC is known.

    Source: DeLong, DeLong & Clarke-Pearson (1988); Obuchowski (1997).

    Raises:
        MeasurementError: fewer than two independent records in a group, NaN or infinity.
    """
    validate_finite(members=members, nonmembers=nonmembers)
    groups = Groups.of(len(members), len(nonmembers), clusters)
    return groups.compute_variance(*place(members, nonmembers))


def estimate_auc(
    members: Scores,
    nonmembers: Scores,
    *,
    confidence: float,
    clusters: tuple[Clusters, Clusters] | None = None,
    attacks: int = 1,
) -> Estimate:
    """Estimate the AUC: DeLong interval on the logit scale for the eye, worst-case bounds for the decision.

    Args:
        members: (m,) scores of the group that should score HIGHER.
        nonmembers: (n,) scores of the other.
        confidence: of the interval and of each bound, in [0.5, 1).
        clusters: (m,) and (n,) cluster of each record, where records are not independent; a name that stands in both
            is one cluster.
        attacks: on one limit, of which this is one: `corrected` are then the bounds at each one's share of the error.

    Returns:
        The AUC; an AUC below 0.5 is as much of a signal as one above. With DeLong's variance at zero the interval is
        the worst-case one too, and its method says so.

    Source: DeLong et al. (1988); the logit scale after Pepe (2003), section 5.2.

    Raises:
        MeasurementError: all scores are equal, a group has fewer than two independent records, NaN or infinity.
    """
    validate_confidence(confidence)
    validate_finite(members=members, nonmembers=nonmembers)
    _require_spread(members, nonmembers)
    groups = Groups.of(len(members), len(nonmembers), clusters)
    below, above = place(members, nonmembers)
    value, variance = float(below.mean()), groups.compute_variance(below, above)
    tail = (1 - confidence) / 2
    plain = variance > 0 and 0 < value < 1
    ends = _step(value, variance, find_reach(tail)) if plain else _find_worst_ends(below, above, groups, tail)
    low, high = _find_worst_ends(below, above, groups, 1 - confidence)
    worst = write_message("delong-logit-worst-case", unit="record" if clusters is None else "cluster")
    return Estimate(
        value=value,
        unit=Unit.AUC,
        n=len(members) + len(nonmembers),
        interval=Interval(
            low=ends[0],
            high=ends[1],
            confidence=confidence,
            method=write_message("delong-logit" if clusters is None else "delong-logit-clustered") if plain else worst,
            sides="two",
        ),
        bounds=Interval(low=low, high=high, confidence=confidence, method=worst, sides="one"),
        corrected=share_error(
            lambda tail: _find_worst_ends(below, above, groups, tail), confidence, attacks, method=worst
        ),
        **groups.describe(below, above, clustered=clusters is not None),
    )


def _require_spread(members: Scores, nonmembers: Scores) -> None:
    if members.min() == members.max() == nonmembers.min() == nonmembers.max():
        raise MeasurementError(
            write_message("constant-scores-at", found=members[0]),
            hint="a model that answers the same for every image hides who was in its training set, and finds nothing",
        )


def find_reach(tail: float, freedom: float = np.inf) -> float:
    """Return how many standard errors leave `tail` beyond them: normal, or Student's with `freedom` degrees."""
    from scipy.special import ndtri, stdtrit

    return -float(ndtri(tail) if np.isinf(freedom) else stdtrit(freedom, tail))


def _step(value: float, variance: float, errors: float) -> tuple[float, float]:
    """Return the ends `errors` standard errors around `value` on the logit scale."""
    from scipy.special import expit, logit

    slope = value * (1 - value)
    reach = errors * np.sqrt(variance) / slope
    return float(expit(logit(value) - reach)), float(expit(logit(value) + reach))


def extend(below: Scores, above: Scores, ours: int, theirs: int, *, favourable: bool) -> tuple[Scores, Scores]:
    """Return the placements after adding members (`ours`) or non-members (`theirs`) beyond either end of the scores.

    A favourable record raises the AUC: a member above all others, or a non-member below them.
    """
    m, n = len(below), len(above)
    gain = 1.0 if favourable else 0.0
    return (
        np.append((below * n + gain * theirs) / (n + theirs), np.full(ours, gain)),
        np.append((above * m + gain * ours) / (m + ours), np.full(theirs, gain)),
    )


def _find_worst_ends(below: Scores, above: Scores, groups: Groups, tail: float) -> tuple[float, float]:
    """Return the lower and the upper end, each after adding the record that moves it furthest out.

    Both ends are kept outside the observed value, which at a wide tail they need not be by themselves.
    """
    lows, highs = [float(below.mean())], [float(below.mean())]
    for ours, theirs in groups.size_extra():
        wider = groups.with_extra(ours, theirs)
        for favourable, end, ends in ((False, 0, lows), (True, 1, highs)):
            extended = extend(below, above, ours, theirs, favourable=favourable)
            value = float(extended[0].mean())
            if 0 < value < 1:
                variance, freedom = wider.compute_spread(*extended)
                ends.append(_step(value, variance, find_reach(tail, freedom))[end])
    return min(lows), max(highs)
