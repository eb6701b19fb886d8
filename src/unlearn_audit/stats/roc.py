"""The ROC curve and single points of it: what is found at a tolerated rate of false alarms.

As in `auc`, members (or positives) are the group that should score HIGHER, and a record is called a member when its
score is at or above a threshold. Nothing is interpolated: a point that no threshold reaches is not claimed.
"""

from dataclasses import dataclass

import numpy as np

from unlearn_audit.errors import MeasurementError
from unlearn_audit.records import Estimate, Interval, Unit, write_message
from unlearn_audit.stats.binomial import compute_clopper_pearson
from unlearn_audit.stats.cells import Clusters
from unlearn_audit.stats.groups import Scores
from unlearn_audit.stats.multiplicity import share_error
from unlearn_audit.stats.tpr_bounds import bound_tpr
from unlearn_audit.stats.validation import validate_confidence, validate_finite


@dataclass(frozen=True, eq=False)
class Roc:
    """An empirical ROC curve from (0, 0) to (1, 1): one point per distinct score, tied scores moving together.

    Attributes:
        fpr: (t,) share of non-members at or above each threshold, rising from 0 to 1.
        tpr: (t,) share of members at or above it, rising from 0 to 1.
        thresholds: (t,) falling; the first is infinite, where nobody is called a member.
    """

    fpr: Scores
    tpr: Scores
    thresholds: Scores


def compute_roc(members: Scores, nonmembers: Scores) -> Roc:
    """Return the empirical ROC curve of `members` (m,) against `nonmembers` (n,).

    Raises:
        MeasurementError: a group is empty or holds NaN or infinity.
    """
    validate_finite(members=members, nonmembers=nonmembers)
    falling = np.unique(np.concatenate([members, nonmembers]))[::-1]
    return Roc(
        fpr=np.concatenate([[0.0], _share_at_or_above(nonmembers, falling)]),
        tpr=np.concatenate([[0.0], _share_at_or_above(members, falling)]),
        thresholds=np.concatenate([[np.inf], falling]),
    )


def _share_at_or_above(scores: Scores, thresholds: Scores) -> Scores:
    return 1 - np.searchsorted(np.sort(scores), thresholds, side="left") / len(scores)


def _require_point(fpr: float, nonmembers: Scores) -> None:
    if not 0 < fpr < 1:
        raise MeasurementError(write_message("fpr-out-of-range", found=fpr))
    if fpr * len(nonmembers) < 1 - 1e-9:
        raise MeasurementError(
            write_message("too-few-non-members", least=int(np.ceil(1 / fpr - 1e-9)), fpr=fpr, found=len(nonmembers)),
            hint="with fewer no threshold can be told from one that never raises a false alarm",
        )


def _find_threshold(nonmembers: Scores, fpr: float) -> float:
    """Return the highest non-member score that must stay below the threshold for at most `fpr` false alarms."""
    allowed = int(np.floor(fpr * len(nonmembers) + 1e-9))
    return float(np.sort(nonmembers)[::-1][allowed])


def estimate_tpr_at_fpr(
    members: Scores,
    nonmembers: Scores,
    fpr: float,
    *,
    confidence: float,
    clusters: tuple[Clusters, Clusters] | None = None,
    attacks: int = 1,
) -> Estimate:
    """Estimate the share of members found by the threshold that calls at most a share `fpr` of non-members.

    Args:
        members: (m,) scores of the group that should score HIGHER.
        nonmembers: (n,) scores of the other, n >= 1 / fpr.
        fpr: tolerated share of false alarms, in (0, 1).
        confidence: of the interval and of each bound, in [0.5, 1).
        clusters: (m,) and (n,) cluster of each record, where records are not independent.
        attacks: on one limit, of which this is one: `corrected` are then the bounds at each one's share of the error.

    Returns:
        The share, with the members found as events. The interval is Clopper-Pearson and takes the threshold as given
        and records as independent: it is the one that papers print. The bounds hold for the true curve at `fpr`, for
        any distribution, ties included: see `tpr_bounds`.

    Raises:
        MeasurementError: fewer than 1 / fpr non-members, an empty group, fewer than two clusters, NaN or infinity.
    """
    validate_confidence(confidence)
    validate_finite(members=members, nonmembers=nonmembers)
    _require_point(fpr, nonmembers)
    m, events = len(members), int((members > _find_threshold(nonmembers, fpr)).sum())
    low, high = compute_clopper_pearson(events, m, (1 - confidence) / 2)
    value = events / m

    def find_ends(tail: float) -> tuple[float, float]:
        lower, upper = bound_tpr(members, nonmembers, fpr, tail, clusters)
        return min(lower, value), max(upper, value)

    lower, upper = find_ends(1 - confidence)
    plain, clustered = (
        "clopper-pearson-beyond-order-statistics",
        "clopper-pearson-beyond-order-statistics-clustered",
    )
    method = write_message(plain if clusters is None else clustered)
    return Estimate(
        value=value,
        unit=Unit.PROPORTION,
        n=m,
        events=events,
        interval=Interval(
            low=low,
            high=high,
            confidence=confidence,
            method=write_message("clopper-pearson-threshold-given"),
            sides="two",
        ),
        bounds=Interval(low=lower, high=upper, confidence=confidence, method=method, sides="one"),
        corrected=share_error(find_ends, confidence, attacks, method=method),
        sizes=(m, len(nonmembers)),
    )


def estimate_fnr_at_fpr(positives: Scores, negatives: Scores, fpr: float, *, confidence: float) -> Estimate:
    """Estimate the share of positives missed by the threshold that calls at most a share `fpr` of negatives.

    It is 1 - `estimate_tpr_at_fpr`, with the misses as events: a false-negative rate that a moved operating point
    cannot improve. The threshold is the split's own, so no deployed model has quite this rate.

    Args:
        positives: (m,) probability of being positive, of the positives.
        negatives: (n,) the same of the negatives, n >= 1 / fpr.
        fpr: tolerated share of false alarms, in (0, 1).
        confidence: of the interval and of each bound, in [0.5, 1).

    Raises:
        MeasurementError: fewer than 1 / fpr negatives, an empty group, NaN or infinity.
    """
    found = estimate_tpr_at_fpr(positives, negatives, fpr, confidence=confidence)
    return found.model_copy(
        update={
            "value": 1 - found.value,
            "events": len(positives) - (found.events or 0),
            "interval": _mirror(found.interval),
            "bounds": _mirror(found.bounds),
        }
    )


def _mirror(interval: Interval | None) -> Interval | None:
    if interval is None:
        return None
    return interval.model_copy(update={"low": 1 - interval.high, "high": 1 - interval.low})


def estimate_advantage(members: Scores, nonmembers: Scores, *, confidence: float) -> Estimate:
    """Estimate the largest TPR - FPR over all thresholds: how much better than guessing the best threshold is.

    The observed value is biased upwards, the more so the fewer records: compare it with a retrained model's on the
    same records, not with zero. The ends are uniform over thresholds and hold for any distribution, hence wide.

    Args:
        members: (m,) scores of the group that should score HIGHER.
        nonmembers: (n,) scores of the other.
        confidence: of the interval and of each bound, in [0.5, 1).

    Returns:
        The advantage in [0, 1], 0 where no threshold beats guessing.

    Source: Yeom et al. (2018), definition 4; the one-sided Dvoretzky-Kiefer-Wolfowitz inequality of Massart (1990),
    once per group.

    Raises:
        MeasurementError: a group is empty or holds NaN or infinity.
    """
    validate_confidence(confidence)
    roc = compute_roc(members, nonmembers)
    value = float((roc.tpr - roc.fpr).max())

    def ends(tail: float) -> tuple[float, float]:
        reach = sum(float(np.sqrt(np.log(2 / tail) / (2 * size))) for size in (len(members), len(nonmembers)))
        return max(0.0, value - reach), min(1.0, value + reach)

    low, high = ends((1 - confidence) / 2)
    lower, upper = ends(1 - confidence)
    method = write_message("dvoretzky-kiefer-wolfowitz")
    return Estimate(
        value=value,
        unit=Unit.SCORE,
        n=len(members) + len(nonmembers),
        interval=Interval(low=low, high=high, confidence=confidence, method=method, sides="two"),
        bounds=Interval(low=lower, high=upper, confidence=confidence, method=method, sides="one"),
    )
