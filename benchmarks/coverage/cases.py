"""The grid: every statistic whose bounds can decide a check, where events are few, samples small, records alike."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

from benchmarks.coverage.designs import (
    LESIONS,
    MANY,
    SERIES,
    SINGLES,
    UNEQUAL,
    Classes,
    Clustering,
    draw_clusters,
    draw_records,
    find_scale,
)
from benchmarks.coverage.methods import Ends, bound_cells, bound_share
from unlearn_audit.stats.cells import Functional, stratify_records
from unlearn_audit.stats.stratified_counts import stratify_table

STUDIED = {
    "global-risk": "Global Risk",
    "global-risk-increase": "Global Risk change",
    "global-risk-at-prevalence": "Global Risk at a prevalence",
    "false-negative-rate": "rate",
    "false-negative-rate-increase": "rate change",
    "false-positive-rate": "rate",
    "sensitivity": "rate",
    "specificity": "rate",
    "balanced-accuracy": "balanced accuracy",
    "auroc": "AUC",
    "auroc-drop": "AUC change",
    "newly-missed-rate": "rate",
    "retain-accuracy": "rate",
    "positive-share": "rate",
    "membership-auc": "AUC",
    "membership-auc-difference": "AUC shift",
    "membership-tpr": "TPR at an FPR",
    "retain-leakage": "AUC change",
    "paired-recognition": "paired recognition",
    "disclosure": "AUC",
    "retained-disclosure": "AUC",
    "dormant-memory": "AUC",
}
"""Which statistic of the grid stands behind each metric that a policy may set a limit on."""
TESTED = frozenset({"worst-record-recognition", "worst-patient-recognition"})
"""Metrics whose number is a p-value: there is nothing to cover; tests and the self-test count its errors."""
Bound = Callable[[np.random.Generator, bool], Ends]
"""Draws one sample and returns its ends; with the rivals where asked. A `MeasurementError` is a refusal."""
DRAWS, CLUSTER_DRAWS = 500, 300
"""Of the familiar intervals, where the product takes ten thousand. The deciding bounds are not drawn."""


@dataclass(frozen=True, eq=False)
class Case:
    """One cell of the grid."""

    statistic: str
    name: str
    truth: float
    bound: Bound


@dataclass(frozen=True)
class Shape:
    """A statistic over cells: the number, and the classes that its columns belong to."""

    name: str
    functional: Functional
    outcomes: tuple[int, ...]
    """Columns per class."""


def _by_class(*sizes: int) -> tuple[int, ...]:
    return tuple(index for index, size in enumerate(sizes) for _ in range(size))


def make_shapes(ratio: float) -> dict[str, Shape]:
    """Return the statistics of cells with a missed malignancy at `ratio` times the cost of a false alarm."""
    balanced, prevalence = (0.5, 0.5), (0.1, 0.9)
    rows = {
        "rate": ((0.0, 1.0), (2,), None),
        "rate change": ((0.0, 1.0, -1.0), (3,), None),
        "balanced accuracy": ((1.0, 0.0, 1.0, 0.0), (2, 2), balanced),
        "balanced accuracy change": ((0.0, -1.0, 1.0, 0.0, -1.0, 1.0), (3, 3), balanced),
        "Global Risk": ((0.0, ratio, 0.0, 1.0), (2, 2), None),
        "Global Risk at a prevalence": ((0.0, ratio, 0.0, 1.0), (2, 2), prevalence),
        "Global Risk change": ((0.0, ratio, -ratio, 0.0, 1.0, -1.0), (3, 3), None),
        "Global Risk change at a prevalence": ((0.0, ratio, -ratio, 0.0, 1.0, -1.0), (3, 3), prevalence),
    }
    return {
        name: Shape(
            name,
            Functional(values, _by_class(*outcomes), weights)
            if weights
            else Functional(values, (0,) * len(values), groups=_by_class(*outcomes)),
            outcomes,
        )
        for name, (values, outcomes, weights) in rows.items()
    }


def _find_truth(shape: Shape, classes: tuple[Classes, ...], prior: tuple[float, ...]) -> float:
    expected = np.concatenate([share * np.array(each.shares) for share, each in zip(prior, classes, strict=True)])
    return float(shape.functional.evaluate(expected[None, :])[0])


def _spread(outcomes: int, wrong: float, repaired: float) -> tuple[float, ...]:
    return (1 - wrong, wrong) if outcomes == 2 else (1 - wrong - repaired, wrong, repaired)


def make_classes(
    shape: Shape, missed: float, caught: float, false_positives: float, repaired: float
) -> tuple[Classes, ...]:
    """Return how often each cell comes: `missed` and `caught` among positives, alarms among negatives."""
    rates = ((missed, caught), (false_positives, repaired))[: len(shape.outcomes)]
    return tuple(Classes(_spread(size, *rate)) for size, rate in zip(shape.outcomes, rates, strict=True))


def _case_of_records(shape: Shape, name: str, sizes: tuple[int, ...], classes: tuple[Classes, ...]) -> Case:
    def bound(rng: np.random.Generator, rivals: bool) -> Ends:
        counts = draw_records(sizes, classes, rng)
        if shape.name == "rate":
            return bound_share(counts, DRAWS, rng, rivals=rivals)
        stratified = stratify_records(tuple(int(count) for count in counts), shape.functional.strata)
        return bound_cells(stratified, shape.functional, DRAWS, rng, rivals=rivals)

    prior = tuple(size / sum(sizes) for size in sizes)
    return Case(shape.name, name, _find_truth(shape, classes, prior), bound)


def _case_of_clusters(
    shape: Shape, name: str, how: Clustering, prior: tuple[float, ...], classes: tuple[Classes, ...]
) -> Case:
    def bound(rng: np.random.Generator, rivals: bool) -> Ends:
        table = draw_clusters(how, prior, classes, rng)
        return bound_cells(stratify_table(table), shape.functional, CLUSTER_DRAWS, rng, rivals=rivals)

    raised = find_scale(how)
    known = tuple(
        Classes((1 - raised * sum(each.shares[1:]), *(raised * share for share in each.shares[1:]))) for each in classes
    )
    return Case(f"{shape.name}, clustered", name, _find_truth(shape, known, prior), bound)


RECORDS = ((20, 40), (64, 107), (400, 1600))
"""Positives and negatives."""
EVENTS = (0.5, 2.0, 5.0)
"""Expected newly missed (or missed) positives."""
FREQUENT = 0.2


def list_record_cases() -> Iterator[Case]:
    """Yield the cases of independent records: class sizes by expected misses, and one with many of them."""
    shapes = make_shapes(20.0)
    for shape, sizes, events in product(shapes.values(), RECORDS, (*EVENTS, None)):
        missed = FREQUENT if events is None else events / sizes[0]
        classes = make_classes(shape, missed, missed / 2, 0.02, 0.01)
        label = f"{sizes[0]} positives" + (f", {sizes[1]:,} negatives" if len(shape.outcomes) > 1 else "")
        name = f"{label}; {missed * sizes[0]:g} missed expected"
        yield _case_of_records(shape, name, sizes[: len(shape.outcomes)], classes)
    hard = shapes["Global Risk change"]
    yield _case_of_records(
        hard,
        "400 positives, 1,600 negatives; newly missed .005, none caught, alarms .01 either way (the hard cell)",
        (400, 1600),
        make_classes(hard, 0.005, 0.0, 0.01, 0.01),
    )


CLUSTERINGS = {
    "300 lesions": Clustering(300, LESIONS, 0.5),
    "300 lesions, images of one alike": Clustering(300, LESIONS, 1.0),
    "60 lesions, large ones missed more often": Clustering(60, LESIONS, 0.5, informative=1),
    "300 lesions, missed by the square of their size": Clustering(300, LESIONS, 1.0, informative=2),
    "150 patients with 1 to 20 images, missed by their number": Clustering(150, MANY, 0.5, mixed=True, informative=1),
    "40 patients with 5 to 15 images": Clustering(40, SERIES, 0.5, mixed=True),
    "60 patients, one in five with 20 images": Clustering(60, UNEQUAL, 0.9),
    "200 clusters of one record": Clustering(200, SINGLES, 0.5),
}


def list_cluster_cases() -> Iterator[Case]:
    """Yield the cases of clusters: every statistic in every design, with few misses and with many."""
    for shape, (label, how), events in product(make_shapes(20.0).values(), CLUSTERINGS.items(), (1.0, 4.0, None)):
        prior = (1.0,) if len(shape.outcomes) == 1 else (0.3, 0.7)
        missed = FREQUENT if events is None else events / (how.clusters * prior[0])
        if events is None and (how.sizes is LESIONS or how.informative):
            continue
        classes = make_classes(shape, missed, missed / 4, 0.05, 0.02)
        yield _case_of_clusters(shape, f"{label}; {missed:.3g} missed", how, prior, classes)
