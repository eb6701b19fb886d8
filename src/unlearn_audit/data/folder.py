"""A folder of images with a table that names them: the tool's own records.csv, or the metadata of a public archive."""

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.data.columns import finish_columns, take_exact, take_ids, unify_column
from unlearn_audit.data.csv_table import read_columns
from unlearn_audit.data.dataset import Dataset, name_some
from unlearn_audit.data.dermoscopy import find_metadata, list_lesions
from unlearn_audit.data.images import read_images
from unlearn_audit.data.intake import Intake
from unlearn_audit.data.listing import Listing, validate_present
from unlearn_audit.data.npz import PREFIXES, Identity, number_classes
from unlearn_audit.errors import DataError
from unlearn_audit.records import ProgressCallback

TABLE = "records.csv"
_NEEDED = ("file", "split", "label")
_MOST_DIGITS = 9


def load_folder(folder: Path, identity: Identity, intake: Intake, progress: ProgressCallback) -> Dataset:
    """Read `records.csv` in `folder` and the images it names.

    The CSV (UTF-8, comma, header) has the columns `file` (path inside the folder), `split` (train, validation or val,
    test) and `label` (a class number or a class name); `image_id`, `record_id` or `id` names the records, else `file`
    does; every other column becomes a group column, `age` becomes `age_band`. Images are 8-bit grey or RGB and of one
    size; nothing is resized unless `intake` declares it, because how one resizes changes what a model sees. EXIF
    orientation is not applied. Large sets are kept in a file (see `stored`).

    `sha256` is of the CSV and the image files in its order. Where neither the data set nor numbers say what the
    classes are, they are the label names in alphabetical order.

    Without a `records.csv`, metadata of HAM10000 or of an ISIC challenge are read, see `dermoscopy`.

    Args:
        folder: the folder.
        identity: name, classes and origin of the data.
        intake: where large sets are kept, and what is declared to be done to each image.
        progress: progress, one step per image.

    Raises:
        DataError: no CSV, missing columns, a file outside the folder or unreadable, images of several sizes, a label
            that is no class, or what `Dataset` refuses.
    """
    metadata = None if (folder / TABLE).exists() else find_metadata(folder)
    listing = list_lesions(folder, metadata, identity, intake.seed) if metadata else _list_own(folder, identity)
    x, digests = read_images(listing.paths, intake, progress)
    return Dataset(
        name=identity.name,
        x=x,
        label=listing.label,
        ids=listing.ids,
        split=listing.split,
        classes=listing.classes,
        source=identity.source,
        licence=identity.licence,
        sha256=hashlib.sha256(listing.content + digests).hexdigest(),
        official=identity.official,
        groups=finish_columns(listing.where, listing.groups),
        exact=take_exact(listing.groups),
        notes=(*identity.notes, *listing.notes, *intake.images.describe()),
    )


def _list_own(folder: Path, identity: Identity) -> Listing:
    table = folder / TABLE
    if not table.exists():
        raise DataError(
            f"expected a table of the images at {table}, found none",
            hint=f"a folder of images needs a {TABLE} with the columns {', '.join(_NEEDED)}",
        )
    content, columns = read_columns(table, _NEEDED)
    files, split, named = columns.pop("file"), columns.pop("split"), columns.pop("label")
    label, classes = _number_labels(table, named, identity.classes)
    groups = {name: unify_column(f"{table}: '{name}'", values) for name, values in columns.items()}
    ids, notes = take_ids(groups, TABLE)
    return Listing(
        where=str(table),
        content=content,
        paths=_find_files(folder, files),
        ids=files if ids is None else ids,
        split=np.array([PREFIXES.get(value, value) for value in split.tolist()], dtype=np.str_),
        label=label,
        classes=classes,
        groups=groups,
        notes=notes,
    )


def _number_labels(
    path: Path, named: NDArray[np.str_], classes: tuple[str, ...] | None
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    if all(value.isascii() and value.isdecimal() for value in named.tolist()):
        if max(map(len, named.tolist())) > _MOST_DIGITS:
            raise DataError(f"{path}: expected class numbers as labels, found '{max(named.tolist(), key=len)}'")
        label = np.array([int(value) for value in named.tolist()], dtype=np.int64)
        return label, classes if classes is not None else number_classes(str(path), label)
    known = classes if classes is not None else tuple(np.unique(named).tolist())
    unknown = np.setdiff1d(named, known)
    if unknown.size:
        raise DataError(
            f"{path}: expected class numbers throughout or the class names {name_some(known, limit=12)}, "
            f"found the labels {name_some(unknown)}"
        )
    return np.array([known.index(value) for value in named.tolist()], dtype=np.int64), known


def _find_files(folder: Path, files: NDArray[np.str_]) -> list[Path]:
    root = folder.resolve()
    paths = [(root / name).resolve() for name in files.tolist()]
    for name, path in zip(files.tolist(), paths, strict=True):
        if not name or not path.is_relative_to(root):
            raise DataError(f"{folder / TABLE}: expected files inside the folder, found '{name}'")
    validate_present(str(folder / TABLE), [str(path) for path in paths if not path.exists()], len(paths))
    return paths
