"""The ends under test: the bound that decides, and the familiar ones beside it. Each end by itself at one tail."""

import numpy as np
from scipy.special import expit, logit

from benchmarks.coverage.designs import Counts, Floats
from unlearn_audit.errors import MeasurementError
from unlearn_audit.stats import (
    compute_clopper_pearson,
    compute_jeffreys,
    estimate_auc,
    estimate_auc_change,
    estimate_auc_shift,
    estimate_tpr_at_fpr,
)
from unlearn_audit.stats.auc import find_reach
from unlearn_audit.stats.bootstrap import compute_design_effect, draw_totals, find_bca_ends, find_percentile_ends
from unlearn_audit.stats.cells import Functional, StratifiedCounts, stratify_records
from unlearn_audit.stats.groups import Clusters
from unlearn_audit.stats.worst_case import find_bounds

CONFIDENCE = 0.95
TAIL = 1 - CONFIDENCE
Ends = dict[str, tuple[float, float] | None]
"""Both ends by method; None where the method gives none."""
Pair = tuple[Floats, Floats]


def bound_cells(
    stratified: StratifiedCounts, functional: Functional, draws: int, rng: np.random.Generator, *, rivals: bool
) -> Ends:
    """Return the ends of a functional; those of `estimate_functional`, taken apart so that each can be counted."""
    ends: Ends = {"deciding": find_bounds(stratified, (functional,), TAIL)[0]}
    if rivals:
        ends["jeffreys"] = _find_jeffreys_ends(stratified, functional, draws, rng)
        try:
            drawn = functional.evaluate(draw_totals(stratified, draws, rng))
        except MeasurementError:
            return ends | {"percentile": None, "bca": None}
        ends["percentile"] = find_percentile_ends(drawn, TAIL)
        ends["bca"] = find_bca_ends(stratified, functional, drawn, TAIL) or ends["percentile"]
    return ends


def bound_share(counts: Counts, draws: int, rng: np.random.Generator, *, rivals: bool) -> Ends:
    """Return the ends of one proportion of independent records, of which counts[1] are events."""
    events, n = int(counts[1]), int(counts.sum())
    stratified, functional = stratify_records((n - events, events), (0, 0)), Functional((0.0, 1.0), (0, 0))
    ends = bound_cells(stratified, functional, draws, rng, rivals=rivals) if rivals else {}
    ends["deciding"] = compute_clopper_pearson(events, n, TAIL)
    return ends | ({"jeffreys": compute_jeffreys(events, n, TAIL)} if rivals else {})


def _find_jeffreys_ends(
    stratified: StratifiedCounts, functional: Functional, draws: int, rng: np.random.Generator
) -> tuple[float, float]:
    """Return the ends of Dirichlet(counts + 1/2); with clusters the counts are divided by their design effect."""
    shapes = stratified.totals / (compute_design_effect(stratified, functional) or 1.0) + 0.5
    return find_percentile_ends(functional.evaluate(rng.standard_gamma(shapes, size=(draws, len(shapes)))), TAIL)


def bound_auc(scores: Pair, clusters: tuple[Clusters, Clusters] | None) -> Ends:
    """Return the ends of an AUC: worst-case, and plain DeLong on the logit scale at the same tail."""
    found = estimate_auc(*scores, confidence=CONFIDENCE, clusters=clusters)
    value, plain = found.value, None
    if found.standard_error is not None and 0 < value < 1:
        reach = find_reach(TAIL) * found.standard_error / (value * (1 - value))
        plain = float(expit(logit(value) - reach)), float(expit(logit(value) + reach))
    return {"deciding": (found.bounds.low, found.bounds.high), "delong": plain}


def bound_auc_change(before: Pair, after: Pair, clusters: tuple[Clusters, Clusters] | None) -> Ends:
    """Return the ends of a change of AUC: worst-case, and plain paired DeLong at the same tail."""
    found = estimate_auc_change(before, after, confidence=CONFIDENCE, clusters=clusters)
    reach = find_reach(TAIL) * (found.standard_error or 0.0)
    plain = (found.value - reach, found.value + reach)
    return {"deciding": (found.bounds.low, found.bounds.high), "delong": plain if reach else None}


def bound_auc_shift(reference: Pair, audited: Pair, clusters: tuple[Clusters, Clusters] | None) -> Ends:
    """Return the ends of a difference of AUCs on the probit scale."""
    found = estimate_auc_shift(reference, audited, confidence=CONFIDENCE, clusters=clusters)
    return {"deciding": (found.bounds.low, found.bounds.high)}


def bound_tpr(scores: Pair, fpr: float, clusters: tuple[Clusters, Clusters] | None) -> Ends:
    """Return the ends of a TPR at a false-positive rate; beside it Clopper-Pearson with the threshold as given."""
    found = estimate_tpr_at_fpr(*scores, fpr, confidence=CONFIDENCE, clusters=clusters)
    return {
        "deciding": (found.bounds.low, found.bounds.high),
        "given-threshold": compute_clopper_pearson(found.events, found.n, TAIL),
    }
