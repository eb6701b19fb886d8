"""The bounds that decide: one more unit is assumed, the worst possible. Exact, with nothing drawn.

Within a stratum the number is a mean under Dirichlet weights, whose quantiles `dirichlet_means` finds. Over two strata
the weighted sum of two such means is integrated over the normal score of the narrower one. Independent records, and
clusters that lie in one stratum each, make the two independent, and the result is exact. Where clusters hold records of
both strata (a patient with malignant and benign lesions), the two are joined by a normal copula with the correlation
that the clusters seen give them: exact in each stratum, of first order between them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from unlearn_audit.errors import MeasurementError
from unlearn_audit.records import write_message
from unlearn_audit.stats.dirichlet_means import DirichletMeans, compute_tails, find_upper_points
from unlearn_audit.stats.stratified_counts import Floats, Functional, StratifiedCounts, merge_kinds

Ends = tuple[float, float]

_SCORES = np.linspace(-6.0, 6.0, 31)
_DENSITY = np.exp(-(_SCORES**2) / 2) / np.sqrt(2 * np.pi) * (_SCORES[1] - _SCORES[0])
"""Normal scores to integrate over: the trapezoidal rule on them is wrong by less than 1e-5 of a tail."""
_STEPS = 20
_EXACT = 1e-7
"""Of the tail."""
_LEAST = 1e-300
_MOST_CORRELATED = 0.999
_PAIR = 2


@dataclass(frozen=True, eq=False)
class Posterior:
    """One row of `means` for each stratum, with the strata's weights, and the correlation between two strata."""

    means: DirichletMeans
    weights: Floats
    correlation: float = 0.0

    @classmethod
    def of(cls, kinds: Sequence[Floats], weights: Floats, correlation: float = 0.0) -> "Posterior":
        """Return the posterior of each stratum's kinds of units (g, 3): sum of values, records, number of units."""
        rows = [DirichletMeans(*(stratum[None, :, column] for column in range(3))) for stratum in kinds]
        return cls(_stack(rows), weights, correlation)


def find_bounds(stratified: StratifiedCounts, functionals: Sequence[Functional], tail: float) -> list[Ends]:
    """Return both ends of each functional, each wrong with a probability of at most `tail`.

    Source: Gaffke (2005); Learned-Miller & Thomas (2020), arXiv 1905.06208; Fay, Proschan & Brittain (2015) for strata.

    Raises:
        MeasurementError: more than two strata.
    """
    upper = find_upper_ends(stratified, functionals, tail)
    lower = find_upper_ends(stratified, [each.mirror() for each in functionals], tail)
    return [(-low, high) for low, high in zip(lower, upper, strict=True)]


def find_upper_ends(stratified: StratifiedCounts, functionals: Sequence[Functional], tail: float) -> list[float]:
    """Return the upper end of each functional; that of a mirrored one is the lower end with the opposite sign.

    Raises:
        MeasurementError: more than two strata.
    """
    return find_upper_bounds([_lay_out(stratified, each) for each in functionals], tail)


def find_upper_bounds(posteriors: Sequence[Posterior], tail: float) -> list[float]:
    """Return for each posterior the point that the number exceeds with probability `tail`.

    Raises:
        MeasurementError: more than two strata.
    """
    strata = {len(each.weights) for each in posteriors}
    if strata == {1}:
        points = find_upper_points(_stack([each.means for each in posteriors]), np.array([tail]))[:, 0]
        return [float(point * each.weights[0]) for point, each in zip(points, posteriors, strict=True)]
    if strata != {_PAIR}:
        raise MeasurementError(write_message("too-many-strata", found=sorted(strata)))
    return [_find_upper_of_two(each, tail) for each in posteriors]


def _lay_out(stratified: StratifiedCounts, functional: Functional) -> Posterior:
    """Return the posterior with the worst-case unit added in every stratum."""
    rows = []
    for stratum in range(len(functional.weights)):
        kinds = stratified.project(functional, stratum)
        extra = stratified.find_extra_size(stratum, functional.strata)
        worst = functional.values[functional.pick_extreme(stratum, worst=True)]
        rows.append(merge_kinds(np.vstack([kinds, [worst * extra, extra, 1.0]])))
    return Posterior.of(rows, np.array(functional.weights), _correlate(stratified, functional))


def _stack(means: Sequence[DirichletMeans]) -> DirichletMeans:
    """Return all rows under one another, padded with kinds of which there are none."""
    if len(means) == 1:
        return means[0]
    wide = max(each.shapes.shape[1] for each in means)

    def pad(columns: Sequence[Floats], fill: float) -> Floats:
        padded = np.full((sum(len(column) for column in columns), wide), fill)
        row = 0
        for column in columns:
            padded[row : row + len(column), : column.shape[1]] = column
            row += len(column)
        return padded

    return DirichletMeans(
        pad([each.sums for each in means], 0.0),
        pad([each.sizes for each in means], 1.0),
        pad([each.shapes for each in means], 0.0),
    )


def _correlate(stratified: StratifiedCounts, functional: Functional) -> float:
    """Return the first-order correlation of two strata's means: that of what single clusters do to them."""
    if len(functional.weights) != _PAIR or len(stratified.blocks) > 1:
        return 0.0
    block, effects = stratified.blocks[0], functional.find_effects(stratified.totals)
    strata = np.array(functional.strata)
    first, second = (block.patterns @ np.where(strata == stratum, effects, 0.0) for stratum in range(_PAIR))
    scale = np.sqrt((block.repeats @ first**2) * (block.repeats @ second**2))
    if not scale > 0:
        return 0.0
    return float(np.clip(block.repeats @ (first * second) / scale, -_MOST_CORRELATED, _MOST_CORRELATED))


def _find_upper_of_two(posterior: Posterior, tail: float) -> float:
    """Return the point, by corrections to what interpolation between the strata's quantiles gives."""
    low, high = (float(ends @ posterior.weights) for ends in posterior.means.ends)
    if high <= low:
        return high
    order = np.argsort(
        posterior.weights * posterior.means.moments[1]
    )  # integrated over the narrower one, the integrand is smooth
    narrow, wide = (posterior.means.pick(order[index : index + 1]) for index in range(_PAIR))
    weights = posterior.weights[order]
    steps = weights[0] * _find_points_of_scores(narrow)
    if wide.ends[0] == wide.ends[1]:
        point = find_upper_points(narrow, np.array([tail]))[0, 0]
        return float(weights[1] * wide.ends[1][0] + weights[0] * point)
    others = wide.repeat(len(_SCORES))

    def exceed(point: float) -> float:
        return _join(compute_tails(others, (point - steps) / weights[1]), posterior.correlation)

    roughly = _approximate(weights[1] * _find_points_of_scores(wide), steps, posterior.correlation)
    return _polish(exceed, roughly, tail, (low, high))


def _join(tails: Floats, correlation: float) -> float:
    """Return the tail of the sum, from the wider stratum's `tails` beyond what the narrower leaves at each score."""
    from scipy.special import ndtr, ndtri

    if correlation:
        tails = ndtr((correlation * _SCORES + ndtri(tails)) / np.sqrt(1 - correlation**2))
    return float(_DENSITY @ tails)


def _approximate(wide: Floats, steps: Floats, correlation: float) -> Callable[[float], float]:
    """Return t -> P(sum > t) with the wider stratum's tails interpolated between its quantiles at the scores."""
    from scipy.special import ndtr

    def exceed(point: float) -> float:
        left = point - steps
        tails = ndtr(-np.interp(left, wide, _SCORES))
        return _join(np.where(left < wide[0], 1.0, np.where(left > wide[-1], 0.0, tails)), correlation)

    return exceed


def _polish(exceed: Callable[[float], float], roughly: Callable[[float], float], tail: float, ends: Ends) -> float:
    """Return t with `exceed` = `tail`; where `roughly` has it, up to the factor by which the two differ there.

    Where the two differ so much that `roughly` never has it, `exceed` itself is solved, which takes longer.
    """
    found, wanted = ends[1], tail
    for _ in range(_STEPS):
        if not roughly(ends[1]) < wanted < roughly(ends[0]):
            return _solve(exceed, tail, ends)
        found = _solve(roughly, wanted, ends)
        factor = exceed(found) / tail
        if abs(factor - 1) < _EXACT:
            break
        wanted /= max(factor, _LEAST)
    return found


def _solve(tail_beyond: Callable[[float], float], tail: float, ends: Ends) -> float:
    from scipy.optimize import brentq

    def miss(point: float) -> float:
        return float(np.log(max(tail_beyond(point), _LEAST) / tail))

    low, high = ends
    if miss(high) >= 0:  # so much lies on the largest value itself, or so near it that rounding cannot tell
        return high
    return low if miss(low) <= 0 else float(brentq(miss, low, high, xtol=1e-12 * (high - low)))


def _find_points_of_scores(mean: DirichletMeans) -> Floats:
    """Return the quantiles of one T at the normal scores."""
    from scipy.special import ndtr

    above = _SCORES >= 0
    points = np.empty(len(_SCORES))
    for side, sign, each in ((above, 1, mean), (~above, -1, mean.mirror())):
        tails = ndtr(-np.abs(_SCORES[side]))
        points[side] = sign * find_upper_points(each, tails, slack=0.02)[0]
    return points
