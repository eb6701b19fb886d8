"""Which classes are positive (malignant), as the policy names them; two classes or all of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Literal

import numpy as np

from unlearn_audit.data.dataset import SPLITS, Dataset, name_some
from unlearn_audit.errors import DataError

CLASS_COLUMN = "class"
"""Group column that keeps the original class of a data set mapped to two."""


@dataclass(frozen=True, eq=False)
class Task:
    """A data set as the models see it, and which of its classes are positive."""

    dataset: Dataset
    positive: tuple[int, ...]
    names: tuple[str, str]
    """What all negative and all positive classes are called together."""


def map_positive(dataset: Dataset, positive: Sequence[str]) -> tuple[int, ...]:
    """Return the sorted indices of the positive classes.

    Args:
        dataset: whose classes are meant.
        positive: class names, exactly as the data set writes them, or class numbers as strings ('4').

    Raises:
        DataError: a name that is no class (names the nearest), a number that is also the name of *another* class, a
            class named twice, none at all, or all of them.
    """
    return find_positive(f"data set '{dataset.name}'", dataset.classes, positive)


def find_positive(where: str, classes: Sequence[str], positive: Sequence[str]) -> tuple[int, ...]:
    """Return the sorted indices of the positive among `classes`; `where` says in messages whose classes they are.

    Raises:
        DataError: see `map_positive`.
    """
    indices = [_find_class(where, classes, name) for name in positive]
    twice = sorted({classes[index] for index in indices if indices.count(index) > 1})
    if twice:
        raise DataError(f"{where}: the positive classes name {name_some(twice)} more than once")
    if not indices or len(indices) == len(classes):
        raise DataError(
            f"{where}: expected some but not all of the {len(classes)} classes as positive, "
            f"found {name_some(positive) or 'none'}"
        )
    return tuple(sorted(indices))


def _find_class(where: str, classes: Sequence[str], name: str) -> int:
    by_name = classes.index(name) if name in classes else None
    by_number = int(name) if name in {str(number) for number in range(len(classes))} else None
    if by_name is not None and by_number is not None and by_name != by_number:
        raise DataError(
            f"{where}: positive class '{name}' could be the class of that name (number {by_name}) "
            f"or the class number {by_number} ('{classes[by_number]}')",
            hint="write the class by the other of its two addresses",
        )
    if by_name is not None:
        return by_name
    if by_number is not None:
        return by_number
    near = get_close_matches(name, classes, n=3, cutoff=0.5)
    listed = ", ".join(f"{number} = '{known}'" for number, known in enumerate(classes))
    raise DataError(
        f"{where} has no class '{name}'; its classes are {listed}",
        hint=f"did you mean {' or '.join(repr(known) for known in near)}?" if near else "name a class or its number",
    )


def binarise(dataset: Dataset, positive: Sequence[str], names: tuple[str, str] = ("benign", "malignant")) -> Dataset:
    """Return the data set with two classes, `names` = (negative, positive); images are shared, not copied.

    The original class stays as group column 'class'.

    Raises:
        DataError: what `map_positive` and `validate_both_classes` refuse, or a group column 'class' is already there.
    """
    indices = map_positive(dataset, positive)
    if CLASS_COLUMN in dataset.groups:
        raise DataError(
            f"data set '{dataset.name}': the group column '{CLASS_COLUMN}' is needed for the original class",
            hint="rename the column",
        )
    validate_both_classes(dataset, indices)
    original = np.array(dataset.classes, dtype=np.str_)[dataset.label]
    return replace(
        dataset,
        label=np.isin(dataset.label, indices).astype(np.int64),
        classes=names,
        groups={**dataset.groups, CLASS_COLUMN: original},
    )


def map_task(
    dataset: Dataset, positive: Sequence[str], head: Literal["binary", "classes"], names: tuple[str, str]
) -> Task:
    """Return the data set as the policy's `task` wants it: `head` 'binary' maps to two classes, 'classes' keeps them.

    Args:
        dataset: as loaded.
        positive: `task.positive` of the policy.
        head: `task.head` of the policy.
        names: what negatives and positives are called, in this order.

    Raises:
        DataError: what `binarise` refuses; with `head` 'classes' also a class without any training record.
    """
    if head == "binary":
        return Task(binarise(dataset, positive, names), (1,), names)
    indices = map_positive(dataset, positive)
    validate_both_classes(dataset, indices)
    validate_no_empty_class(dataset)
    return Task(dataset, indices, names)


def validate_both_classes(dataset: Dataset, positive: Sequence[int]) -> None:
    """Refuse a data set in which some split lacks positives or negatives: no error rate is defined there.

    Raises:
        DataError: names the split and what is missing.
    """
    is_positive = np.isin(dataset.label, positive)
    for split in SPLITS:
        inside = dataset.select(split)
        count, n = int(is_positive[inside].sum()), int(inside.sum())
        if count in (0, n):
            raise DataError(
                f"data set '{dataset.name}': expected positives and negatives in {split}, found {count} positive and "
                f"{n - count} negative records",
                hint="check the positive classes of the policy: "
                + name_some((dataset.classes[index] for index in positive), limit=12),
            )


def validate_no_empty_class(dataset: Dataset) -> None:
    """Refuse a data set with a class that no training record shows: it cannot be learned.

    Raises:
        DataError: names the classes.
    """
    present = np.unique(dataset.label[dataset.select("train")])
    absent = [name for number, name in enumerate(dataset.classes) if number not in present]
    if absent:
        raise DataError(
            f"data set '{dataset.name}': expected training records of every class, found none of {name_some(absent)}",
            hint="drop the class, or use 'head: binary', which needs positives and negatives only",
        )
