"""The grid, continued: what decides on forgetting. Easier forget sets, few references, low false-positive rates."""

from collections.abc import Iterator
from itertools import product

import numpy as np
from scipy.special import ndtr, ndtri

from benchmarks.coverage.cases import Case
from benchmarks.coverage.designs import LESIONS, MANY, Floats
from benchmarks.coverage.methods import Ends, bound_auc, bound_auc_shift, bound_tpr
from benchmarks.coverage.score_cases import draw_clustered
from unlearn_audit.stats import score_lira


def list_shift_cases() -> Iterator[Case]:
    """Yield differences on the probit scale: forget records easier by up to one standard deviation, and remembered."""
    for easier, left, (m, n), alike in product((0.0, 1.0), (0.0, 0.5), ((20, 200), (60, 60)), (0.5, 0.9)):

        def bound(rng: np.random.Generator, _: bool, draw=(m, n), pair=(easier, easier + left), alike=alike) -> Ends:  # noqa: ANN001
            scores, _clusters = draw_clustered(draw, np.array([1]), alike, pair, rng)
            return bound_auc_shift(*scores, None)

        truth = float(ndtr(left / np.sqrt(2)) - 0.5)
        name = f"{m} against {n}, forget easier by {easier:g}, left {left:g}, alike {alike:g}"
        yield Case("AUC shift", name, truth, bound)
    for easier, left, (name, sizes) in product((0.0, 1.0), (0.0, 0.5), {"lesions": LESIONS, "1 to 20": MANY}.items()):

        def bound_clustered(rng: np.random.Generator, _: bool, sizes=sizes, pair=(easier, easier + left)) -> Ends:  # noqa: ANN001
            scores, clusters = draw_clustered((30, 90), sizes, 0.5, pair, rng)
            return bound_auc_shift(*scores, clusters)

        truth = float(ndtr(left / np.sqrt(2)) - 0.5)
        label = f"30 against 90 clusters, {name}, forget easier by {easier:g}, left {left:g}"
        yield Case("AUC shift, clustered", label, truth, bound_clustered)


def list_reference_cases() -> Iterator[Case]:
    """Yield LiRA with few reference models and nothing left, forget records scattering otherwise than the controls."""
    for models, spread, size in product((4, 8), (0.25, 1.0, 4.0), (60, 200)):

        def bound(rng: np.random.Generator, _: bool, models=models, spread=spread, size=size) -> Ends:  # noqa: ANN001
            forget = np.arange(2 * size) < size
            scale = np.where(forget, spread, 1.0) * np.exp(rng.normal(0, 0.3, 2 * size))
            half = np.stack([rng.permutation(2 * size) < size for _ in range(models // 2)])
            trained_on = np.stack([half, ~half], axis=1).reshape(models, -1)
            references, target = scale * rng.normal(size=(models, 2 * size)), scale * rng.normal(size=2 * size)
            scores = score_lira(target, references, trained_on)
            return bound_auc((scores[forget], scores[~forget]), None)

        label = f"{models} references, {size} against {size}, forget scatters {spread:g} times as much"
        yield Case("AUC of LiRA", label, 0.5, bound)


def _exceed(fpr: float, lift: float) -> float:
    return float(ndtr(lift + ndtri(fpr)))


def list_tpr_cases() -> Iterator[Case]:
    """Yield TPR at low false-positive rates: nothing left, a weak leak of all, and a few records fully exposed."""
    for (m, n), fpr, (label, lift, exposed) in product(
        ((60, 200), (200, 1_000)), (0.01, 0.05), (("nothing left", 0, 0), ("all shifted", 0.5, 0), ("exposed", 0, 0.05))
    ):

        def draw(rng: np.random.Generator, size: int, lift=lift, exposed=exposed) -> Floats:  # noqa: ANN001
            return np.where(rng.random(size) < exposed, 50.0, lift) + rng.normal(size=size)

        def bound(rng: np.random.Generator, _: bool, sizes=(m, n), fpr=fpr, draw=draw) -> Ends:  # noqa: ANN001
            return bound_tpr((draw(rng, sizes[0]), rng.normal(size=sizes[1])), fpr, None)

        truth = exposed + (1 - exposed) * _exceed(fpr, lift)
        yield Case("TPR at an FPR", f"{m} against {n}, FPR {fpr:g}, {label}", truth, bound)
    for (name, sizes), fpr, mean in product({"lesions": LESIONS, "1 to 20": MANY}.items(), (0.02, 0.1), (0.0, 1.0)):

        def bound_clustered(rng: np.random.Generator, _: bool, sizes=sizes, fpr=fpr, mean=mean) -> Ends:  # noqa: ANN001
            (scores,), clusters = draw_clustered((40, 120), sizes, 0.5, (mean,), rng)
            return bound_tpr(scores, fpr, clusters)

        label = f"40 against 120 clusters, {name}, FPR {fpr:g}, mean {mean:g}"
        yield Case("TPR at an FPR, clustered", label, _exceed(fpr, mean), bound_clustered)
