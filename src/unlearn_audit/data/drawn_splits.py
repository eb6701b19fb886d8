"""Splits for data that come without: whole groups (patients, lesions) are drawn, so that none stands in two splits."""

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.data.dataset import SPLITS
from unlearn_audit.records import derive_rng

_SHARES = (0.7, 0.1, 0.2)  # train, validation, test: those of DermaMNIST


def draw_splits(label: NDArray[np.int64], group: NDArray[np.str_], seed: int) -> NDArray[np.str_]:
    """Return (n,) train, validation or test, by groups: 70 / 10 / 20 % of the groups of each class, as near as may be.

    A group counts for the rarest of its classes, so that rare classes are spread over the splits. The same labels,
    groups and seed give the same splits, in whatever order the records stand.

    Args:
        label: (n,) classes.
        group: (n,) what must stay together; '' is a group of its own for each record, told apart by its place among
            these, so that only known groups are independent of the order.
        seed: of the draw.
    """
    named = np.array([name or f"\x00{row:09}" for row, name in enumerate(group.tolist())], dtype=np.str_)
    names, place = np.unique(named, return_inverse=True)
    counts = np.bincount(label)
    rarest = np.full(len(names), -1, dtype=np.int64)
    for c in np.argsort(-counts, kind="stable"):  # the rarest comes last and stays
        rarest[place[label == c]] = c
    drawn = np.empty(len(names), dtype="<U10")
    for c in np.unique(rarest):
        members = derive_rng(seed, "splits", str(c)).permutation(np.flatnonzero(rarest == c))
        ends = np.rint(np.cumsum(_SHARES) * len(members)).astype(int)
        for split, part in zip(SPLITS, np.split(members, ends[:-1]), strict=True):
            drawn[part] = split
    return np.asarray(drawn[place])
