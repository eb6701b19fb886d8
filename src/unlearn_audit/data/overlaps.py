"""Leaks between the splits: a lesion, a patient or the very same image on both sides."""

import hashlib
from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.data.columns import ID_COLUMNS
from unlearn_audit.data.dataset import SPLITS, Dataset
from unlearn_audit.data.near_identical import SEARCH, find_near_identical, note_unsearched
from unlearn_audit.data.spelling import Values, find_values
from unlearn_audit.data.stored import read_blocks
from unlearn_audit.records import Overlap, write_message
from unlearn_audit.records.intake import IntakeEntry, note_intake

__all__ = ["CLUSTER_COLUMNS", "count_overlaps", "find_overlaps", "note_unsearched"]

CLUSTER_COLUMNS = ("patient_id", "lesion_id", *ID_COLUMNS, "repeated_id")
"""Group columns whose members are not independent of one another."""

PERSONS = ("patient_id", "lesion_id")
"""Those of them that say who or what is shown, where ids say which image."""


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
    masks = {name: split == name for name in splits}
    return tuple(
        Overlap(column=name, splits=(first, second), shared_groups=shared)
        for name, values in columns.items()
        for (first, second), shared in _count_shared(find_values(values), masks).items()
        if shared
    )


def _count_shared(found: Values, masks: Mapping[str, NDArray[np.bool_]]) -> dict[tuple[str, str], int]:
    known = np.array([bool(text) for text in found.texts], dtype=np.bool_)
    present = {}
    for name, mask in masks.items():
        present[name] = np.zeros(len(known), dtype=np.bool_)
        present[name][found.place[mask]] = True
    return {(a, b): int((present[a] & present[b] & known).sum()) for a, b in combinations(masks, 2)}


def describe_independence(
    groups: Mapping[str, NDArray[np.str_]], split: NDArray[np.str_], splits: Sequence[str]
) -> tuple[IntakeEntry, ...]:
    """Return what is known of persons and lesions that stand in two of `splits`; retained and forgotten are one.

    Args:
        groups: per name (n,) values, '' where unknown.
        split: (n,) the split of each record.
        splits: their names.
    """
    known = [name for name in PERSONS if name in groups and (groups[name] != "").any()]
    if not known:
        return (note_intake("independence.unknown"),)
    joined = np.where(np.isin(split, ("retain", "forget")), "train", split)
    names = tuple(dict.fromkeys("train" if name in {"retain", "forget"} else name for name in splits))
    shared = count_overlaps({name: groups[name] for name in known}, joined, names)
    entries = [
        note_intake(
            "independence.shared",
            count=item.shared_groups,
            column=item.column,
            first=item.splits[0],
            second=item.splits[1],
        )
        for item in shared
    ]
    unknown = int(np.all([groups[name] == "" for name in known], axis=0).sum())
    if unknown:
        entries.append(note_intake("independence.partial", count=unknown, n=len(split), columns=" or ".join(known)))
    free = [name for name in known if name not in {item.column for item in shared}]
    if free:
        entries.append(note_intake("independence.verified", columns=" and no ".join(free)))
    return tuple(entries)


def _hash_records(dataset: Dataset) -> NDArray[np.str_]:
    return np.array(
        [
            hashlib.blake2b(row.tobytes(), digest_size=16).hexdigest()
            for block in read_blocks(dataset.x)
            for row in block
        ]
    )
