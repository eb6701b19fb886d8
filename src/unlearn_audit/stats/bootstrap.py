"""Bootstrap intervals from cell counts, for the eye: percentile, and BCa with an exact jackknife.

Drawing cell counts from a multinomial *is* the bootstrap over records (Efron 1979), at a cost that does not grow with
their number; where records come in clusters, whole clusters are drawn. The jackknife that BCa needs costs no more: all
units of one pattern leave the same number behind when they leave.

Neither interval may decide: with few events both collapse (`docs/appendix/coverage.md` shows where).
"""

import numpy as np

from unlearn_audit.errors import MeasurementError
from unlearn_audit.stats.stratified_counts import Block, Floats, Functional, StratifiedCounts

Ends = tuple[float, float]


def draw_totals(stratified: StratifiedCounts, resamples: int, rng: np.random.Generator) -> Floats:
    """Return (resamples, k) records per cell; every block is drawn by itself."""
    return np.asarray(sum(block.draw_bootstrap(resamples, rng) for block in stratified.blocks))


def find_percentile_ends(drawn: Floats, tail: float) -> Ends:
    """Return the ends that cut `tail` from each side of the (resamples,) drawn numbers."""
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return float(low), float(high)


def find_bca_ends(stratified: StratifiedCounts, functional: Functional, drawn: Floats, tail: float) -> Ends | None:
    """Return the bias-corrected and accelerated ends of the (resamples,) drawn numbers.

    The correction z0 is the normal quantile of the share of drawn numbers below the observed one (ties half), the
    acceleration a comes from the jackknife over units, block by block, and the tails become
    Phi(z0 + (z0 + z) / (1 - a (z0 + z))) for the normal quantile z of either tail.

    Source: Efron (1987); for several blocks Efron & Tibshirani (1993), section 14.3, in the form that scipy uses.

    Returns:
        Both ends; None where they are not defined: the numbers do not vary, the observed one lies outside all drawn
        ones, or leaving out one unit leaves a stratum empty.
    """
    from scipy.special import ndtr, ndtri

    observed = float(functional.evaluate(stratified.totals[None, :].astype(np.float64))[0])
    slack = 1e-12 * max(1.0, abs(observed))  # the same counts may be summed in another order
    below = ((drawn < observed - slack).mean() + (drawn <= observed + slack).mean()) / 2
    acceleration = _find_acceleration(stratified, functional)
    if acceleration is None or not 0 < below < 1:
        return None
    bias, z = ndtri(below), ndtri([tail, 1 - tail])
    scale = 1 - acceleration * (bias + z)
    if (scale <= 0).any():
        return None
    low, high = np.quantile(drawn, ndtr(bias + (bias + z) / scale))
    return float(low), float(high)


def _find_acceleration(stratified: StratifiedCounts, functional: Functional) -> float | None:
    third, second = 0.0, 0.0
    for block in stratified.blocks:
        try:
            left = _leave_one_out(stratified, block, functional)
        except MeasurementError:
            return None
        units = int(block.repeats.sum())
        moved = (units - 1) * (np.average(left, weights=block.repeats) - left)
        third += float(block.repeats @ moved**3) / units**3
        second += float(block.repeats @ moved**2) / units**2
    return third / (6 * second**1.5) if second > 0 else None


def _leave_one_out(stratified: StratifiedCounts, block: Block, functional: Functional) -> Floats:
    """Return (g,) the number without one unit of each of the block's kinds; kinds without units have weight zero."""
    present = block.repeats > 0
    left = np.zeros(len(block.repeats))
    left[present] = functional.evaluate((stratified.totals - block.patterns[present]).astype(np.float64))
    return left


def compute_design_effect(stratified: StratifiedCounts, functional: Functional) -> float | None:
    """Return by which factor clusters widen the variance: that of the units over that of independent records.

    Both variances are of first order (the number's deviation is a sum over records). 1 where records of one cluster
    are no more alike than others; n / effect is the number of independent records that would say as much.

    Source: Kish (1965), deff.

    Returns:
        The factor, above zero; None where units are records, or where nothing varies.
    """
    if stratified.unit == "record":
        return None
    totals, effects = stratified.totals, functional.find_effects(stratified.totals)
    records, units = int(totals.sum()), sum(int(block.repeats.sum()) for block in stratified.blocks)
    alone = float(totals @ effects**2) * records / (records - 1)
    together = sum(float(block.repeats @ (block.patterns @ effects) ** 2) for block in stratified.blocks)
    return together * units / (units - 1) / alone if alone > 0 and together > 0 else None
