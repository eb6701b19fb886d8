"""Folders as HAM10000 and the ISIC challenges are published: images beside metadata, without a table of our own.

HAM10000 (Tschandl et al. 2018, doi:10.7910/DVN/DBW86T): `HAM10000_metadata` (with or without `.csv`) with the columns
lesion_id, image_id, dx, dx_type, age, sex, localization. ISIC challenges: one `*GroundTruth*.csv` with `image` and a
column for each class, one of which is 1; beside it, where there is one, a `*Metadata*.csv` with image, age_approx,
anatom_site_general, lesion_id, sex. Images lie anywhere in the folder, called `<image>.jpg` (or jpeg, png, tif, bmp).
"""

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.data.columns import unify_column
from unlearn_audit.data.csv_table import Columns, read_columns
from unlearn_audit.data.dataset import name_some
from unlearn_audit.data.drawn_splits import draw_splits
from unlearn_audit.data.listing import Listing, validate_present
from unlearn_audit.data.npz import PREFIXES, Identity
from unlearn_audit.errors import DataError
from unlearn_audit.records import Message, write_message

DIAGNOSES = ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")
"""The classes of HAM10000, in the order of DermaMNIST's labels."""

_HAM = ("lesion_id", "image_id", "dx")
_ENDINGS = frozenset({".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp"})
_TOGETHER = ("patient_id", "lesion_id")

_Read = tuple[bytes, Columns, NDArray[np.str_], NDArray[np.str_], tuple[Message, ...]]
"""Bytes of the tables, group columns, image ids, diagnoses, notes."""


def find_metadata(folder: Path) -> Path | None:
    """Return HAM10000's metadata or a challenge's ground truth in `folder`, None where there is neither.

    Raises:
        DataError: several, so that nobody can tell which is meant.
    """
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    found = [
        name
        for name in names
        if name.lower() in {"ham10000_metadata", "ham10000_metadata.csv"}
        or ("groundtruth" in name.lower() and name.lower().endswith(".csv"))
    ]
    if len(found) > 1:
        raise DataError(f"{folder}: expected one table of diagnoses, found {name_some(found)}", hint="keep one of them")
    return folder / found[0] if found else None


def list_lesions(folder: Path, table: Path, identity: Identity, seed: int | None) -> Listing:
    """Return what the metadata at `table` (see `find_metadata`) say of the images in `folder`.

    Splits are those of a column `split`; without one they are drawn from `seed`, by patients where they are known, else
    by lesions.

    Raises:
        DataError: images that are absent or repeated, an unknown diagnosis, several or no class of one image, metadata
            of other images, classes other than those of the data set, or no splits and no seed.
    """
    content, groups, ids, named, empty = (
        _read_challenge(folder, table) if "groundtruth" in table.name.lower() else _read(table)
    )
    _validate_unique(table, ids)
    paths, notes = _find_images(folder, table, ids)
    label, classes = _number(table, named, identity)
    split, drawn = _take_splits(table, groups, label, seed)
    return Listing(
        where=str(table),
        content=content,
        paths=paths,
        ids=ids,
        split=split,
        label=label,
        classes=classes,
        groups=groups,
        notes=(*empty, *drawn, *notes),
    )


def _read(table: Path) -> _Read:
    content, columns = read_columns(table, _HAM)
    ids, named = columns.pop("image_id"), np.char.lower(columns.pop("dx"))
    unknown = np.setdiff1d(named, DIAGNOSES)
    if unknown.size:
        raise DataError(
            f"{table}: expected the diagnoses {', '.join(DIAGNOSES)}, found {name_some(unknown)} at "
            f"{name_some(ids[np.isin(named, unknown)])}"
        )
    return content, _unify(table, columns), ids, np.asarray(named), ()


def _read_challenge(folder: Path, table: Path) -> _Read:
    content, columns = read_columns(table, ("image",))
    ids = columns.pop("image")
    own = {name: columns.pop(name) for name in ("split", *_TOGETHER) if name in columns}
    classes = np.array(list(columns), dtype=np.str_)
    try:
        shares = np.column_stack([column.astype(np.float64) for column in columns.values()])
    except ValueError as error:
        raise DataError(f"{table}: expected 0 or 1 for each class, found {error}") from error
    wrong = ~np.isin(shares, (0.0, 1.0)).all(axis=1) | (shares.sum(axis=1) != 1)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        found = ", ".join(f"{name} {share:g}" for name, share in zip(classes, shares[row], strict=True) if share)
        raise DataError(
            f"{table}: expected one class of each image, found {found or 'none'} for '{ids[row]}', "
            f"and such in {int(wrong.sum())} of {len(ids)} rows"
        )
    metadata = [path for path in sorted(folder.iterdir()) if "metadata" in path.name.lower() and path.suffix == ".csv"]
    if len(metadata) > 1:
        raise DataError(f"{folder}: expected one table of metadata, found {name_some(p.name for p in metadata)}")
    groups = _unify(table, own)
    for path in metadata:
        more, about = read_columns(path, ("image",))
        content += more
        groups |= _join(path, ids, about)
    empty = classes[~shares.any(axis=0)].tolist()
    notes = (write_message("empty-class", table=table.name, classes=name_some(empty, 9)),) if empty else ()
    return content, groups, ids, classes[shares.argmax(axis=1)], notes


def _join(path: Path, ids: NDArray[np.str_], about: Columns) -> Columns:
    """Return the columns of the metadata at `path` in the order of `ids`."""
    _validate_unique(path, about["image"])
    row = {name: place for place, name in enumerate(about.pop("image").tolist())}
    absent = [name for name in ids.tolist() if name not in row]
    if absent:
        raise DataError(f"{path}: expected a row for each of {len(ids)} images, found none for {name_some(absent)}")
    order = np.array([row[name] for name in ids.tolist()])
    return _unify(path, {name: values[order] for name, values in about.items()})


def _unify(table: Path, columns: Columns) -> Columns:
    if "age_approx" in columns and "age" not in columns:
        columns["age"] = columns.pop("age_approx")
    return {name: unify_column(f"{table}: '{name}'", values) for name, values in columns.items()}


def _validate_unique(table: Path, ids: NDArray[np.str_]) -> None:
    unique, counts = np.unique(ids, return_counts=True)
    if (counts > 1).any() or "" in unique:
        wrong = [name or "(empty)" for name in unique[(counts > 1) | (unique == "")].tolist()]
        raise DataError(f"{table}: expected one row for each image, found more than one for {name_some(wrong)}")


def _find_images(folder: Path, table: Path, ids: NDArray[np.str_]) -> tuple[list[Path], tuple[Message, ...]]:
    root = folder.resolve()
    found: dict[str, list[Path]] = {}
    for place, _, names in os.walk(root):
        for name in names:
            path = Path(place) / name
            if path.suffix.lower() in _ENDINGS:
                found.setdefault(path.stem, []).append(path)
    validate_present(str(table), [name for name in ids.tolist() if name not in found], len(ids))
    twice = [name for name in ids.tolist() if len(found[name]) > 1]
    if twice:
        places = ", ".join(str(path.relative_to(root)) for path in found[twice[0]][:2])
        raise DataError(
            f"{folder}: expected one file for each image, found several for {name_some(twice)}: {places}",
            hint="keep one of them: which pixels are meant is not guessed",
        )
    paths = [found[name][0].resolve() for name in ids.tolist()]
    outside = [str(path) for path in paths if not path.is_relative_to(root)]
    if outside:
        raise DataError(f"{folder}: expected images inside the folder, found links to {name_some(outside)}")
    spare = len(found.keys() - set(ids.tolist()))
    return paths, (write_message("images-not-in-table", table=table.name, spare=spare),) if spare else ()


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
) -> tuple[NDArray[np.str_], tuple[Message, ...]]:
    if "split" in groups:
        own = groups.pop("split")
        return np.array([PREFIXES.get(value, value) for value in own.tolist()], dtype=np.str_), ()
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
    note = (
        write_message("splits-drawn-with-single-records", by=by, single=alone)
        if alone
        else write_message("splits-drawn", by=by)
    )
    return draw_splits(label, group, seed), (note,)
