"""Leaks between the splits: a lesion, a patient or the very same image on both sides."""

import hashlib
from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.data.columns import ID_COLUMNS
from unlearn_audit.data.dataset import SPLITS, Dataset
from unlearn_audit.data.near_identical import SEARCH, find_near_identical, note_unsearched
from unlearn_audit.data.stored import read_blocks
from unlearn_audit.records import Overlap, write_message

__all__ = ["CLUSTER_COLUMNS", "count_overlaps", "find_overlaps", "note_unsearched"]

CLUSTER_COLUMNS = ("patient_id", "lesion_id", *ID_COLUMNS, "repeated_id")
"""Group columns whose members are not independent of one another."""


def find_overlaps(dataset: Dataset) -> tuple[Overlap, ...]:
    """Return each kind of group that stands in two splits at once, with the number of groups; none where none does.

    Looked at: patients, lesions, image ids that repeat (columns `CLUSTER_COLUMNS` that the data set has; unknown
    values are left out), records whose pixels (or features) are identical, counted as distinct images, and images that
    are nearly so (see `near_identical`), counted in the later split.

    What must not be concluded: no overlap found is not independence. A data set without patient ids can show the same
    patient in train and test unseen, and a copy that was rotated or cropped by much is not found.
    """
    identity = _hash_records(dataset)
    columns = {name: dataset.groups[name] for name in CLUSTER_COLUMNS if name in dataset.groups}
    kind = "image" if dataset.x.ndim > 2 else "record"  # noqa: PLR2004
    copied = (
        o.model_copy(update={"copies": "identical"}) for o in count_overlaps({kind: identity}, dataset.split, SPLITS)
    )
    method = write_message("thumbnail-correlation", **SEARCH)
    alike = tuple(
        Overlap(column="image", copies="near-identical", splits=splits, shared_groups=count, method=method)
        for splits, count in find_near_identical(dataset, identity).items()
    )
    return (*count_overlaps(columns, dataset.split, SPLITS), *copied, *alike)


def count_overlaps(
    columns: Mapping[str, NDArray[np.str_]], split: NDArray[np.str_], splits: Sequence[str]
) -> tuple[Overlap, ...]:
    """Return how many known values of each of `columns` (n,) stand in both of two `splits`, where any do."""
    return tuple(
        Overlap(column=name, splits=(first, second), shared_groups=shared)
        for name, values in columns.items()
        for first, second in combinations(splits, 2)
        if (shared := _count_shared(values[split == first], values[split == second]))
    )


def _count_shared(first: NDArray[np.str_], second: NDArray[np.str_]) -> int:
    shared = np.intersect1d(first, second)
    return int((shared != "").sum())


def _hash_records(dataset: Dataset) -> NDArray[np.str_]:
    return np.array(
        [
            hashlib.blake2b(row.tobytes(), digest_size=16).hexdigest()
            for block in read_blocks(dataset.x)
            for row in block
        ]
    )
