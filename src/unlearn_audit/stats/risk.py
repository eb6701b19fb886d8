"""Clinical risk: what a model's mistakes cost per case, and how that changed.

Global Risk is (C_FN * FN + C_FP * FP) / N on the cases as they come, or, for a prevalence pi of intended use,
pi * C_FN * FNR + (1 - pi) * C_FP * FPR. Its unit is that of the costs, so it can be compared between models on the
same records and the same costs, and with nothing else.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.errors import MeasurementError
from unlearn_audit.records import Estimate, Unit, write_message
from unlearn_audit.stats.cells import Clusters, Functional, estimate_functional, estimate_functionals
from unlearn_audit.stats.confusion import Confusion, Mask, PairedCells
from unlearn_audit.stats.rates import stratify
from unlearn_audit.stats.validation import validate_masks

_BY_CLASS = (0, 0, 1, 1)
"""Right and wrong positives, right and wrong negatives."""
_ALONE: tuple[float, ...] = (1.0,)


@dataclass(frozen=True)
class MistakeCosts:
    """What one mistake costs, in any one unit; both above zero."""

    false_negative: float
    false_positive: float = 1.0

    def __post_init__(self) -> None:
        if not (0 < self.false_negative < np.inf and 0 < self.false_positive < np.inf):
            raise MeasurementError(
                write_message(
                    "costs-out-of-range", false_negative=self.false_negative, false_positive=self.false_positive
                )
            )


def _require_prevalence(prevalence: float) -> None:
    if not 0 < prevalence < 1:
        raise MeasurementError(write_message("prevalence-out-of-range", found=prevalence))


def compute_global_risk(confusion: Confusion, costs: MistakeCosts, prevalence: float | None = None) -> float:
    """Return the Global Risk of one model in cost units per case; 0 for a model that makes no mistake.

    Source: the form (lambda * FN + FP) / N in the code published around arXiv 2604.23854, with general costs.

    >>> compute_global_risk(Confusion(tp=9, fn=1, fp=5, tn=85), MistakeCosts(10))
    0.15

    Raises:
        MeasurementError: no records; with a prevalence, no positives or no negatives.
    """
    if prevalence is not None:
        _require_prevalence(prevalence)
        missed, alarmed = prevalence * confusion.fnr, (1 - prevalence) * confusion.fpr
        return costs.false_negative * missed + costs.false_positive * alarmed
    if confusion.n == 0:
        raise MeasurementError(write_message("no-records"))
    return (costs.false_negative * confusion.fn + costs.false_positive * confusion.fp) / confusion.n


def compute_risk_change(cells: PairedCells, costs: MistakeCosts, prevalence: float | None = None) -> float:
    """Return Global Risk after minus before, on the same records; above zero where the second model is worse.

    Raises:
        MeasurementError: no records; with a prevalence, no positives or no negatives.
    """
    after = compute_global_risk(cells.after, costs, prevalence)
    return after - compute_global_risk(cells.before, costs, prevalence)


def compute_baseline_risks(actual: Mask, costs: MistakeCosts, prevalence: float | None = None) -> tuple[float, float]:
    """Return the Global Risk of calling all records positive, and of calling none: lines a model must stay below.

    Raises:
        MeasurementError: no records; with a prevalence, no positives or no negatives.
    """
    everyone = np.ones_like(actual)
    call_all, call_none = Confusion.of(actual, everyone), Confusion.of(actual, ~everyone)
    return compute_global_risk(call_all, costs, prevalence), compute_global_risk(call_none, costs, prevalence)


def estimate_global_risk(
    actual: Mask,
    predicted: Mask,
    costs: MistakeCosts,
    *,
    confidence: float,
    resamples: int,
    rng: np.random.Generator,
    prevalence: float | None = None,
    clusters: Clusters | None = None,
) -> Estimate:
    """Estimate Global Risk: percentile bootstrap for the eye, worst-case bounds for the decision.

    Args:
        actual: (n,) boolean, True = positive.
        predicted: (n,) boolean, True = called positive, at an operating point fixed before.
        costs: of the two mistakes.
        confidence: of the interval and of each bound, in [0.5, 1).
        resamples: draws of the bootstrap.
        rng: where the draws come from.
        prevalence: share of positives where the model will be used; None takes the records as they come.
        clusters: (n,) cluster of each record, where records are not independent.

    Returns:
        Cost units per case; `events` is the number of false negatives. See `cells` for what the bounds promise.

    Raises:
        MeasurementError: masks empty or of different lengths, a class missing that a prevalence needs, fewer than two
            clusters.
    """
    return _estimate_risks(actual, predicted, (costs,), prevalence, clusters, confidence, resamples, rng)[0]


def _estimate_risks(  # noqa: PLR0917 - the arguments of its two callers
    actual: Mask,
    predicted: Mask,
    costs: tuple[MistakeCosts, ...],
    prevalence: float | None,
    clusters: Clusters | None,
    confidence: float,
    resamples: int,
    rng: np.random.Generator,
) -> tuple[Estimate, ...]:
    """Estimate Global Risk under each of several costs, on the same draws."""
    validate_masks(actual=actual, predicted=predicted)
    missed, alarmed = actual & ~predicted, ~actual & predicted
    cells = _split_by_class(actual, missed | alarmed)
    strata, weights = (0, 0, 0, 0), _ALONE
    if prevalence is not None:
        _require_prevalence(prevalence)
        strata, weights = _BY_CLASS, (prevalence, 1 - prevalence)
    functionals = tuple(
        Functional((0.0, c.false_negative, 0.0, c.false_positive), strata, weights, groups=_BY_CLASS) for c in costs
    )
    return estimate_functionals(
        stratify(cells, functionals[0], clusters),
        functionals,
        Unit.COST_PER_CASE,
        confidence=confidence,
        resamples=resamples,
        rng=rng,
        events=int(missed.sum()),
    )


def estimate_risk_change(
    actual: Mask,
    before: Mask,
    after: Mask,
    costs: MistakeCosts,
    *,
    confidence: float,
    resamples: int,
    rng: np.random.Generator,
    prevalence: float | None = None,
    clusters: Clusters | None = None,
) -> Estimate:
    """Estimate the change of Global Risk between two models that see the same records.

    (C_FN * (newly missed - newly caught) + C_FP * (new - repaired false alarms)) / N. A change whose upper bound is at
    or below a margin is shown to be no worse by more than it; a value near zero alone shows nothing.

    Args:
        actual: (n,) boolean, True = positive.
        before: (n,) boolean, the first model's calls.
        after: (n,) boolean, the second model's.
        costs: of the two mistakes.
        confidence: of the interval and of each bound, in [0.5, 1).
        resamples: draws of the bootstrap.
        rng: where the draws come from.
        prevalence: share of positives where the model will be used; None takes the records as they come.
        clusters: (n,) cluster of each record, where records are not independent.

    Returns:
        Cost units per case, above zero where the second model is worse; `events` is the number of newly missed.

    Raises:
        MeasurementError: masks empty or of different lengths, a class missing that a prevalence needs, fewer than two
            clusters.
    """
    validate_masks(actual=actual, before=before, after=after)
    miss, alarm = costs.false_negative, costs.false_positive
    cells = 3 * (~actual).astype(np.int64) + _code_change(actual, before, after)
    strata, weights, by_class = (0,) * 6, _ALONE, (0, 0, 0, 1, 1, 1)
    if prevalence is not None:
        _require_prevalence(prevalence)
        strata, weights = by_class, (prevalence, 1 - prevalence)
    functional = Functional((0.0, miss, -miss, 0.0, alarm, -alarm), strata, weights, groups=by_class)
    return estimate_functional(
        stratify(cells, functional, clusters),
        functional,
        Unit.COST_PER_CASE,
        confidence=confidence,
        resamples=resamples,
        rng=rng,
        events=int((actual & before & ~after).sum()),
    )


def estimate_risk_curve(
    actual: Mask,
    predicted: Mask,
    ratios: tuple[float, ...],
    *,
    confidence: float,
    resamples: int,
    rng: np.random.Generator,
    prevalence: float | None = None,
    clusters: Clusters | None = None,
) -> tuple[Estimate, ...]:
    """Estimate Global Risk at each cost ratio lambda = C_FN / C_FP, in units of one false positive.

    Lambda is a judgement: the curve shows whether the verdict hangs on it. The ends hold for each ratio by itself, not
    for the curve as a whole. Other arguments, and what is refused, as in `estimate_global_risk`.

    Raises:
        MeasurementError: no ratios, or as in `estimate_global_risk`.
    """
    if not ratios:
        raise MeasurementError(write_message("no-cost-ratios"))
    costs = tuple(MistakeCosts(ratio) for ratio in ratios)
    return _estimate_risks(actual, predicted, costs, prevalence, clusters, confidence, resamples, rng)


def _split_by_class(actual: Mask, wrong: Mask) -> NDArray[np.int64]:
    """Return 0 and 1 for right and wrong positives, 2 and 3 for right and wrong negatives."""
    return 2 * (~actual).astype(np.int64) + wrong


def _code_change(actual: Mask, before: Mask, after: Mask) -> NDArray[np.int64]:
    """Return 0 where the call is as right as it was, 1 where it is newly wrong, 2 where it is repaired."""
    newly_wrong, repaired = (before == actual) & (after != actual), (before != actual) & (after == actual)
    return np.where(newly_wrong, 1, np.where(repaired, 2, 0)).astype(np.int64)
