"""Embeddings of images by a frozen backbone; the head on top of it is what is audited."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.data.archive import Archive, open_archive
from unlearn_audit.data.columns import finish_columns, read_text, take_exact, take_ids, unify_column
from unlearn_audit.data.dataset import Dataset, name_some
from unlearn_audit.data.npz import PREFIXES, compute_checksums, number_classes
from unlearn_audit.data.split_names import read_splits
from unlearn_audit.errors import DataError
from unlearn_audit.records import ProgressCallback, write_message
from unlearn_audit.records.intake import IntakeEntry, note_intake

TITLE = "embeddings of your images by a frozen backbone: --data with an npz of features, labels and split"
_FEATURES, _LABELS, _SPLIT, _CLASSES = "features", "labels", "split", "classes"
_MATRIX = 2


def load_embeddings(path: Path | None, *, download: bool, progress: ProgressCallback) -> Dataset:
    """Load an npz of embeddings.

    Either flat: `features` (n, d), `labels` (n,), `split` (n,) of train, val (or validation) and test, and columns
    (n,); or in MedMNIST's manner: `train_features`, `train_labels` and the same for val and test. Columns are read as
    in `load_npz`: `id`, `image_id` or `record_id` names the records, others are groups, `age` becomes a band. `classes`
    names the classes. Numbers are taken as they are: scale them before, or declare 'preprocessing: {mean, std}'.

    Args:
        path: required.
        download: not needed, nothing is fetched.
        progress: progress.

    Raises:
        DataError: no path, no such arrays, shapes that do not fit, pickled arrays, or what `Dataset` refuses.
    """
    del download
    if path is None:
        raise DataError("'embeddings' needs a file, found none", hint="add 'embeddings: features.npz' to the case file")
    progress("load embeddings", 0, 1)
    with open_archive(path) as archive:
        columns = _read_all(archive)
        classes = _read_classes(archive)
    x, label = _take_features(path, columns), _take_labels(path, columns)
    split, spelt = _take_split(path, columns, len(x))
    texts = {name: unify_column(f"{path}: '{name}'", values) for name, values in columns.items()}
    ids, passed, column = take_ids(texts, path.name)
    if ids is None:
        ids = np.array([f"record-{row}" for row in range(len(x))])
    progress("load embeddings", 1, 1)
    return Dataset(
        name="embeddings",
        x=x,
        label=label,
        ids=ids,
        split=split,
        classes=classes or number_classes(str(path), label),
        source=f"the user's own embeddings: {path.name}",
        licence="not stated",
        sha256=compute_checksums(path).sha256,
        groups=finish_columns(str(path), texts),
        exact=take_exact(texts),
        notes=(write_message("embeddings-of-a-backbone"),),
        intake=(
            *passed,
            note_intake("ids.column", column=f"'{column}'") if column else note_intake("ids.numbered", where=path.name),
            *spelt,
            note_intake("labels.names", classes=classes) if classes else note_intake("labels.unnamed"),
            note_intake("pixels.features"),
        ),
    )


def _read_all(archive: Archive) -> dict[str, NDArray[Any]]:
    """Return every array over all records, those of the three splits one after another."""
    names = [name for name in archive.names if name != _CLASSES]
    if f"train_{_FEATURES}" not in names:
        return {name: archive.read(name) for name in names}
    suffixes = dict.fromkeys(n.partition("_")[2] for n in names if n.partition("_")[0] in PREFIXES)
    missing = [f"{prefix}_{s}" for s in suffixes for prefix in PREFIXES if f"{prefix}_{s}" not in names]
    if missing:
        raise DataError(f"{archive.path}: expected every array for train, val and test; missing {name_some(missing)}")
    parts = {s: [archive.read(f"{prefix}_{s}") for prefix in PREFIXES] for s in suffixes}
    found = {s: np.concatenate(arrays) for s, arrays in parts.items()}
    return found | {_SPLIT: np.repeat(np.array(tuple(PREFIXES.values())), [len(part) for part in parts[_FEATURES]])}


def _read_classes(archive: Archive) -> tuple[str, ...] | None:
    if _CLASSES not in archive.names:
        return None
    return tuple(read_text(f"{archive.path}: '{_CLASSES}'", archive.read(_CLASSES).reshape(-1)).tolist())


def _take_features(path: Path, columns: dict[str, NDArray[Any]]) -> NDArray[np.float32]:
    if missing := [name for name in (_FEATURES, _LABELS, _SPLIT) if name not in columns]:
        raise DataError(
            f"{path}: expected the arrays features, labels and split (or train_features, train_labels, ...); missing "
            f"{', '.join(missing)}; found {name_some(columns, 9) or 'none'}"
        )
    x = columns.pop(_FEATURES)
    if x.ndim != _MATRIX or x.dtype.kind != "f":
        raise DataError(
            f"{path}: expected 'features' as floats of shape (n, d), found {x.dtype} of shape {x.shape}",
            hint="one vector a record: pool feature maps before they are saved",
        )
    _validate_lengths(path, columns, len(x))
    return np.ascontiguousarray(x, dtype=np.float32)


def _validate_lengths(path: Path, columns: Mapping[str, NDArray[Any]], n: int) -> None:
    for name, values in columns.items():
        if values.shape not in {(n,), (n, 1)}:
            raise DataError(f"{path}: expected {n} values in '{name}', one for each record, found shape {values.shape}")


def _take_labels(path: Path, columns: dict[str, NDArray[Any]]) -> NDArray[np.int64]:
    values = columns.pop(_LABELS).reshape(-1)
    if values.dtype.kind not in "iu":
        raise DataError(f"{path}: expected whole numbers as 'labels', found {values.dtype}")
    return values.astype(np.int64)


def _take_split(
    path: Path, columns: dict[str, NDArray[Any]], n: int
) -> tuple[NDArray[np.str_], tuple[IntakeEntry, ...]]:
    where = f"{path}: '{_SPLIT}'"
    split, spelt = read_splits(where, read_text(where, columns.pop(_SPLIT).reshape(-1)))
    for name, values in columns.items():
        columns[name] = values.reshape(n)
    return split, (note_intake("splits.column", column=_SPLIT), *spelt)
