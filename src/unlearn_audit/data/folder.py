"""A folder of images with a CSV: one row per image, all images of one size."""

import csv
import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.data.columns import finish_columns, take_exact, take_ids, unify_column
from unlearn_audit.data.dataset import Dataset, name_some
from unlearn_audit.data.npz import PREFIXES, Identity, number_classes
from unlearn_audit.errors import DataError
from unlearn_audit.records import Say

TABLE = "records.csv"
_NEEDED = ("file", "split", "label")
_MODES = {"L": 1, "RGB": 3}
_LARGEST_SIDE = 2_048
_MOST_DIGITS = 9


def load_folder(folder: Path, identity: Identity, say: Say) -> Dataset:
    """Read `records.csv` in `folder` and the images it names.

    The CSV (UTF-8, comma, header) has the columns `file` (path inside the folder), `split` (train, validation or val,
    test) and `label` (a class number or a class name); `image_id`, `record_id` or `id` names the records, else `file`
    does; every other column becomes a group column, `age` becomes `age_band`. Images are 8-bit grey or RGB and of one
    size; nothing is resized, because how one resizes changes what a model sees. EXIF orientation is not applied.

    `sha256` is of the CSV and the image files in its order. Where neither the data set nor numbers say what the
    classes are, they are the label names in alphabetical order.

    Args:
        folder: the folder.
        identity: name, classes and origin of the data.
        say: progress, one step per image.

    Raises:
        DataError: no CSV, missing columns, a file outside the folder or unreadable, images of several sizes, a label
            that is no class, or what `Dataset` refuses.
    """
    content, rows = _read_table(folder / TABLE)
    columns = {name: np.array([row[name] for row in rows], dtype=np.str_) for name in rows[0]}
    sha = hashlib.sha256(content)
    files, split, named = columns.pop("file"), columns.pop("split"), columns.pop("label")
    label, classes = _number_labels(folder / TABLE, named, identity.classes)
    groups = {name: unify_column(f"{folder / TABLE}: '{name}'", values) for name, values in columns.items()}
    ids, notes = take_ids(groups, TABLE)
    return Dataset(
        name=identity.name,
        x=_read_images(folder, files, sha, say),
        label=label,
        ids=files if ids is None else ids,
        split=np.array([PREFIXES.get(value, value) for value in split.tolist()], dtype=np.str_),
        classes=classes,
        source=identity.source,
        licence=identity.licence,
        sha256=sha.hexdigest(),
        official=identity.official,
        groups=finish_columns(str(folder / TABLE), groups),
        exact=take_exact(groups),
        notes=(*identity.notes, *notes),
    )


def _read_table(path: Path) -> tuple[bytes, list[dict[str, str]]]:
    try:
        content = path.read_bytes()
        reader = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        header = [name.strip() for name in reader.fieldnames or ()]
        reader.fieldnames = header
        rows = list(reader)
    except OSError as error:
        raise DataError(
            f"expected a table of the images at {path}, found none: {error.strerror}",
            hint=f"a folder of images needs a {TABLE} with the columns {', '.join(_NEEDED)}",
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is not a CSV file in UTF-8: {error}") from error
    missing = [name for name in _NEEDED if name not in header]
    if missing or len(set(header)) != len(header) or "" in header:
        raise DataError(
            f"{path}: expected distinct columns with {', '.join(_NEEDED)} among them, found {', '.join(header)}"
        )
    if not rows:
        raise DataError(f"{path}: expected one row for each image, found none")
    for number, row in enumerate(rows, start=2):
        if None in row or None in row.values():
            raise DataError(f"{path}: row {number}: expected {len(header)} values, found more or fewer")
    return content, [{name: value.strip() for name, value in row.items()} for row in rows]


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


def _read_images(folder: Path, files: NDArray[np.str_], sha: Any, say: Say) -> NDArray[np.uint8]:
    x: NDArray[np.uint8] | None = None
    for index, (path, content) in enumerate(_read_files(folder, files)):
        sha.update(hashlib.sha256(content).digest())
        pixels = _decode(path, content)
        if x is None:
            x = np.empty((len(files), *pixels.shape), dtype=np.uint8)
        if pixels.shape != x.shape[1:]:
            raise DataError(
                f"{path}: expected images of one size and colour, {x.shape[1:]} like the first, found {pixels.shape}",
                hint="resize all images in the same way before the audit",
            )
        x[index] = pixels
        say("read images", index + 1, len(files))
    if x is None:
        raise DataError(f"{folder}: expected images, found none")
    return x


def _read_files(folder: Path, files: NDArray[np.str_]) -> Iterator[tuple[Path, bytes]]:
    root = folder.resolve()
    for name in files.tolist():
        path = (root / name).resolve()
        if not name or not path.is_relative_to(root):
            raise DataError(f"{folder / TABLE}: expected files inside the folder, found '{name}'")
        try:
            yield path, path.read_bytes()
        except OSError as error:
            raise DataError(f"expected an image at {path}, found none: {error.strerror}") from error


def _decode(path: Path, content: bytes) -> NDArray[np.uint8]:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(content)) as image:  # reads the header only: size and mode are checked before pixels
            if image.mode not in _MODES or max(image.size) > _LARGEST_SIDE:
                raise DataError(
                    f"{path}: expected an 8-bit grey or RGB image of at most {_LARGEST_SIDE} x {_LARGEST_SIDE} pixels, "
                    f"found mode {image.mode}, {image.size[0]} x {image.size[1]}"
                )
            pixels = np.asarray(image, dtype=np.uint8)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{path} is not a readable image: {error}") from error
    return pixels.reshape(*pixels.shape[:2], -1)
