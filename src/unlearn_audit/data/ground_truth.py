"""Ground truth of the ISIC challenges as each year published it.

2016 (Part 3): two columns without a header, image and 'benign' or 'malignant' (in the test set 0.0 or 1.0). 2017:
image_id, melanoma, seborrheic_keratosis; an image that is neither is a nevus (Codella et al. 2018, arXiv 1710.05006).
2018 and 2019: image and one column for each class, one of which is 1. 2020: image_name, patient_id, ...,
benign_malignant, target.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.data.csv_table import Columns, read_columns
from unlearn_audit.data.dataset import name_some
from unlearn_audit.data.images import read_limited
from unlearn_audit.data.split_names import find_split
from unlearn_audit.errors import DataError
from unlearn_audit.records.intake import IntakeEntry, note_intake

_IMAGES = ("image", "image_id", "image_name", "isic_id")
_OWN = ("split", "patient_id", "lesion_id")
_OUTCOME = "benign_malignant"
_OUTCOMES = ("benign", "malignant")
_OF_2017 = frozenset({"melanoma", "seborrheic_keratosis"})
_HEAD_BYTES = 4_096


@dataclass(frozen=True, eq=False)
class Diagnoses:
    """What tables say of images: bytes, ids and what they are called, the name of each one's class, other columns."""

    content: bytes
    ids: NDArray[np.str_]
    id_column: str
    named: NDArray[np.str_]
    columns: Columns
    intake: tuple[IntakeEntry, ...] = field(default=())


def find_image_column(columns: Iterable[str]) -> str | None:
    """Return the column that names images, None where there is none."""
    return next((name for name in columns if name.lower() in _IMAGES), None)


def read_truths(tables: Sequence[Path]) -> Diagnoses:
    """Return the ground truth in `tables`; where there are several their names say the splits.

    Raises:
        DataError: none of the published forms, or several or no class of one image.
    """
    if len(tables) == 1:
        return _read_one(tables[0])
    parts = []
    for table in tables:
        part = _read_one(table)
        split = np.full(len(part.ids), find_split(table) or "")
        parts.append(replace(part, columns={**part.columns, "split": split}))
    entry = note_intake("splits.file-names", files=[table.name for table in tables])
    whole = reduce(_append, parts)
    return replace(whole, intake=(*whole.intake, entry))


def _append(whole: Diagnoses, part: Diagnoses) -> Diagnoses:
    def fill(columns: Columns, name: str, n: int) -> NDArray[np.str_]:
        return columns.get(name, np.full(n, "", dtype=np.str_))

    names = dict.fromkeys((*whole.columns, *part.columns))
    return Diagnoses(
        content=whole.content + part.content,
        ids=np.concatenate([whole.ids, part.ids]),
        id_column=whole.id_column,
        named=np.concatenate([whole.named, part.named]),
        columns={
            name: np.concatenate([fill(whole.columns, name, len(whole.ids)), fill(part.columns, name, len(part.ids))])
            for name in names
        },
        intake=(*whole.intake, *part.intake),
    )


def _read_one(table: Path) -> Diagnoses:
    first = next(iter(read_limited(table, 2**28, "a table")[:_HEAD_BYTES].decode("utf-8", "replace").splitlines()), "")
    cells = [cell.strip() for cell in first.lstrip("\ufeff").split(",")]
    if len(cells) == 2 and cells[0].upper().startswith("ISIC_"):  # noqa: PLR2004 - image and class
        return _read_2016(table)
    content, columns = read_columns(table, ())
    column = find_image_column(columns)
    if column is None:
        raise DataError(f"{table}: expected a column of images ({', '.join(_IMAGES)}), found {', '.join(columns)}")
    ids = columns.pop(column)
    own = {name: columns.pop(name) for name in _OWN if name in columns}
    if _OUTCOME in columns:
        named = columns.pop(_OUTCOME)
        _validate_outcomes(table, ids, named)
        return Diagnoses(content, ids, column, named, {**own, **columns})
    named, intake = _read_one_hot(table, ids, columns)
    return Diagnoses(content, ids, column, named, own, intake)


def _read_2016(table: Path) -> Diagnoses:
    content, columns = read_columns(table, (), header=("image", "label"))
    label = columns["label"]
    numbers = {"0.0": "benign", "1.0": "malignant", "0": "benign", "1": "malignant"}
    named = np.array([numbers.get(text, text.lower()) for text in label.tolist()], dtype=np.str_)
    _validate_outcomes(table, columns["image"], named)
    return Diagnoses(content, columns["image"], "image", named, {})


def _validate_outcomes(table: Path, ids: NDArray[np.str_], named: NDArray[np.str_]) -> None:
    wrong = ~np.isin(named, _OUTCOMES)
    if wrong.any():
        raise DataError(
            f"{table}: expected {' or '.join(_OUTCOMES)}, found {name_some(np.unique(named[wrong]))} at "
            f"{name_some(ids[wrong])}"
        )


def _read_one_hot(
    table: Path, ids: NDArray[np.str_], columns: Columns
) -> tuple[NDArray[np.str_], tuple[IntakeEntry, ...]]:
    classes = np.array(list(columns), dtype=np.str_)
    try:
        shares = np.column_stack([column.astype(np.float64) for column in columns.values()])
    except ValueError as error:
        raise DataError(f"{table}: expected 0 or 1 for each class, found {error}") from error
    entries = []
    if set(classes.tolist()) == _OF_2017:
        rest = (shares.sum(axis=1) == 0).astype(np.float64)
        classes, shares = np.append(classes, "nevus"), np.column_stack([shares, rest])
        entries.append(note_intake("labels.rest", n=int(rest.sum()), name="nevus", title="the ISIC challenge of 2017"))
    wrong = ~np.isin(shares, (0.0, 1.0)).all(axis=1) | (shares.sum(axis=1) != 1)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        found = ", ".join(f"{name} {share:g}" for name, share in zip(classes, shares[row], strict=True) if share)
        raise DataError(
            f"{table}: expected one class of each image, found {found or 'none'} for '{ids[row]}', "
            f"and such in {int(wrong.sum())} of {len(ids)} rows"
        )
    empty = classes[~shares.any(axis=0)].tolist()
    if empty:
        entries.append(note_intake("labels.absent", classes=empty))
    return classes[shares.argmax(axis=1)], tuple(entries)
