"""One CSV or Parquet file as columns. Text stays text: an id '007' is not the number 7. Bounded before it is read."""

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.data.columns import read_text
from unlearn_audit.data.dataset import name_some
from unlearn_audit.errors import EvidenceError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

LARGEST_FILE = 1 << 30
"""Bytes of a file, and of a Parquet file's columns once they are unpacked."""
LARGEST_HEAD = 1 << 20
_DELIMITERS = ",;\t"
_SMALLER = "leave out columns that are not needed, or write float32 Parquet instead of CSV"
PER_RECORD = (
    "one row for each record with id, split, label and every model's probabilities is needed. Aggregate figures alone "
    "(one row a model) are observation only and never drive a verdict: state them under 'observations' in a case file"
)


@dataclass(frozen=True, eq=False)
class Table:
    """A file's columns as they were read.

    Attributes:
        where: the file, as messages name it.
        sha256: of the file.
        columns: by name, all of one length.
        first_row: number of the first record's row as a spreadsheet counts it: 2 below a CSV's header.
        decimal_comma: whether a comma in a number is a decimal point: in files with semicolons.
    """

    where: str
    sha256: str
    columns: "Mapping[str, pa.ChunkedArray]"
    first_row: int
    decimal_comma: bool = False

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(next(iter(self.columns.values()))) if self.columns else 0

    def texts(self, name: str) -> NDArray[np.str_]:
        """Return (n,) the column as stripped text; nothing is ''.

        Raises:
            EvidenceError: neither text nor numbers, such as a list.
        """
        import pyarrow as pa

        column = self.columns[name]
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type) or column.null_count:
            values = np.array([_as_text(item) for item in column.to_pylist()], dtype=np.str_)
        else:
            values = column.to_numpy()
        return read_text(f"{self.where}: '{name}'", values)

    def numbers(self, name: str) -> NDArray[np.float64]:
        """Return (n,) the column as finite numbers.

        Raises:
            EvidenceError: text that is no number, nothing at all, NaN or infinity: with row and column.
        """
        import pyarrow as pa

        column = self.columns[name]
        if pa.types.is_floating(column.type) or pa.types.is_integer(column.type):
            values = column.cast(pa.float64()).to_numpy()
            return self._validate_finite(name, values, [])
        texts = self.texts(name).tolist()
        written = [text.replace(",", ".") for text in texts] if self.decimal_comma else texts
        try:
            values = np.array(written, dtype=np.float64)
        except ValueError:
            values = np.array([_read_number(text) for text in written], dtype=np.float64)
        return self._validate_finite(name, values, texts)

    def _validate_finite(self, name: str, values: NDArray[np.float64], texts: list[str]) -> NDArray[np.float64]:
        bad = np.flatnonzero(~np.isfinite(values))
        if bad.size:
            said = texts[bad[0]] if texts else "nothing (or NaN)" if np.isnan(values[bad[0]]) else str(values[bad[0]])
            found = f"'{said[:40]}'" if texts and said else said or "an empty cell"
            raise EvidenceError(
                f"{self.where}: row {bad[0] + self.first_row}, column '{name}': expected a finite number, found {found}"
                + (f", as in {len(bad) - 1} more rows" if len(bad) > 1 else ""),
                hint="a record without a prediction cannot be judged; mend the export, never fill in a guess",
            )
        return values


def _as_text(item: Any) -> str:
    if item is None:
        return ""
    return str(int(item)) if isinstance(item, float) and item.is_integer() else str(item)


def _read_number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return np.nan


def read_table(path: Path) -> Table:
    """Read a `.csv` (also `.tsv`, `.txt`) or `.parquet` file.

    CSV: UTF-8 with or without byte-order mark; comma, semicolon (then decimal commas are understood) or tab; one line
    a record. Every column is read as text, so that zeros in front of an id stay. Empty lines are not counted as rows.

    Raises:
        EvidenceError: no such file, another format, too large, broken, or columns that share a name.
    """
    if not path.is_file():
        raise EvidenceError(f"expected predictions at {path}, found no file")
    if path.suffix.lower() not in {".csv", ".tsv", ".txt", ".parquet"}:
        raise EvidenceError(f"expected predictions as .csv or .parquet, found {path}", hint=PER_RECORD)
    size = path.stat().st_size
    if size > LARGEST_FILE:
        raise EvidenceError(
            f"{path}: expected at most {LARGEST_FILE:,} bytes of predictions, found {size:,}", hint=_SMALLER
        )
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    table = _read_parquet(path, digest) if path.suffix.lower() == ".parquet" else _read_csv(path, digest)
    if not len(table):
        raise EvidenceError(f"{path}: expected one row for each record, found none", hint=PER_RECORD)
    return table


def _validate_column_names(path: Path, names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice or "" in names:
        found = f"{name_some(twice)} more than once" if twice else "one without a name"
        raise EvidenceError(f"{path}: expected columns with distinct names, found {found}")


def _read_parquet(path: Path, digest: str) -> Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        about = pq.read_metadata(path)
        unpacked = sum(about.row_group(index).total_byte_size for index in range(about.num_row_groups))
        if unpacked > LARGEST_FILE:
            raise EvidenceError(
                f"{path}: expected at most {LARGEST_FILE:,} bytes once unpacked, found {unpacked:,}", hint=_SMALLER
            )
        found = pq.read_table(path)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise EvidenceError(f"{path} is not a readable Parquet file ({type(error).__name__})") from error
    names = [str(name).strip() for name in found.column_names]
    _validate_column_names(path, names)
    kept = {name: column for name, column in zip(names, found.columns, strict=True) if not name.startswith("__index")}
    return Table(str(path), digest, kept, first_row=1)


def _read_csv(path: Path, digest: str) -> Table:
    import pyarrow as pa
    from pyarrow import csv as reader

    names, delimiter = _read_header(path)
    try:
        found = reader.read_csv(
            path,
            read_options=reader.ReadOptions(column_names=names, skip_rows=1, use_threads=False),
            parse_options=reader.ParseOptions(delimiter=delimiter),
            convert_options=reader.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                strings_can_be_null=False,
                quoted_strings_can_be_null=False,
            ),
        )
    except pa.ArrowException as error:
        raise EvidenceError(f"{path} is not a CSV of {len(names)} columns throughout: {error}") from error
    columns = dict(zip(names, found.columns, strict=True))
    return Table(str(path), digest, columns, first_row=2, decimal_comma=delimiter == ";")


def _read_header(path: Path) -> tuple[list[str], str]:
    """Return the names of the columns and what parts them."""
    with path.open("rb") as file:
        line = file.readline(LARGEST_HEAD)
    try:
        text = line.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise EvidenceError(
            f"{path}: expected text in UTF-8, found other bytes in the first line", hint="save it as 'CSV UTF-8'"
        ) from error
    if "\0" in text or not text.strip():
        raise EvidenceError(f"{path}: expected a header in the first line, found none", hint=PER_RECORD)
    delimiter = max(_DELIMITERS, key=text.count)
    names = [name.strip() for name in next(csv.reader([text], delimiter=delimiter))]
    _validate_column_names(path, names)
    return names, delimiter
