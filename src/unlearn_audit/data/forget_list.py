"""The file that names the records to forget: a plain list, or a CSV with a header."""

import csv
import io
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from unlearn_audit import limits
from unlearn_audit.data.columns import ID_COLUMNS
from unlearn_audit.data.dataset import name_some
from unlearn_audit.errors import CaseError
from unlearn_audit.records import Message, write_message

RECORD = "record"
"""What `ForgetList.by` says where single records are named."""

_TAKEN = (RECORD, "fraction", "split")
_GROUPS = ("lesion_id", "patient_id")
_LARGEST = limits.FORGET_LIST.most
_DELIMITERS = ",;\t"
_Row = tuple[int, list[str]]


@dataclass(frozen=True)
class ForgetList:
    """Whom to forget, as read.

    Attributes:
        column: the group column that the ids are values of; None where single records are named. A group column may be
            called 'record' or anything else: nothing is told from a name.
        ids: of records, or values of the column.
        notes: what a reader of the report must see.
        headless: whether the first line was taken as an id, since it is no column's name.
    """

    column: str | None
    ids: tuple[str, ...]
    notes: tuple[Message, ...] = ()
    headless: bool = field(default=False, compare=False)

    @property
    def by(self) -> str:
        """How the report says what was named: 'record', or the column."""
        if self.column is None:
            return RECORD
        return f"column {self.column}" if self.column in _TAKEN else self.column

    def explain_header(self, unknown: Collection[str]) -> str | None:
        """Return a hint where the only id that does not exist is the first line: a header, most likely."""
        if not self.headless or list(unknown) != [self.ids[0]]:
            return None
        return f"'{self.ids[0]}' stands in the first line: if it is a header, call it id, or as the column is called"


def read_forget_ids(path: Path, columns: Collection[str] = _GROUPS, id_names: Collection[str] = ()) -> ForgetList:
    """Read the list of records, lesions or patients to forget.

    A header names what the ids are: `id`, `record_id` or `image_id` for records, or a group column; a file of one
    column without such a header is a list of record ids. Of several columns the record ids count. UTF-8 with or
    without byte-order mark; comma, semicolon or tab; quotes and surrounding blanks are taken off; repeated ids count
    once, with a note.

    Args:
        path: the file.
        columns: group columns that a header may name: those of the data set (`dataset.groups`).
        id_names: what else the data calls its record ids, such as the name of their column.

    Raises:
        CaseError: no such file, not a CSV in UTF-8, no id in it, a row without an id, or several columns none (or
            more than one) of which can be meant.
    """
    rows = list(_read_rows(path))
    if not rows:
        raise CaseError(f"expected ids to forget in {path}, found an empty file")
    header = [cell.casefold() for cell in rows[0][1]]
    column, position, notes = _choose_column(path, header, columns, id_names)
    body = rows if position is None else rows[1:]
    ids = [_take_id(path, row, position or 0, len(header)) for row in body]
    if not ids:
        raise CaseError(f"expected ids to forget in {path}, found a header and nothing below it")
    counts = Counter(ids)
    if len(counts) < len(ids):
        repeated, _ = counts.most_common(1)[0]
        notes = (*notes, write_message("forget-list-repeats", repeated=len(ids) - len(counts), example=repeated))
    return ForgetList(column, tuple(counts), notes, headless=position is None)


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
    path: Path, header: list[str], columns: Collection[str], id_names: Collection[str]
) -> tuple[str | None, int | None, tuple[Message, ...]]:
    """Return the group column that is named (None: records), where the ids stand (None: no header), and notes."""
    own = {name.casefold() for name in id_names}
    names: dict[str, str | None] = {name.casefold(): name for name in columns if name.casefold() not in own}
    records = own | {name for name in ID_COLUMNS if name not in names}
    known = [place for place, cell in enumerate(header) if cell in records or cell in names]
    candidates = [place for place in known if header[place] in records] or known
    if len(candidates) > 1:
        raise CaseError(
            f"{path}: expected one column of ids, found {name_some(header[place] for place in candidates)}",
            hint="leave the one that is meant",
        )
    if not candidates and len(header) == 1:
        return None, None, ()
    if not candidates:
        raise CaseError(
            f"{path}: expected a header with one of {', '.join(sorted({*records, *names}))}, found the columns "
            f"{name_some(header, limit=6)}",
            hint="name the column of ids in the first line, or give a plain list of record ids, one a line",
        )
    position = candidates[0]
    twice = [name for name in columns if name.casefold() == header[position]]
    if header[position] not in records and len(twice) > 1:
        raise CaseError(f"{path}: expected the name of one column, found '{header[position]}' for {name_some(twice)}")
    others = [header[place] for place in known if place != position]
    notes = (
        (write_message("forget-list-column-not-read", columns=name_some(others), read=header[position]),)
        if others
        else ()
    )
    return (None if header[position] in records else names[header[position]]), position, notes


def _take_id(path: Path, row: _Row, position: int, width: int) -> str:
    line, cells = row
    if len(cells) != width:
        raise CaseError(f"{path}: line {line}: expected {width} values, found {len(cells)}")
    if not cells[position]:
        raise CaseError(f"{path}: line {line}: expected an id, found an empty cell")
    return cells[position]
