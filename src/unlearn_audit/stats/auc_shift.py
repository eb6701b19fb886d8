"""The difference of two AUCs on the probit scale, where an effect is as large for groups that differ anyway.

A difference of AUCs shrinks the further they lie from one half. Forget records that come from another clinic than the
test records may be told from these by any model, at an AUC of .96 after retraining; a model that remembers all of them
can then not lie more than .04 above. On the scale of normal scores a shift of the forget records' scores by d standard
deviations moves probit(AUC) by d / sqrt(2) wherever it starts.
"""

import numpy as np

from unlearn_audit.errors import MeasurementError
from unlearn_audit.records import Estimate, Interval, Unit, write_message
from unlearn_audit.stats.auc import extend, find_reach, place
from unlearn_audit.stats.auc_change import Pair, validate_same_records
from unlearn_audit.stats.cells import Clusters
from unlearn_audit.stats.groups import Groups
from unlearn_audit.stats.multiplicity import share_error
from unlearn_audit.stats.validation import validate_confidence

CHANCE = 0.5
FURTHEST = 0.4
"""From one half may the reference AUC lie: beyond it too few pairs are in the wrong order to read a shift from."""


def estimate_auc_shift(
    reference: Pair,
    audited: Pair,
    *,
    confidence: float,
    clusters: tuple[Clusters, Clusters] | None = None,
    attacks: int = 1,
) -> Estimate:
    """Estimate how far from one half the audited model's AUC would lie if the reference model's were one half.

    Phi(probit(AUC of the audited model) - probit(AUC of the reference model)) - 1/2, in [-1/2, 1/2]. Where the
    reference AUC is one half this is the plain difference.

    Args:
        reference: (m,) scores of the members and (n,) of the non-members by the reference model.
        audited: the same records' scores by the audited one.
        confidence: of the interval and of each bound, in [0.5, 1).
        clusters: (m,) and (n,) cluster of each record, where records are not independent.
        attacks: on one limit, of which this is one: `corrected` are then the bounds at each one's share of the error.

    Returns:
        The shift, above zero where the audited model separates better. Interval and bounds by DeLong's covariance and
        the delta method; the bounds add one record, or cluster, that the two models see in the most opposite way. Not
        to be concluded: that nothing is remembered, where the model changed its answers to all forget records alike.

    Source: binormal ROC, Pepe (2003), section 4.4; DeLong, DeLong & Clarke-Pearson (1988).

    Raises:
        MeasurementError: the reference AUC lies outside [0.1, 0.9]; the records differ in number, a group has fewer
            than two independent records, or every score of a model is the same.
    """
    validate_confidence(confidence)
    validate_same_records(reference, audited)
    groups = Groups.of(len(reference[0]), len(reference[1]), clusters)
    placed = place(*reference), place(*audited)
    start = float(placed[0][0].mean())
    if abs(start - CHANCE) > FURTHEST:
        raise MeasurementError(
            write_message("groups-differ-by-themselves", auc=start),
            hint="compare with test records of the same source, or ask of each record by itself",
        )
    tail = (1 - confidence) / 2
    value, spread, _ = _compare(*placed, groups)
    ends = _name_ends(value - find_reach(tail) * spread, value + find_reach(tail) * spread)
    low, high = _find_worst_ends(*placed, groups, 1 - confidence)
    unit = "record" if clusters is None else "cluster"
    worst = write_message("paired-delong-probit-worst-case", unit=unit)
    plain = 0 < spread < np.inf
    if not plain:
        ends = _find_worst_ends(*placed, groups, tail)
    return Estimate(
        value=_to_auc(value),
        unit=Unit.AUC,
        n=len(reference[0]) + len(reference[1]),
        interval=Interval(
            low=ends[0],
            high=ends[1],
            confidence=confidence,
            method=write_message("paired-delong-probit") if plain else worst,
            sides="two",
        ),
        bounds=Interval(low=low, high=high, confidence=confidence, method=worst, sides="one"),
        corrected=share_error(
            lambda share: _find_worst_ends(*placed, groups, share), confidence, attacks, method=worst
        ),
        standard_error=float(spread * _density(value)) or None if plain else None,
        sizes=(len(reference[0]), len(reference[1])),
    )


def center_auc(auc: Estimate) -> Estimate:
    """Return an AUC as its distance from one half: the shift of an attack whose null is one half by construction.

    Raises:
        MeasurementError: the estimate is no AUC.
    """
    if auc.unit is not Unit.AUC:
        raise MeasurementError(write_message("not-an-auc", found=auc.unit))

    def move(interval: Interval | None) -> Interval | None:
        if interval is None:
            return None
        return interval.model_copy(update={"low": interval.low - CHANCE, "high": interval.high - CHANCE})

    moved = {name: move(getattr(auc, name)) for name in ("interval", "bounds", "corrected")}
    return auc.model_copy(update={"value": auc.value - CHANCE, **moved})


def _density(score: float) -> float:
    return float(np.exp(-(score**2) / 2) / np.sqrt(2 * np.pi))


def _to_auc(shift: float) -> float:
    from scipy.special import ndtr

    return float(ndtr(shift)) - CHANCE


def _name_ends(low: float, high: float) -> tuple[float, float]:
    return _to_auc(low), _to_auc(high)


def _compare(reference: Pair, audited: Pair, groups: Groups) -> tuple[float, float, float]:
    """Return the difference of the probits, its standard error and degrees of freedom; infinite at AUCs of 0 and 1."""
    from scipy.special import ndtri

    scores = [float(ndtri(np.clip(below.mean(), 0.0, 1.0))) for below, _ in (reference, audited)]
    if not np.isfinite(scores).all():
        return scores[1] - scores[0], np.inf, np.inf
    gains = [1 / _density(score) for score in scores]
    below, above = (gains[1] * after - gains[0] * before for before, after in zip(reference, audited, strict=True))
    variance, freedom = groups.compute_spread(below, above)
    return scores[1] - scores[0], float(np.sqrt(variance)), freedom


def _find_worst_ends(reference: Pair, audited: Pair, groups: Groups, tail: float) -> tuple[float, float]:
    """Return both ends after adding a record that the models rank most oppositely: up by one, down by the other."""
    value = _compare(reference, audited, groups)[0]
    lows, highs = [value], [value]
    for ours, theirs in groups.size_extra():
        wider = groups.with_extra(ours, theirs)
        for falls, sign, ends in ((True, -1, lows), (False, 1, highs)):
            first = extend(*reference, ours, theirs, favourable=falls)
            second = extend(*audited, ours, theirs, favourable=not falls)
            moved, spread, freedom = _compare(first, second, wider)
            ends.append(moved + sign * find_reach(tail, freedom) * spread if np.isfinite(spread) else sign * np.inf)
    return _name_ends(min(lows), max(highs))
