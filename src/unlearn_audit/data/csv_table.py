"""Reads an untrusted CSV as columns of text."""

import csv
import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unlearn_audit import limits
from unlearn_audit.data.images import read_limited
from unlearn_audit.errors import DataError

_DELIMITERS = ",;\t"

Columns = dict[str, NDArray[np.str_]]


def read_columns(path: Path, needed: tuple[str, ...], header: tuple[str, ...] = ()) -> tuple[bytes, Columns]:
    """Return the bytes of the CSV (UTF-8; comma, semicolon or tab) at `path`, and its columns as stripped text.

    Args:
        path: the file.
        needed: columns that must be there.
        header: names of the columns where the file itself has no header.

    Raises:
        DataError: no such file, a link, one that is huge or no CSV in UTF-8, columns that repeat or lack one of
            `needed`, rows of another length, or no row at all.
    """
    if path.is_symlink():
        raise DataError(f"expected a table at {path}, found a link", hint="put the file itself there")
    content = read_limited(path, limits.FOLDER_TABLE.most, "a table")
    try:
        text = content.decode("utf-8-sig")
        first = next(io.StringIO(text, newline=None), "")
        delimiter = max(_DELIMITERS, key=first.count)
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is not a CSV file in UTF-8: {error}") from error
    names = [name.strip() for name in header or (rows.pop(0) if rows else ())]
    missing = [name for name in needed if name not in names]
    if missing or len(set(names)) != len(names) or "" in names[1:]:
        raise DataError(
            f"{path}: expected distinct columns with {', '.join(needed)} among them, found {', '.join(names)}"
        )
    if not rows:
        raise DataError(f"{path}: expected one row for each image, found none")
    for number, row in enumerate(rows, start=1 if header else 2):
        if len(row) != len(names):
            raise DataError(f"{path}: row {number}: expected {len(names)} values, found more or fewer")
    cells = zip(*rows, strict=True)
    return content, {
        name: np.array([cell.strip() for cell in column], dtype=np.str_)
        for name, column in zip(names, cells, strict=True)
        if name
    }
