"""An npz in MedMNIST's format, with extra arrays as group columns."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.data.archive import Archive, open_archive
from unlearn_audit.data.columns import finish_columns, read_text, take_exact, take_ids, unify_column
from unlearn_audit.data.dataset import SPLITS, Dataset
from unlearn_audit.data.load_options import PLAIN, LoadOptions
from unlearn_audit.data.store import keep_images
from unlearn_audit.data.stored import Inputs, is_large
from unlearn_audit.errors import DataError
from unlearn_audit.records import Message, ProgressCallback, ignore_progress
from unlearn_audit.records.intake import IntakeEntry, note_intake

PREFIXES = dict(zip(("train", "val", "test"), SPLITS, strict=True))
"""How MedMNIST abbreviates the splits."""

_CLASSES = "classes"
_MOST_CLASSES = 1_000
_GREY_AXES = 3  # (n, height, width): the channel axis is added


@dataclass(frozen=True)
class Identity:
    """What a file cannot say about itself.

    `classes` is None where the file's own array `classes` shall say it, or else the labels are named by number;
    `codes` is what the metadata of the images' source call them, in the same order.
    """

    name: str
    source: str
    licence: str
    classes: tuple[str, ...] | None = None
    official: bool | None = None
    notes: tuple[Message, ...] = ()
    codes: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Checksums:
    """Hex digests of one file; MD5 because that is what is published, SHA-256 because that is what holds."""

    md5: str
    sha256: str


def compute_checksums(path: Path) -> Checksums:
    """Return both digests of the file at `path` in one pass.

    Raises:
        DataError: the file cannot be read.
    """
    md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(2**20):
                md5.update(chunk)
                sha256.update(chunk)
    except OSError as error:
        found = "nothing" if isinstance(error, FileNotFoundError) else (error.strerror or str(error))
        raise DataError(f"expected an npz file at {path}, found {found}") from error
    return Checksums(md5.hexdigest(), sha256.hexdigest())


def load_npz(
    path: Path,
    identity: Identity,
    sha256: str,
    options: LoadOptions = PLAIN,
    progress: ProgressCallback = ignore_progress,
) -> Dataset:
    """Read an npz in MedMNIST's format: `train_images`, `train_labels`, and the same for `val` and `test`.

    Further one-dimensional arrays become group columns (`train_lesion_id`, `train_sex`, ...; a column is given for
    all three splits or for none). `image_id`, `record_id` or `id` names the records where it is unique, else they are
    called '<split>-<index>', counted from zero within the split. `age` becomes `age_band`. An array `classes` of
    strings names the classes.

    Args:
        path: the file.
        identity: name, classes and origin of the data.
        sha256: digest of the file, see `compute_checksums`.
        options: where large sets are kept.
        progress: progress.

    Raises:
        DataError: missing arrays, wrong shapes or types, pickled arrays, damaged file, or what `Dataset` refuses.
    """
    if options.images.declared:
        raise DataError(
            f"'images' of the case file would do nothing: those in {path} are of one size and stay as they are",
            hint="leave it out; what an external model sees is declared under 'preprocessing'",
        )
    if options.columns != PLAIN.columns:
        raise DataError(f"'columns' of the case file would do nothing but for 'groups': {path} names its own arrays")
    with open_archive(path) as archive:
        _validate_present(archive)
        sizes = [archive.read_header(f"{prefix}_images").shape[0] for prefix in PREFIXES]
        label = np.concatenate([_read_labels(archive, prefix, n) for prefix, n in zip(PREFIXES, sizes, strict=True)])
        columns, unread = _read_columns(archive, sizes)
        classes = _name_classes(archive, identity, label)
        x = _read_images(archive, sum(sizes), sha256, options, progress)
    ids, passed, id_column = take_ids(columns, path.name)
    split = np.repeat(np.array(SPLITS), sizes)
    if ids is None:
        ids = np.array([f"{name}-{i}" for name, n in zip(SPLITS, sizes, strict=True) for i in range(n)], dtype=np.str_)
    return Dataset(
        name=identity.name,
        x=x,
        label=label,
        ids=ids,
        split=split,
        classes=classes,
        source=identity.source,
        licence=identity.licence,
        sha256=sha256,
        official=identity.official,
        groups=finish_columns(str(path), columns),
        exact=take_exact(columns),
        notes=identity.notes,
        intake=(
            note_intake("ids.column", column=f"'{id_column}'")
            if id_column
            else note_intake("ids.numbered", where=path.name),
            note_intake("splits.data"),
            _describe_labels(identity, classes),
            note_intake("pixels.array"),
            *passed,
            *unread,
        ),
        id_names=(id_column,) if id_column else (),
    )


def _describe_labels(identity: Identity, classes: tuple[str, ...]) -> IntakeEntry:
    if identity.classes is not None:
        return note_intake("labels.published", title=identity.name, classes=classes)
    numbered = classes == tuple(map(str, range(len(classes))))
    return note_intake("labels.unnamed") if numbered else note_intake("labels.names", classes=classes)


def number_classes(where: str, label: NDArray[np.int64]) -> tuple[str, ...]:
    """Return '0', '1', ... up to the largest label: the names of classes that nobody named.

    Raises:
        DataError: a label above 999, which is hardly a class.
    """
    largest = int(label.max(initial=0))
    if largest >= _MOST_CLASSES:
        raise DataError(f"{where}: expected labels that number at most {_MOST_CLASSES} classes, found {largest}")
    return tuple(str(number) for number in range(largest + 1))


def _validate_present(archive: Archive) -> None:
    expected = [f"{prefix}_{what}" for prefix in PREFIXES for what in ("images", "labels")]
    missing = [name for name in expected if name not in archive.names]
    if missing:
        raise DataError(
            f"{archive.path}: expected the arrays {', '.join(expected)}; missing {', '.join(missing)}; "
            f"found {', '.join(archive.names) or 'no array at all'}",
            hint="the file needs MedMNIST's format: images and labels of train, val and test",
        )


def _read_labels(archive: Archive, prefix: str, n: int) -> NDArray[np.int64]:
    name = f"{prefix}_labels"
    header = archive.read_header(name)
    if len(header.shape) == 2 and header.shape[1] > 1:  # noqa: PLR2004
        raise DataError(
            f"{archive.path}: '{name}' has {header.shape[1]} labels per record (multi-label), expected one",
            hint="reduce them to one class per record; a multi-label task cannot be audited",
        )
    if header.shape not in {(n,), (n, 1)}:
        raise DataError(f"{archive.path}: expected {n} labels in '{name}', found shape {header.shape}")
    if header.dtype.kind not in "iu":
        raise DataError(f"{archive.path}: expected whole numbers as labels in '{name}', found {header.dtype}")
    values = archive.read(name).reshape(-1)
    if values.size and values.max() > np.iinfo(np.int64).max:
        raise DataError(f"{archive.path}: '{name}' holds labels that are no class numbers: {values.max()}")
    return values.astype(np.int64)


def _read_images(archive: Archive, n: int, sha256: str, options: LoadOptions, progress: ProgressCallback) -> Inputs:
    names = [f"{prefix}_images" for prefix in PREFIXES]
    headers = [archive.read_header(name) for name in names]
    first = headers[0]
    for name, header in zip(names, headers, strict=True):
        if header.dtype != np.uint8 or len(header.shape) not in (_GREY_AXES, _GREY_AXES + 1):
            raise DataError(
                f"{archive.path}: expected '{name}' as uint8 of shape (n, height, width) or (n, height, width, 3), "
                f"found {header.dtype} of shape {header.shape}",
                hint="scale pixels to 0..255 and save them as uint8",
            )
        if header.shape[1:] != first.shape[1:]:
            raise DataError(
                f"{archive.path}: expected images of one size, found {first.shape[1:]} in '{names[0]}' "
                f"and {header.shape[1:]} in '{name}'"
            )
    shape = (n, *first.shape[1:]) if len(first.shape) > _GREY_AXES else (n, *first.shape[1:], 1)
    if is_large(shape):
        return keep_images(options.cache, f"npz {sha256}", shape, lambda: _unpack(archive, names, n, progress))
    x = np.empty(shape, dtype=np.uint8)
    start = 0
    for name, header in zip(names, headers, strict=True):
        archive.read_into(name, x[start : start + header.shape[0]].reshape(header.shape))
        start += header.shape[0]
    return x


def _unpack(archive: Archive, names: list[str], n: int, progress: ProgressCallback) -> Iterator[NDArray[np.uint8]]:
    done = 0
    for name in names:
        for block in archive.read_blocks(name):
            yield block
            done += len(block)
            progress("unpack images", done, n)


def _read_columns(archive: Archive, sizes: list[int]) -> tuple[dict[str, NDArray[np.str_]], tuple[IntakeEntry, ...]]:
    unread = [name for name in archive.names if name != _CLASSES and name.partition("_")[0] not in PREFIXES]
    suffixes = [name.partition("_")[2] for name in archive.names if name not in unread and name != _CLASSES]
    columns = {}
    for suffix in dict.fromkeys(suffix for suffix in suffixes if suffix not in ("images", "labels", "")):
        names = [f"{prefix}_{suffix}" for prefix in PREFIXES]
        missing = [name for name in names if name not in archive.names]
        if missing:
            raise DataError(
                f"{archive.path}: the column '{suffix}' needs {', '.join(names)}; missing {', '.join(missing)}",
                hint="where the values are unknown, add an array of empty strings",
            )
        parts = [_read_column(archive, name, n) for name, n in zip(names, sizes, strict=True)]
        found = [part for part in parts if part is not None]
        if len(found) == len(parts):
            columns[suffix] = np.concatenate(found)
        else:
            unread.extend(names)
    left = (note_intake("columns.unread", where=archive.path.name, names=unread),) if unread else ()
    return columns, left


def _read_column(archive: Archive, name: str, n: int) -> NDArray[np.str_] | None:
    shape = archive.read_header(name).shape
    if shape not in {(n,), (n, 1)}:
        if len(shape) > 1:
            return None  # masks, embeddings, ...: not a column; named in the notes
        raise DataError(f"{archive.path}: expected {n} values in '{name}', found shape {shape}")
    return unify_column(f"{archive.path}: '{name}'", archive.read(name).reshape(-1))


def _name_classes(archive: Archive, identity: Identity, label: NDArray[np.int64]) -> tuple[str, ...]:
    """Never two meanings of one label: a file that names its classes must agree with the published names."""
    own: tuple[str, ...] | None = None
    if _CLASSES in archive.names:
        own = tuple(read_text(f"{archive.path}: '{_CLASSES}'", archive.read(_CLASSES).reshape(-1)).tolist())
    if identity.classes is None:
        return own if own is not None else number_classes(str(archive.path), label)
    if own is not None and own != identity.classes:
        raise DataError(
            f"{archive.path}: the file names its classes {list(own)}, but '{identity.name}' has "
            f"{list(identity.classes)}",
            hint="if the labels mean something else here, name the data set 'own-data' in the policy or case",
        )
    return identity.classes
