"""A folder of images with a table that names them: the tool's own records.csv, or the metadata of a public archive."""

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.data.columns import ID_COLUMNS, finish_columns, take_exact, take_ids, unify_column
from unlearn_audit.data.csv_table import Columns, read_columns
from unlearn_audit.data.dataset import Dataset, name_some
from unlearn_audit.data.dermoscopy import find_metadata, list_lesions
from unlearn_audit.data.images import read_images
from unlearn_audit.data.load_options import LoadOptions, TableColumns
from unlearn_audit.data.manifest import ENDINGS, Manifest, find_images, validate_inside, validate_present
from unlearn_audit.data.npz import Identity, number_classes
from unlearn_audit.data.spelling import find_column
from unlearn_audit.data.split_names import read_splits
from unlearn_audit.errors import DataError
from unlearn_audit.records import ProgressCallback
from unlearn_audit.records.intake import IntakeEntry, note_intake

TABLE = "records.csv"
_NEEDED = ("file", "split", "label")
_MOST_DIGITS = 9


def load_folder(folder: Path, identity: Identity, options: LoadOptions, progress: ProgressCallback) -> Dataset:
    """Read `records.csv` in `folder` and the images it names.

    The CSV (UTF-8; comma, semicolon or tab; header) has the columns `file` (path inside the folder), `split` (train,
    validation or val, test) and `label` (a class number or a class name); the case may call them otherwise. `image_id`,
    `record_id` or `id` names the records, else `file` does, and where there is no `file` the ids name the files, in
    the folder or anywhere below it. Every other column is a group column, ages become bands. Images are 8-bit grey or
    RGB and of one size; nothing is resized unless `options` declares it, because how one resizes changes what a model
    sees. EXIF orientation is not applied. Large sets are kept in a file (see `stored`).

    `sha256` is of the CSV and the image files in its order. Where neither the data set nor numbers say what the
    classes are, they are the label names in alphabetical order.

    Without a `records.csv`, metadata of HAM10000 or of an ISIC challenge are read, see `dermoscopy`.

    Args:
        folder: the folder.
        identity: name, classes and origin of the data.
        options: where large sets are kept, and what is declared to be done to each image.
        progress: progress, one step per image.

    Raises:
        DataError: no CSV, missing columns, a file outside the folder or unreadable, images of several sizes, a label
            that is no class, or what `Dataset` refuses.
    """
    tables = () if (folder / TABLE).exists() else find_metadata(folder)
    manifest = (
        list_lesions(folder, tables, identity, options.seed) if tables else _list_own(folder, identity, options.columns)
    )
    x, digests, checked = read_images(manifest.paths, options, progress)
    return Dataset(
        name=identity.name,
        x=x,
        label=manifest.label,
        ids=manifest.ids,
        split=manifest.split,
        classes=manifest.classes,
        source=identity.source,
        licence=identity.licence,
        sha256=hashlib.sha256(manifest.content + digests).hexdigest(),
        official=identity.official,
        groups=finish_columns(manifest.where, manifest.groups),
        exact=take_exact(manifest.groups),
        notes=identity.notes,
        intake=(*manifest.intake, *checked, *options.images.describe()),
        id_names=manifest.id_names,
    )


def _list_own(folder: Path, identity: Identity, names: TableColumns) -> Manifest:
    table = folder / TABLE
    if not table.exists():
        raise DataError(
            f"expected a table of the images at {table}, found none",
            hint=f"a folder of images needs a {TABLE} with the columns {', '.join(_NEEDED)}",
        )
    content, columns = read_columns(table, ())
    read = _take_columns(table, columns, names)
    label, classes, labelled = _number_labels(table, columns.pop(read["label"]), identity)
    split, spelt = read_splits(str(table), columns.pop(read["split"]))
    files = columns[read["file"]]
    by_id = names.file is None and (read["file"] in ID_COLUMNS or read["file"] == names.id)
    paths, spare = _find_files(folder, files, by_id=by_id)
    if read["file"] not in ID_COLUMNS and read["file"] != names.id:
        columns.pop(read["file"])
    named = columns.pop(names.id) if names.id is not None else None
    groups = {name: unify_column(f"{table}: '{name}'", values) for name, values in columns.items()}
    ids, passed, id_column = (named, (), names.id) if named is not None else take_ids(groups, TABLE)
    return Manifest(
        where=str(table),
        content=content,
        paths=paths,
        ids=files if ids is None else ids,
        split=split,
        label=label,
        classes=classes,
        groups=groups,
        intake=(
            *note_ids(id_column, passed),
            note_intake("splits.column", column=read["split"]),
            *spelt,
            *spare,
            labelled,
        ),
        id_names=(id_column or read["file"],),
    )


def note_ids(column: str | None, passed: tuple[IntakeEntry, ...]) -> tuple[IntakeEntry, ...]:
    """Return how records are named: by a column, else by their files."""
    return (note_intake("ids.column", column=f"'{column}'") if column else note_intake("ids.files"), *passed)


def _take_columns(table: Path, columns: Columns, names: TableColumns) -> dict[str, str]:
    """Return what the table calls file, split and label; where nothing is called file, the ids name the files."""
    asked = {"file": names.file or "file", "split": names.split or "split", "label": names.label or "label"}
    found = {what: find_column(columns, name) for what, name in asked.items()}
    if found["file"] is None and names.file is None:
        ids = (names.id,) if names.id else ID_COLUMNS
        found["file"] = next((known for name in ids if (known := find_column(columns, name)) is not None), None)
    missing = [name for what, name in asked.items() if found[what] is None]
    absent = [names.id] if names.id is not None and names.id not in columns else []
    if missing or absent:
        raise DataError(
            f"{table}: expected distinct columns with {', '.join([*missing, *absent])} among them, found "
            f"{', '.join(columns)}",
            hint="where they are called otherwise, the case file says so: 'columns: {file: image, split: fold, "
            "label: dx}'",
        )
    return {what: name for what, name in found.items() if name is not None}


def _number_labels(
    path: Path, named: NDArray[np.str_], identity: Identity
) -> tuple[NDArray[np.int64], tuple[str, ...], IntakeEntry]:
    classes = identity.classes
    if all(value.isascii() and value.isdecimal() for value in named.tolist()):
        if max(map(len, named.tolist())) > _MOST_DIGITS:
            raise DataError(f"{path}: expected class numbers as labels, found '{max(named.tolist(), key=len)}'")
        label = np.array([int(value) for value in named.tolist()], dtype=np.int64)
        if classes is not None:
            return label, classes, note_intake("labels.published", title=identity.name, classes=classes)
        return label, number_classes(str(path), label), note_intake("labels.unnamed")
    known = classes if classes is not None else tuple(np.unique(named).tolist())
    unknown = np.setdiff1d(named, known)
    if unknown.size:
        raise DataError(
            f"{path}: expected class numbers throughout or the class names {name_some(known, limit=12)}, "
            f"found the labels {name_some(unknown)}"
        )
    label = np.array([known.index(value) for value in named.tolist()], dtype=np.int64)
    return label, known, note_intake("labels.names", classes=known)


def _find_files(folder: Path, files: NDArray[np.str_], *, by_id: bool) -> tuple[list[Path], tuple[IntakeEntry, ...]]:
    """Return the path of each file: as it is written, with slashes for backslashes, or with an image's ending.

    Where ids name the files and those are not all there, they are looked for in folders below, as in public archives.
    """
    root = folder.resolve()
    paths = []
    for name in files.tolist():
        if not name or not (root / name).resolve().is_relative_to(root):
            raise DataError(f"{folder / TABLE}: expected files inside the folder, found '{name}'")
        written = [root / name, root / name.replace("\\", "/")]
        ended = [Path(f"{path}{ending}") for path in written[-1:] for ending in ENDINGS]
        paths.append(next((path for path in (*written, *ended) if path.exists()), root / name))
    absent = [str(path) for path in paths if not path.exists()]
    if absent and by_id:
        return find_images(folder, folder / TABLE, files)
    validate_present(str(folder / TABLE), absent, len(paths))
    validate_inside(root, paths)
    return paths, ()
