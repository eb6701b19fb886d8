"""One CSV or Parquet file as columns. Text stays text: an id '007' is not the number 7. Bounded before it is read."""

import csv
import hashlib
import io
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from unlearn_audit import limits
from unlearn_audit.data.dataset import name_some
from unlearn_audit.errors import EvidenceError
from unlearn_audit.evidence.predictions.cells import to_numbers, to_texts

if TYPE_CHECKING:
    import pyarrow as pa

    Columns = dict[str, pa.ChunkedArray]

_DELIMITERS = ",;\t"
_SMALLER = "leave out columns that are not needed, or write float32 Parquet instead of CSV"
_SMALL_BYTES, _MOST_RATIO = 64 * 2**20, 100
PER_RECORD = (
    "one row for each record with id, split, label and every model's probabilities is needed. Aggregate figures alone "
    "(one row a model) are observation only and never drive a verdict: state them under 'observations' in a case file"
)
NAMELESS = re.compile(r"(?:Unnamed: \d+(?:\.\d+)?|__index_level_\d+__)?")
"""What pandas calls a column that has no name: the index that was written along."""
_EVALUATOR = re.compile(r".+_(?P<split>[A-Za-z]+)_\[AUC\][0-9.]+_\[ACC\][0-9.]+@(?P<model>[A-Za-z0-9][A-Za-z0-9_.-]*)")
"""Files of MedMNIST's evaluator: `<flag>_<split>_[AUC]..._[ACC]...@<run>.csv`, without header, labels or ids."""


@dataclass(frozen=True, eq=False)
class Table:
    """A file's columns; one is read when it is first asked for.

    Attributes:
        path: the file.
        sha256: of the file.
        names: of its columns.
        first_row: number of the first record's row as a spreadsheet counts it: 2 below a CSV's header.
        decimal_comma: whether a comma in a number is a decimal point: in files with semicolons or tabs.
        evaluator: split and model of a file of MedMNIST's evaluator, None for others.
    """

    path: Path
    sha256: str
    names: tuple[str, ...]
    first_row: int
    load: "Callable[[Sequence[str]], Columns]"
    decimal_comma: bool = False
    evaluator: tuple[str, str] | None = None
    _read: "Columns" = field(default_factory=dict, init=False, repr=False)

    @property
    def where(self) -> str:
        """The file, as messages name it."""
        return str(self.path)

    def __len__(self) -> int:
        """Return the number of rows of what was read."""
        return len(next(iter(self._read.values()))) if self._read else 0

    def read(self, names: Iterable[str]) -> None:
        """Read the columns `names` at once.

        Raises:
            EvidenceError: the file is broken, or holds no row.
        """
        absent = [name for name in dict.fromkeys(names) if name not in self._read]
        if absent:
            self._read.update(self.load(absent))
        if not len(self):
            raise EvidenceError(f"{self.where}: expected one row for each record, found none", hint=PER_RECORD)

    def texts(self, name: str) -> NDArray[np.str_]:
        """Return (n,) the column as stripped text; nothing is ''.

        Raises:
            EvidenceError: neither text, numbers nor dates, such as a list; or endless text.
        """
        self.read([name])
        return to_texts(f"{self.where}: '{name}'", self._read[name])

    def numbers(self, name: str) -> NDArray[np.float64]:
        """Return (n,) the column as finite numbers.

        Raises:
            EvidenceError: text that is no number, nothing at all, NaN or infinity: with row and column.
        """
        self.read([name])
        place = f"{self.where}: row {{row}}, column '{name}'"
        return to_numbers(place, self._read[name], self.first_row, decimal_comma=self.decimal_comma)


def read_table(path: Path) -> Table:
    """Open a `.csv` (also `.tsv`, `.txt`) or `.parquet` file.

    CSV: UTF-8 with or without byte-order mark; comma, semicolon or tab (then decimal commas are understood); lines end
    as on any system. Every column is read as text, so that zeros in front of an id stay. Empty lines are not counted
    as rows.

    Raises:
        EvidenceError: no such file, another format, too large, broken, or columns that share a name.
    """
    if not path.is_file():
        raise EvidenceError(f"expected predictions at {path}, found no file")
    if path.suffix.lower() not in {".csv", ".tsv", ".txt", ".parquet"}:
        raise EvidenceError(
            f"expected predictions as .csv or .parquet, found {path}",
            hint="save a worksheet as 'CSV UTF-8'" if path.suffix.lower().startswith(".xls") else PER_RECORD,
        )
    size = path.stat().st_size
    if size > limits.TABLE_FILE.most:
        raise EvidenceError(
            f"{path}: expected at most {limits.TABLE_FILE.most:,} bytes of predictions, found {size:,}", hint=_SMALLER
        )
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return _open_parquet(path, digest) if path.suffix.lower() == ".parquet" else _open_csv(path, digest)


def _validate_names(path: Path, names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice or "" in names[1:]:
        found = f"{name_some(twice)} more than once" if twice else "one without a name"
        raise EvidenceError(f"{path}: expected columns with distinct names, found {found}")


def _open_parquet(path: Path, digest: str) -> Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        about = pq.read_metadata(path)
        names = [str(name).strip() for name in about.schema.to_arrow_schema().names]
    except (pa.ArrowException, OSError, ValueError) as error:
        raise EvidenceError(f"{path} is not a readable Parquet file ({type(error).__name__})") from error
    written = dict(zip(names, about.schema.to_arrow_schema().names, strict=True))
    _validate_names(path, names)

    def load(wanted: Sequence[str]) -> "Columns":
        validate_decoded(path, about.num_rows, len(wanted))
        unpacked = sum(about.row_group(index).total_byte_size for index in range(about.num_row_groups))
        if unpacked > limits.TABLE_FILE.most:
            raise EvidenceError(
                f"{path}: expected at most {limits.TABLE_FILE.most:,} bytes once unpacked, found {unpacked:,}",
                hint=_SMALLER,
            )
        try:
            found = pq.read_table(path, columns=[written[name] for name in wanted], use_threads=False)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise EvidenceError(f"{path} is not a readable Parquet file ({type(error).__name__})") from error
        return {name: found.column(written[name]) for name in wanted}

    return Table(path, digest, tuple(names), first_row=1, load=load)


def validate_decoded(path: Path, rows: int, columns: int) -> None:
    """Refuse a table that would take far more room than its file, before it is decoded.

    Raises:
        EvidenceError: rows times columns are beyond the limit, or beyond what a table of this size can honestly hold.
    """
    decoded, size = rows * columns * 8, max(1, path.stat().st_size)
    if columns > limits.TABLE_COLUMNS.most:
        raise EvidenceError(f"{path}: expected at most {limits.TABLE_COLUMNS.most:,} columns, found {columns:,}")
    if decoded > limits.TABLE_DECODED.most or decoded > max(_SMALL_BYTES, _MOST_RATIO * size):
        raise EvidenceError(
            f"{path}: {size:,} bytes claim to hold {rows:,} rows of {columns} columns ({decoded:,} bytes): refused",
            hint=f"{_SMALLER}; a table of that many equal values is no table of predictions",
        )


def _open_csv(path: Path, digest: str) -> Table:
    head = _read_head(path)
    delimiter = max(_DELIMITERS, key=head.count)
    names = [name.strip() for name in next(csv.reader([head], delimiter=delimiter), [])]
    about = _EVALUATOR.fullmatch(path.stem)
    evaluator = (about["split"], about["model"]) if about and all(map(_is_number, names)) else None
    if evaluator:
        names = ["", *map(str, range(len(names) - 1))]
    elif len(names) > 1 and all(map(_is_number, names)):
        raise EvidenceError(
            f"{path}: expected a header in the first line, found numbers: {name_some(names)}",
            hint="name the columns in the first line: id, split, label, and <model>:<class> for each probability",
        )
    _validate_names(path, names)

    def load(wanted: Sequence[str]) -> "Columns":
        return _load_csv(path, names, delimiter, wanted, skip=0 if evaluator else 1)

    return Table(
        path, digest, tuple(names), 1 if evaluator else 2, load, decimal_comma=delimiter != ",", evaluator=evaluator
    )


def _load_csv(path: Path, names: list[str], delimiter: str, wanted: Sequence[str], skip: int) -> "Columns":
    import pyarrow as pa
    from pyarrow import csv as reader

    numbered = {name: f"{place}" for place, name in enumerate(names)}
    try:
        found = reader.read_csv(
            path,
            read_options=reader.ReadOptions(
                column_names=list(numbered.values()), skip_rows=skip, use_threads=False, block_size=1 << 22
            ),
            parse_options=reader.ParseOptions(delimiter=delimiter),
            convert_options=reader.ConvertOptions(
                column_types=dict.fromkeys(numbered.values(), pa.string()),
                include_columns=[numbered[name] for name in wanted],
                strings_can_be_null=False,
                quoted_strings_can_be_null=False,
            ),
        )
    except pa.ArrowException as error:
        raise EvidenceError(f"{path} is not a CSV of {len(names)} columns throughout: {error}") from error
    validate_decoded(path, found.num_rows, len(wanted))
    return {name: found.column(numbered[name]) for name in wanted}


def _read_head(path: Path) -> str:
    """Return the first line, whatever ends it: a line feed, or a carriage return alone."""
    with path.open("rb") as file:
        line = file.readline(limits.TABLE_HEAD.most)
    try:
        text = next(io.StringIO(line.decode("utf-8-sig"), newline=None), "")
    except UnicodeDecodeError as error:
        raise EvidenceError(
            f"{path}: expected text in UTF-8, found other bytes in the first line", hint="save it as 'CSV UTF-8'"
        ) from error
    if "\0" in text or not text.strip():
        raise EvidenceError(f"{path}: expected a header in the first line, found none", hint=PER_RECORD)
    return text


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", "."))
    except ValueError:
        return False
    return True
