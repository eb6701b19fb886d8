"""A CSV that somebody else wrote, as columns of text."""

import csv
import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.data.images import read_limited
from unlearn_audit.errors import DataError

_LARGEST_TABLE = 256 * 2**20

Columns = dict[str, NDArray[np.str_]]


def read_columns(path: Path, needed: tuple[str, ...]) -> tuple[bytes, Columns]:
    """Return the bytes of the CSV (UTF-8, comma, header) at `path`, and its columns as stripped text.

    Raises:
        DataError: no such file, one that is huge or no CSV in UTF-8, columns that repeat or lack one of `needed`, rows
            of another length, or no row at all.
    """
    content = read_limited(path, _LARGEST_TABLE, "a table")
    try:
        reader = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        header = [name.strip() for name in reader.fieldnames or ()]
        reader.fieldnames = header
        rows = list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is not a CSV file in UTF-8: {error}") from error
    missing = [name for name in needed if name not in header]
    if missing or len(set(header)) != len(header) or "" in header:
        raise DataError(
            f"{path}: expected distinct columns with {', '.join(needed)} among them, found {', '.join(header)}"
        )
    if not rows:
        raise DataError(f"{path}: expected one row for each image, found none")
    for number, row in enumerate(rows, start=2):
        if None in row or None in row.values():
            raise DataError(f"{path}: row {number}: expected {len(header)} values, found more or fewer")
    return content, {name: np.array([row[name].strip() for row in rows], dtype=np.str_) for name in header}
