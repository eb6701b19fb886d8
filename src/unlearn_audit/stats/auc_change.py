"""The difference of two AUCs on the same records: whether the second model tells members apart better."""

import numpy as np

from unlearn_audit.errors import MeasurementError
from unlearn_audit.records import Estimate, Interval, Unit, write_message
from unlearn_audit.stats.auc import extend, find_reach, place
from unlearn_audit.stats.cells import Clusters
from unlearn_audit.stats.groups import Groups, Scores
from unlearn_audit.stats.multiplicity import share_error
from unlearn_audit.stats.validation import validate_confidence, validate_equal_lengths, validate_finite

Pair = tuple[Scores, Scores]


def estimate_auc_change(
    before: Pair,
    after: Pair,
    *,
    confidence: float,
    clusters: tuple[Clusters, Clusters] | None = None,
    attacks: int = 1,
) -> Estimate:
    """Estimate AUC(after) - AUC(before), both scored on the same members and the same non-members.

    Args:
        before: (m,) scores of the members and (n,) of the non-members by the first model.
        after: the same records' scores by the second.
        confidence: of the interval and of each bound, in [0.5, 1).
        clusters: (m,) and (n,) cluster of each record, where records are not independent.
        attacks: on one limit, of which this is one: `corrected` are then the bounds at each one's share of the error.

    Returns:
        The difference in [-1, 1]; above zero where the second model separates better. The interval is DeLong's for
        correlated curves; the deciding bounds add one record that the two models see in the most opposite way.

    Source: DeLong, DeLong & Clarke-Pearson (1988), section 3.

    Raises:
        MeasurementError: the records differ in number, a group has fewer than two independent records, or every score
            of a model is the same.
    """
    validate_confidence(confidence)
    validate_same_records(before, after)
    groups = Groups.of(len(before[0]), len(before[1]), clusters)
    placed = place(*before), place(*after)
    value, spread, _ = _compare(*placed, groups)
    tail = (1 - confidence) / 2
    low, high = _find_worst_ends(*placed, groups, 1 - confidence)
    worst = write_message("paired-delong-worst-case", unit="record" if clusters is None else "cluster")
    plain = spread > 0
    ends = _step(value, find_reach(tail) * spread) if plain else _find_worst_ends(*placed, groups, tail)
    return Estimate(
        value=value,
        unit=Unit.AUC,
        n=len(before[0]) + len(before[1]),
        interval=Interval(
            low=ends[0],
            high=ends[1],
            confidence=confidence,
            method=write_message("paired-delong") if plain else worst,
            sides="two",
        ),
        bounds=Interval(low=low, high=high, confidence=confidence, method=worst, sides="one"),
        corrected=share_error(lambda tail: _find_worst_ends(*placed, groups, tail), confidence, attacks, method=worst),
        **groups.describe(*_subtract(*placed), clustered=clusters is not None),
    )


def validate_same_records(before: Pair, after: Pair) -> None:
    """Refuse scores of other records, and models that score all records alike.

    Raises:
        MeasurementError: they are.
    """
    for when, (members, nonmembers) in (("before", before), ("after", after)):
        validate_finite(**{f"members {when}": members, f"nonmembers {when}": nonmembers})
        if np.ptp(np.concatenate([members, nonmembers])) == 0:
            raise MeasurementError(write_message("constant-scores-when", when=when))
    validate_equal_lengths(before=before[0], after=after[0])
    validate_equal_lengths(before=before[1], after=after[1])


def _subtract(before: Pair, after: Pair) -> Pair:
    return after[0] - before[0], after[1] - before[1]


def _compare(before: Pair, after: Pair, groups: Groups) -> tuple[float, float, float]:
    """Return the difference of the AUCs, its standard error and its degrees of freedom, of placements by either."""
    below, above = _subtract(before, after)
    variance, freedom = groups.compute_spread(below, above)
    return float(below.mean()), float(np.sqrt(variance)), freedom


def _step(value: float, reach: float) -> tuple[float, float]:
    return max(-1.0, value - reach), min(1.0, value + reach)


def _find_worst_ends(before: Pair, after: Pair, groups: Groups, tail: float) -> tuple[float, float]:
    """Return both ends after adding a record that the models rank most oppositely: up by one, down by the other."""
    value = _compare(before, after, groups)[0]
    lows, highs = [value], [value]
    for ours, theirs in groups.size_extra():
        wider = groups.with_extra(ours, theirs)
        for falls, end, ends in ((True, 0, lows), (False, 1, highs)):
            first = extend(*before, ours, theirs, favourable=falls)
            second = extend(*after, ours, theirs, favourable=not falls)
            moved, spread, freedom = _compare(first, second, wider)
            ends.append(_step(moved, find_reach(tail, freedom) * spread)[end])
    return min(lows), max(highs)
