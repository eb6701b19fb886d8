"""Numbers that are linear in shares of cells: one engine for risk, rates, and their paired changes, clustered or not.

Each record falls into one of k cells (missed, false alarm, right; or newly missed, newly caught, ...). A number is a
`Functional`: each cell's value averaged within a stratum, the strata' averages added with weights. One stratum gives a
plain mean over all records; two strata (positives, negatives) give balanced accuracy or a prevalence-weighted risk.

The bounds are those of Gaffke (2005) and Learned-Miller & Thomas (2020, arXiv 1905.06208): one more unit is added, in
the worst cell, and the shares are Dirichlet with the counts as parameters. With two cells this is exactly the
one-sided Clopper-Pearson bound; with more, guaranteed coverage is a conjecture, which `docs/appendix/coverage.md`
probes where it is hardest. For two strata the two distributions are added (Fay, Proschan & Brittain 2015). Nothing is
drawn: `worst_case` computes the quantiles, so that no seed moves a bound. Where records come in clusters, the added
one is half way in size between the cluster that the average record is in and the largest. When few records were
missed, the percentile bootstrap collapses and a nominal 0.95 Jeffreys bound covers as little as 0.87: neither may
decide.
"""

import numpy as np

from unlearn_audit.records import Cell, Estimate, Interval, Message, Unit, write_message
from unlearn_audit.stats.bootstrap import compute_design_effect, draw_totals, find_bca_ends, find_percentile_ends
from unlearn_audit.stats.stratified_counts import (
    Block,
    Clusters,
    Counts,
    Floats,
    Functional,
    StratifiedCounts,
    stratify_clusters,
    stratify_records,
)
from unlearn_audit.stats.validation import validate_confidence, validate_resamples
from unlearn_audit.stats.worst_case import find_bounds

__all__ = [
    "Block",
    "Clusters",
    "Counts",
    "Floats",
    "Functional",
    "StratifiedCounts",
    "estimate_functional",
    "estimate_functionals",
    "stratify_clusters",
    "stratify_records",
]


def estimate_functional(
    stratified: StratifiedCounts,
    functional: Functional,
    unit: Unit,
    *,
    confidence: float,
    resamples: int,
    rng: np.random.Generator,
    events: int | None = None,
) -> Estimate:
    """Estimate `functional`: percentile and BCa bootstrap for the eye, worst-case bounds for the decision.

    Valid when: the units (records, or clusters) are drawn independently from the population that is spoken about, and
    the model and its threshold were fixed before they were looked at. Each end of `bounds` lies on the wrong side of
    the truth with a probability of at most 1 - confidence.

    Raises:
        MeasurementError: confidence, resamples or records do not define it.
    """
    return estimate_functionals(
        stratified, (functional,), unit, confidence=confidence, resamples=resamples, rng=rng, events=events
    )[0]


def estimate_functionals(
    stratified: StratifiedCounts,
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
    validate_confidence(confidence)
    validate_resamples(resamples)
    drawn = draw_totals(stratified, resamples, rng)
    bounds = find_bounds(stratified, functionals, 1 - confidence)
    return tuple(
        _estimate(stratified, each, unit, confidence, events, drawn, ends)
        for each, ends in zip(functionals, bounds, strict=True)
    )


def _estimate(  # noqa: PLR0917 - one call site
    stratified: StratifiedCounts,
    functional: Functional,
    unit: Unit,
    confidence: float,
    events: int | None,
    drawn: Floats,
    ends: tuple[float, float],
) -> Estimate:
    totals, numbers = stratified.totals, functional.evaluate(drawn)
    method = write_message("dirichlet-worst-case", unit=stratified.unit)
    return Estimate(
        value=float(functional.evaluate(totals[None, :].astype(np.float64))[0]),
        unit=unit,
        n=int(totals.sum()),
        events=events,
        bounds=Interval(low=ends[0], high=ends[1], confidence=confidence, method=method, sides="one"),
        standard_error=float(numbers.std()) if np.ptp(numbers) > 0 else None,
        design_effect=compute_design_effect(stratified, functional),
        sizes=functional.count_groups(totals),
        cells=_list_cells(functional, totals),
        **_show(stratified, functional, confidence, numbers),
    )


def _list_cells(functional: Functional, totals: Counts) -> tuple[Cell, ...]:
    return tuple(
        Cell(count=int(count), value=value * functional.weights[stratum], stratum=stratum)
        for count, value, stratum in zip(totals, functional.values, functional.strata, strict=True)
    )


def _show(
    stratified: StratifiedCounts, functional: Functional, confidence: float, numbers: Floats
) -> dict[str, Interval | None]:
    """Return the intervals for display, by the names of their fields."""
    tail = (1 - confidence) / 2
    drawn = {"unit": stratified.unit, "resamples": len(numbers)}
    ends, method = find_percentile_ends(numbers, tail), write_message("percentile-bootstrap", **drawn)
    if ends[0] == ends[1]:  # no event, or nothing but events: the bootstrap would claim to know the number exactly
        ends = find_bounds(stratified, (functional,), tail)[0]
        method = write_message("dirichlet-worst-case-no-spread", unit=stratified.unit)
    accelerated = find_bca_ends(stratified, functional, numbers, tail)

    def name(pair: tuple[float, float], how: Message) -> Interval:
        return Interval(low=pair[0], high=pair[1], confidence=confidence, method=how, sides="two")

    return {
        "interval": name(ends, method),
        "bca": name(accelerated, write_message("bca-bootstrap", **drawn)) if accelerated else None,
    }
