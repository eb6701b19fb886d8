"""Folders as HAM10000 and the ISIC challenges are published: images beside metadata, without this tool's table.

HAM10000 (Tschandl et al. 2018, doi:10.7910/DVN/DBW86T): `HAM10000_metadata` (with or without `.csv`) with the columns
lesion_id, image_id, dx, dx_type, age, sex, localization. ISIC challenges of 2016 to 2020: `*GroundTruth*.csv`, one or
one for each of Training, Validation and Test, see `ground_truth`; tables beside it that name the same images (metadata,
lesion groupings) give their columns. Images lie anywhere in the folder, called `<image>.jpg` (or jpeg, png, tif, bmp).
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.data.columns import unify_column
from unlearn_audit.data.csv_table import Columns, read_columns
from unlearn_audit.data.dataset import name_some
from unlearn_audit.data.drawn_splits import draw_splits
from unlearn_audit.data.ground_truth import Diagnoses, find_image_column, read_truths
from unlearn_audit.data.manifest import Manifest, find_images
from unlearn_audit.data.npz import Identity
from unlearn_audit.data.split_names import find_split, read_splits
from unlearn_audit.errors import DataError
from unlearn_audit.records.intake import IntakeEntry, note_intake

DIAGNOSES = ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")
"""The classes of HAM10000, in the order of DermaMNIST's labels."""

_HAM = ("lesion_id", "image_id", "dx")
_TOGETHER = ("patient_id", "lesion_id")


def find_metadata(folder: Path) -> tuple[Path, ...]:
    """Return HAM10000's metadata or a challenge's ground truth in `folder`: several where each is of another split.

    Raises:
        DataError: several, so that nobody can tell which is meant.
    """
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    found = [
        name for name in names if name.lower() in {"ham10000_metadata", "ham10000_metadata.csv"} or _is_truth(name)
    ]
    splits = [find_split(Path(name)) for name in found]
    if len(found) > 1 and (None in splits or len(set(splits)) < len(splits)):
        raise DataError(
            f"{folder}: expected one table of diagnoses, found {name_some(found)}",
            hint="keep one of them; several are read where their names say Training, Validation and Test",
        )
    return tuple(folder / name for name in found)


def _is_truth(name: str) -> bool:
    return "groundtruth" in name.lower() and name.lower().endswith(".csv")


def list_lesions(folder: Path, tables: Sequence[Path], identity: Identity, seed: int | None) -> Manifest:
    """Return what the tables of diagnoses (see `find_metadata`) and those beside them say of the images in `folder`.

    Splits are those of a column `split`, or of several tables' names; without them they are drawn from `seed`, by
    patients where they are known, else by lesions.

    Raises:
        DataError: images that are absent or repeated, an unknown diagnosis, several or no class of one image, metadata
            of other images, classes other than those of the data set, or no splits and no seed.
    """
    table = tables[0]
    found = read_truths(tables) if _is_truth(table.name) else _read(table)
    _validate_once(table, found.ids)
    content, groups, beside = _read_beside(folder, tables, found) if _is_truth(table.name) else (b"", {}, ())
    groups = _unify(table, {**found.columns, **groups})
    paths, spare = find_images(folder, table, found.ids)
    label, classes = _number(table, found.named, identity)
    split, drawn = _take_splits(table, groups, label, seed)
    named = note_intake("ids.column", column=f"'{found.id_column}'")
    return Manifest(
        where=str(table),
        content=found.content + content,
        paths=paths,
        ids=found.ids,
        split=split,
        label=label,
        classes=classes,
        groups=groups,
        intake=(named, *found.intake, *beside, *drawn, *spare, _describe_labels(identity, classes)),
        id_names=(found.id_column,),
    )


def _describe_labels(identity: Identity, classes: tuple[str, ...]) -> IntakeEntry:
    if identity.classes is not None:
        return note_intake("labels.published", title=identity.name, classes=classes)
    return note_intake("labels.names", classes=classes)


def _read(table: Path) -> Diagnoses:
    content, columns = read_columns(table, _HAM)
    ids, named = columns.pop("image_id"), np.char.lower(columns.pop("dx"))
    unknown = np.setdiff1d(named, DIAGNOSES)
    if unknown.size:
        raise DataError(
            f"{table}: expected the diagnoses {', '.join(DIAGNOSES)}, found {name_some(unknown)} at "
            f"{name_some(ids[np.isin(named, unknown)])}"
        )
    return Diagnoses(content, ids, "image_id", np.asarray(named), columns)


def _read_beside(
    folder: Path, tables: Sequence[Path], found: Diagnoses
) -> tuple[bytes, Columns, tuple[IntakeEntry, ...]]:
    """Return bytes and columns of the tables beside the ground truth that name its images, whatever they are called."""
    content, groups, unread = b"", dict[str, NDArray[np.str_]](), []
    for path in sorted(folder.glob("*.csv")):
        if path in tables:
            continue
        more, about = read_columns(path, ())
        column = find_image_column(about)
        ids = about.pop(column) if column is not None else np.array([], dtype=np.str_)
        if not np.isin(found.ids, ids).any():
            if "metadata" in path.name.lower():
                raise DataError(f"{path}: expected a row for each of {len(found.ids)} images, found none for any")
            unread.append(path.name)
            continue
        _validate_once(path, ids)
        content += more
        groups |= {name: values for name, values in _join(path, found.ids, ids, about).items() if name not in groups}
    left = (note_intake("columns.unread", where=folder.name, names=unread),) if unread else ()
    return content, groups, left


def _join(path: Path, ours: NDArray[np.str_], theirs: NDArray[np.str_], about: Columns) -> Columns:
    """Return the columns of the table at `path` in the order of `ours`; metadata must speak of every image."""
    row = {name: place for place, name in enumerate(theirs.tolist())}
    absent = [name for name in ours.tolist() if name not in row]
    if absent and "metadata" in path.name.lower():
        raise DataError(f"{path}: expected a row for each of {len(ours)} images, found none for {name_some(absent)}")
    order = np.array([row.get(name, len(theirs)) for name in ours.tolist()])
    return {name: np.append(values, "")[order] for name, values in about.items()}


def _unify(table: Path, columns: Columns) -> Columns:
    if "age_approx" in columns and "age" not in columns:
        columns["age"] = columns.pop("age_approx")
    return {name: unify_column(f"{table}: '{name}'", values) for name, values in columns.items()}


def _validate_once(table: Path, ids: NDArray[np.str_]) -> None:
    unique, counts = np.unique(ids, return_counts=True)
    if (counts > 1).any() or "" in unique:
        wrong = [name or "(empty)" for name in unique[(counts > 1) | (unique == "")].tolist()]
        raise DataError(f"{table}: expected one row for each image, found more than one for {name_some(wrong)}")


def _number(table: Path, named: NDArray[np.str_], identity: Identity) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return labels and class names; a named data set's classes have their codes in the metadata."""
    present = tuple(np.unique(named).tolist())
    if identity.classes is not None:
        codes = identity.codes or identity.classes
        unknown = sorted(set(present) - set(codes))
        if unknown:
            raise DataError(
                f"{table}: expected the classes {', '.join(codes)} of '{identity.name}', found {name_some(unknown)}",
                hint="name the data set 'own-data' where the classes are others",
            )
        return np.array([codes.index(name) for name in named.tolist()], dtype=np.int64), identity.classes
    return np.searchsorted(present, named).astype(np.int64), present


def _take_splits(
    table: Path, groups: Columns, label: NDArray[np.int64], seed: int | None
) -> tuple[NDArray[np.str_], tuple[IntakeEntry, ...]]:
    if "split" in groups:
        split, spelt = read_splits(str(table), groups.pop("split"))
        return split, (note_intake("splits.column", column="split"), *spelt)
    if seed is None:
        raise DataError(
            f"{table}: expected a column 'split' with train, val or test, found none",
            hint="the models were trained already: which records they saw is a fact, and cannot be drawn here",
        )
    group = np.full(len(label), "", dtype=np.str_)
    for column in _TOGETHER:
        known = groups.get(column, group)
        group = np.where((group == "") & (known != ""), np.char.add(f"{column} ", known), group)
    alone = int((group == "").sum())
    by = " and ".join(name for name in _TOGETHER if name in groups) or "single records"
    entry = (
        note_intake("splits.drawn-with-single-records", by=by, single=alone)
        if alone
        else note_intake("splits.drawn", by=by)
    )
    return draw_splits(label, group, seed), (entry,)
