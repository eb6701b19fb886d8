"""The grid, continued: AUCs and their paired changes, of independent and of clustered scores."""

from collections.abc import Iterator
from itertools import product

import numpy as np
from scipy.special import ndtr

from benchmarks.coverage.cases import Case
from benchmarks.coverage.designs import LESIONS, MANY, SERIES, UNEQUAL, Counts, Floats, Scores
from benchmarks.coverage.methods import Ends, Pair, bound_auc, bound_auc_change


def _normal(mean: float, spread: float = 1.0) -> Scores:
    return lambda rng, size: rng.normal(mean, spread, size)


def _contaminated(rng: np.random.Generator, size: int) -> Floats:
    return np.where(rng.random(size) < 0.03, -5.0, 3.0) + rng.normal(size=size)


def _often(share: float) -> Scores:
    return lambda rng, size: (rng.random(size) < share).astype(float)


def _tie(high: float, low: float) -> float:
    return high * (1 - low) + 0.5 * (high * low + (1 - high) * (1 - low))


DISTRIBUTIONS: dict[str, tuple[Scores, Scores, float]] = {
    "chance": (_normal(0), _normal(0), 0.5),
    "weak": (_normal(0.5), _normal(0), float(ndtr(0.5 / np.sqrt(2)))),
    "strong": (_normal(2), _normal(0), float(ndtr(2 / np.sqrt(2)))),
    "nearly separated": (_normal(4), _normal(0), float(ndtr(4 / np.sqrt(2)))),
    "unequal spread": (_normal(6, 4), _normal(0, 0.5), float(ndtr(6 / np.sqrt(16.25)))),
    "few at the bottom": (
        _contaminated,
        _normal(0),
        float(0.97 * ndtr(3 / np.sqrt(2)) + 0.03 * ndtr(-5 / np.sqrt(2))),
    ),
    "tied, nearly separated": (_often(0.9), _often(0.05), _tie(0.9, 0.05)),
    "tied, alike": (_often(0.99), _often(0.95), _tie(0.99, 0.95)),
}
SIZES = ((5, 5), (10, 60), (20, 400), (60, 60))


def list_auc_cases() -> Iterator[Case]:
    """Yield AUCs of independent scores."""
    for (name, (ours, theirs, truth)), (m, n) in product(DISTRIBUTIONS.items(), SIZES):

        def bound(
            rng: np.random.Generator, _: bool, ours: Scores = ours, theirs: Scores = theirs, m: int = m, n: int = n
        ) -> Ends:
            return bound_auc((ours(rng, m), theirs(rng, n)), None)

        yield Case("AUC", f"{m} against {n}, {name}", truth, bound)


CLUSTERINGS: dict[str, tuple[Counts, float]] = {
    "lesions": (LESIONS, 0.5),
    "lesions, alike": (LESIONS, 0.95),
    "5 to 15 images": (SERIES, 0.5),
    "one in five with 20 images": (UNEQUAL, 0.95),
}


def draw_clustered(
    counts: tuple[int, int], sizes: Counts, alikeness: float, means: tuple[float, ...], rng: np.random.Generator
) -> tuple[tuple[Pair, ...], tuple[Counts, Counts]]:
    """Return the members' and non-members' scores by each model (mean above the non-members), and their clusters."""
    groups, names = [], []
    for start, clusters in ((0, counts[0]), (counts[0], counts[1])):
        who = np.repeat(np.arange(clusters), rng.choice(sizes, size=clusters))
        shared = rng.normal(size=clusters)[who]
        shift = np.array(means) if start == 0 else np.zeros(len(means))
        own = rng.normal(size=(len(means), len(who)))
        groups.append(shift[:, None] + np.sqrt(alikeness) * shared + np.sqrt(1 - alikeness) * own)
        names.append(who + start)
    return tuple((groups[0][i], groups[1][i]) for i in range(len(means))), (names[0], names[1])


def list_clustered_auc_cases() -> Iterator[Case]:
    """Yield AUCs and changes of AUC of clustered scores."""
    counts = ((5, 5), (10, 40), (30, 30))
    for (name, (sizes, alike)), (m, n), mean in product(CLUSTERINGS.items(), counts, (0.0, 2.0)):

        def bound(rng: np.random.Generator, _: bool, draw=(m, n), sizes=sizes, alike=alike, mean=mean) -> Ends:  # noqa: ANN001
            (scores,), clusters = draw_clustered(draw, sizes, alike, (mean,), rng)
            return bound_auc(scores, clusters)

        truth = float(ndtr(mean / np.sqrt(2)))
        yield Case("AUC, clustered", f"{m} against {n} clusters, {name}, mean {mean:g}", truth, bound)


SIZED = {"lesions": LESIONS, "1 to 20 images": MANY}
LOWERED = 0.75
"""By how many standard deviations a member's score is lowered for each standard deviation of its cluster's size."""


def _lower(sizes: Counts, size: Floats) -> Floats:
    return np.asarray(-LOWERED * (size - sizes.mean()) / sizes.std())


def list_sized_auc_cases() -> Iterator[Case]:
    """Yield AUCs of clustered scores where the members of large clusters score lower."""
    for (name, sizes), (m, n), mean in product(SIZED.items(), ((30, 30), (60, 200)), (0.0, 2.0)):

        def bound(rng: np.random.Generator, _: bool, draw=(m, n), sizes=sizes, mean=mean) -> Ends:  # noqa: ANN001
            (scores,), clusters = draw_clustered(draw, sizes, 0.5, (mean,), rng)
            own = np.bincount(clusters[0])[clusters[0]].astype(np.float64)
            return bound_auc((scores[0] + _lower(sizes, own), scores[1]), clusters)

        truth = float((sizes * ndtr((mean + _lower(sizes, sizes)) / np.sqrt(2))).sum() / sizes.sum())
        label = f"{m} against {n} clusters, {name}, mean {mean:g}, large ones lower"
        yield Case("AUC, clustered", label, truth, bound)


def list_change_cases() -> Iterator[Case]:
    """Yield paired changes of AUC: the models' scores share a part, of the record or of its cluster."""
    means = ((0.0, 0.0), (2.0, 1.0), (4.0, 3.0), (0.5, 0.0))
    for (before, after), (m, n), alike in product(means, ((10, 10), (20, 200)), (0.5, 0.95)):

        def bound(rng: np.random.Generator, _: bool, draw=(m, n), alike=alike, pair=(before, after)) -> Ends:  # noqa: ANN001
            scores, _clusters = draw_clustered(draw, np.array([1]), alike, pair, rng)
            return bound_auc_change(*scores, None)

        truth = float(ndtr(after / np.sqrt(2)) - ndtr(before / np.sqrt(2)))
        yield Case("AUC change", f"{m} against {n}, means {before:g} to {after:g}, alike {alike:g}", truth, bound)
    for (before, after), (name, (sizes, alike)) in product(((0.0, 0.0), (2.0, 1.0)), CLUSTERINGS.items()):

        def bound_clustered(rng: np.random.Generator, _: bool, sizes=sizes, alike=alike, pair=(before, after)) -> Ends:  # noqa: ANN001
            scores, clusters = draw_clustered((15, 40), sizes, alike, pair, rng)
            return bound_auc_change(*scores, clusters)

        truth = float(ndtr(after / np.sqrt(2)) - ndtr(before / np.sqrt(2)))
        yield Case(
            "AUC change, clustered",
            f"15 against 40 clusters, {name}, means {before:g} to {after:g}",
            truth,
            bound_clustered,
        )
