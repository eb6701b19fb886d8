"""Cells of a table as text or as numbers, a column at once."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from unlearn_audit import limits
from unlearn_audit.data.columns import read_text
from unlearn_audit.errors import EvidenceError

if TYPE_CHECKING:
    import pyarrow as pa


def to_texts(where: str, column: "pa.ChunkedArray") -> NDArray[np.str_]:
    """Return (n,) a column as stripped text; nothing is '', whole numbers have no '.0', dates stay dates (ISO 8601).

    Raises:
        EvidenceError: neither text, numbers nor dates; text beyond the limit of a cell; numbers that name nobody, since
            their last digits were rounded away.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_temporal(column.type):
        return np.array(_write_dates(column), dtype=np.str_)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        longest = pc.max(pc.utf8_length(column)).as_py() or 0
        if longest > limits.TABLE_CELL.most:
            raise EvidenceError(f"{where}: expected at most {limits.TABLE_CELL.describe()} a cell, found {longest:,}")
        plain = pc.utf8_trim_whitespace(pc.fill_null(column, ""))
        return _spread(plain)
    if pa.types.is_nested(column.type) or pa.types.is_binary(column.type):
        raise EvidenceError(f"{where}: expected text or numbers, found {column.type}")
    if pa.types.is_floating(column.type):
        return read_text(where, pc.fill_null(column, float("nan")).to_numpy().astype(_float_of(column.type)))
    if column.null_count or pa.types.is_decimal(column.type) or pa.types.is_null(column.type):
        return np.array(["" if item is None else str(item) for item in column.to_pylist()], dtype=np.str_)
    return read_text(where, column.to_numpy())


def _float_of(kind: "pa.DataType") -> type:
    return {16: np.float16, 32: np.float32}.get(kind.bit_width, np.float64)


def _spread(column: "pa.ChunkedArray") -> NDArray[np.str_]:
    """Return text as an array; columns of few values are looked up instead of made one by one."""
    coded = column.combine_chunks().dictionary_encode()
    coded = coded.combine_chunks() if hasattr(coded, "combine_chunks") else coded
    values = np.array(coded.dictionary.to_pylist(), dtype=np.str_)
    if not len(values):
        return np.array([], dtype=np.str_)
    if len(values) == len(column):
        return values
    return np.asarray(values[coded.indices.to_numpy()], dtype=np.str_)


def _write_dates(column: "pa.ChunkedArray") -> list[str]:
    import pyarrow as pa

    items = column.to_pylist()
    if pa.types.is_timestamp(column.type) and all(
        item is None or (item.hour, item.minute, item.second, item.microsecond) == (0, 0, 0, 0) for item in items
    ):
        items = [None if item is None else item.date() for item in items]
    return ["" if item is None else item.isoformat() if hasattr(item, "isoformat") else str(item) for item in items]


def to_numbers(
    place: str, column: "pa.ChunkedArray", first_row: int, *, decimal_comma: bool = False
) -> NDArray[np.float64]:
    """Return (n,) a column as finite numbers.

    Args:
        place: what a refusal names, with '{row}' where the row's number goes.
        column: text or numbers.
        first_row: number of the first row.
        decimal_comma: whether a comma is a decimal point.

    Raises:
        EvidenceError: text that is no number, nothing at all, NaN or infinity: with row and column.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_floating(column.type) or pa.types.is_integer(column.type):
        values = pc.fill_null(column.cast(pa.float64()), float("nan")).to_numpy()
        return _validate_finite(place, np.asarray(values, dtype=np.float64), first_row, None)
    texts = column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column
    if not (pa.types.is_string(texts.type) or pa.types.is_large_string(texts.type)):
        raise EvidenceError(f"{place.format(row=first_row)}: expected numbers, found {column.type}")
    plain = pc.utf8_trim_whitespace(pc.fill_null(texts, ""))
    plain = pc.replace_substring(plain, ",", ".") if decimal_comma else plain
    try:
        values = plain.cast(pa.float64()).to_numpy()
    except pa.ArrowInvalid:
        values = np.array([_read_number(text) for text in plain.to_pylist()], dtype=np.float64)
    return _validate_finite(place, np.asarray(values, dtype=np.float64), first_row, texts)


def _validate_finite(
    place: str, values: NDArray[np.float64], first_row: int, texts: "pa.ChunkedArray | None"
) -> NDArray[np.float64]:
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        row = int(bad[0])
        text = str(texts[row].as_py() or "") if texts is not None else ""
        sentence = "nothing (or NaN)" if np.isnan(values[row]) else str(values[row])
        found = sentence if texts is None else f"'{text[:40]}'" if text else "an empty cell"
        raise EvidenceError(
            f"{place.format(row=row + first_row)}: expected a finite number, found {found}"
            + (f", as in {len(bad) - 1} more rows" if len(bad) > 1 else ""),
            hint="a record without a prediction cannot be judged; mend the export, never fill in a guess",
        )
    return values


def _read_number(text: str) -> float:
    try:
        return np.nan if "_" in text else float(text)
    except ValueError:
        return np.nan
