"""The file that names whom to forget: a plain list, or a CSV with a header."""

import csv
import io
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from unlearn_audit.data.columns import ID_COLUMNS
from unlearn_audit.data.dataset import name_some
from unlearn_audit.errors import CaseError
from unlearn_audit.records import Message, write_message

RECORD = "record"
"""What `ForgetList.by` says where single records are named."""

_GROUPS = ("lesion_id", "patient_id")
_LARGEST = 64 * 2**20
_DELIMITERS = ",;\t"
_Row = tuple[int, list[str]]


@dataclass(frozen=True)
class ForgetList:
    """Whom to forget, as read: `by` is 'record' or the group column that the ids are values of."""

    by: str
    ids: tuple[str, ...]
    notes: tuple[Message, ...] = ()


def read_forget_ids(path: Path, columns: Collection[str] = _GROUPS) -> ForgetList:
    """Read the list of records, lesions or patients to forget.

    A header names what the ids are: `id`, `record_id` or `image_id` for records, or a group column; a file of one
    column without such a header is a list of record ids. Of several columns the record ids count. UTF-8 with or
    without byte-order mark; comma, semicolon or tab; quotes and surrounding blanks are taken off; repeated ids count
    once, with a note.

    Args:
        path: the file.
        columns: group columns that a header may name: those of the data set (`dataset.groups`).

    Raises:
        CaseError: no such file, not a CSV in UTF-8, no id in it, a row without an id, or several columns none (or
            more than one) of which can be meant.
    """
    rows = list(_read_rows(path))
    if not rows:
        raise CaseError(f"expected ids to forget in {path}, found an empty file")
    header = [cell.casefold() for cell in rows[0][1]]
    by, position, notes = _choose_column(path, header, columns)
    body = rows if position is None else rows[1:]
    ids = [_take_id(path, row, position or 0, len(header)) for row in body]
    if not ids:
        raise CaseError(f"expected ids to forget in {path}, found a header and nothing below it")
    counts = Counter(ids)
    if len(counts) < len(ids):
        repeated, _ = counts.most_common(1)[0]
        notes = (*notes, write_message("forget-list-repeats", repeated=len(ids) - len(counts), example=repeated))
    return ForgetList(by, tuple(counts), notes)


def _read_rows(path: Path) -> Iterator[_Row]:
    """Yield line number and stripped cells of every row that is not blank."""
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)  # a device or pipe may never end
        if len(content) > _LARGEST:
            raise CaseError(f"{path}: expected a list of ids of at most {_LARGEST:,} bytes, found more")
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise CaseError(f"expected a list of ids to forget at {path}, found none: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CaseError(f"{path}: expected text in UTF-8, found other bytes", hint="save it as 'CSV UTF-8'") from error
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = next((mark for mark in _DELIMITERS if mark in first), _DELIMITERS[0])
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    try:
        for row in reader:
            if any("\n" in cell for cell in row):  # an open quote would swallow the ids below it
                raise CaseError(f"{path}: line {reader.line_num}: expected one id a line, found a quote left open")
            cells = [cell.strip() for cell in row]
            if any(cells):
                yield reader.line_num, cells
    except csv.Error as error:
        raise CaseError(f"{path}: line {reader.line_num}: not a CSV file: {error}") from error


def _choose_column(
    path: Path, header: list[str], columns: Collection[str]
) -> tuple[str, int | None, tuple[Message, ...]]:
    """Return what the ids are, the column they stand in (None: a list without header) and notes."""
    names = {**{name.casefold(): name for name in columns}, **dict.fromkeys(ID_COLUMNS, RECORD)}
    known = [(names[cell], position) for position, cell in enumerate(header) if cell in names]
    records = [item for item in known if item[0] == RECORD]
    candidates = records or known
    if len(candidates) > 1:
        raise CaseError(
            f"{path}: expected one column of ids, found {name_some(header[position] for _, position in candidates)}",
            hint="leave the one that is meant",
        )
    if not candidates and len(header) == 1:
        return RECORD, None, ()
    if not candidates:
        raise CaseError(
            f"{path}: expected a header with one of {', '.join(sorted(names))}, found the columns "
            f"{name_some(header, limit=6)}",
            hint="name the column of ids in the first line, or give a plain list of record ids, one a line",
        )
    by, position = candidates[0]
    others = [header[place] for _, place in known if place != position]
    notes = (
        (write_message("forget-list-column-not-read", columns=name_some(others), read=header[position]),)
        if others
        else ()
    )
    return by, position, notes


def _take_id(path: Path, row: _Row, position: int, width: int) -> str:
    line, cells = row
    if len(cells) != width:
        raise CaseError(f"{path}: line {line}: expected {width} values, found {len(cells)}")
    if not cells[position]:
        raise CaseError(f"{path}: line {line}: expected an id, found an empty cell")
    return cells[position]
