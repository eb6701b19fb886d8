"""Draws samples whose truth is known: cells of independent records, cells of clustered ones, scores of two groups."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
Scores = Callable[[np.random.Generator, int], Floats]

LESIONS = np.array([1] * 55 + [2] * 31 + [3] * 9 + [4] * 3 + [6] * 2)
"""Images per lesion, about as in HAM10000."""
SERIES = np.array([5, 10, 15])
"""Every patient brings several."""
UNEQUAL = np.array([1, 1, 1, 1, 20])
"""Few patients bring most of the images."""
MANY = np.arange(1, 21)
"""From one image to twenty, all as often."""
SINGLES = np.array([1])
"""A column of clusters in which every record is one of its own."""


@dataclass(frozen=True, eq=False)
class Classes:
    """One class of records: how often each of its cells comes, in which of the functional's columns."""

    shares: tuple[float, ...]


def draw_records(sizes: tuple[int, ...], classes: tuple[Classes, ...], rng: np.random.Generator) -> Counts:
    """Return (k,) records per cell, `sizes` of each class."""
    drawn = [rng.multinomial(size, each.shares) for size, each in zip(sizes, classes, strict=True)]
    return np.concatenate(drawn)


@dataclass(frozen=True, eq=False)
class Clustering:
    """How records come in clusters.

    Attributes:
        clusters: how many.
        sizes: each cluster's size is drawn from these.
        alikeness: correlation of the records of one cluster; 1 where they all fall into one cell.
        mixed: whether a cluster holds records of all classes (a patient) or of one (a lesion).
        informative: the power of its size with which a cluster's records fall into other cells than the first; 0 where
            large clusters err no more often than small ones.
    """

    clusters: int
    sizes: Counts
    alikeness: float
    mixed: bool = False
    informative: int = 0


def draw_clusters(how: Clustering, prior: tuple[float, ...], classes: tuple[Classes, ...], rng: np.random.Generator):  # noqa: ANN201
    """Return (clusters, k) records per cell; `prior` is each class's share."""
    sizes = rng.choice(how.sizes, size=how.clusters)
    if how.mixed:
        parts = rng.multinomial(sizes, prior)
    else:
        parts = np.eye(len(prior), dtype=np.int64)[rng.choice(len(prior), size=how.clusters, p=prior)] * sizes[:, None]
    scale = (sizes / how.sizes.mean()) ** how.informative
    tables = [
        rng.multinomial(parts[:, index], _draw_shares(each.shares, scale, how.alikeness, rng))
        for index, each in enumerate(classes)
    ]
    return np.concatenate(tables, axis=1)


def _draw_shares(shares: tuple[float, ...], scale: Floats, alikeness: float, rng: np.random.Generator) -> Floats:
    """Return (clusters, cells) each cluster's own shares, `shares` on average where `scale` is one."""
    base = np.array(shares)[None, :] * scale[:, None]
    base[:, 0] = 1 - base[:, 1:].sum(axis=1)
    if alikeness >= 1:
        chosen = (rng.random((len(base), 1)) > base.cumsum(axis=1)).sum(axis=1).clip(max=base.shape[1] - 1)
        return np.eye(base.shape[1])[chosen]
    drawn = rng.standard_gamma(base * (1 - alikeness) / alikeness) + 1e-300
    return drawn / drawn.sum(axis=1, keepdims=True)


def find_scale(how: Clustering) -> float:
    """Return by how much a record's share outside the first cell is raised on average by informative sizes."""
    sizes = how.sizes.astype(np.float64)
    return float((sizes * (sizes / sizes.mean()) ** how.informative).mean() / sizes.mean())
