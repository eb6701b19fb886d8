"""Group columns: arrays of any simple type become strings, unknown becomes '', ages become bands."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.data.dataset import name_some
from unlearn_audit.errors import DataError
from unlearn_audit.records import Message, write_message

AGE = "age"
AGE_BAND = "age_band"
ID_COLUMNS = ("record_id", "image_id", "id")
"""Columns that may name the records, the first that is there."""

_UNKNOWN = ("", "unknown", "nan", "n/a")
_BANDS = (("under 40", 0.0, 40.0), ("40 to 59", 40.0, 60.0), ("60 and over", 60.0, 130.0))


def read_text(where: str, values: NDArray[Any]) -> NDArray[np.str_]:
    """Return (n,) strings, stripped; whole floats as integers ('1234567', not '1234567.0').

    An id column that passed through a spreadsheet then still names the same patients.

    Raises:
        DataError: neither text nor numbers, or bytes that are not UTF-8.
    """
    kind = values.dtype.kind
    if kind == "S":
        try:
            values = np.char.decode(values, "utf-8")
        except UnicodeDecodeError as error:
            raise DataError(f"{where}: expected UTF-8 text, found other bytes: {error}") from error
    elif kind == "f":
        values = np.array([_write_number(float(value)) for value in values], dtype=np.str_)
    elif kind in "iub":
        values = values.astype(np.str_)
    elif kind != "U":
        raise DataError(f"{where}: expected text or numbers, found {values.dtype}")
    return np.asarray(np.char.strip(values), dtype=np.str_)


def unify_column(where: str, values: NDArray[Any]) -> NDArray[np.str_]:
    """Return (n,) strings as `read_text` does, with '' where the value is empty, NaN, 'unknown' or 'n/a' (any case).

    Raises:
        DataError: neither text nor numbers, or bytes that are not UTF-8.
    """
    text = read_text(where, values)
    text[np.isin(np.char.lower(text), _UNKNOWN)] = ""
    return text


def _write_number(value: float) -> str:
    return str(int(value)) if value.is_integer() else repr(value)


def band_ages(where: str, ages: NDArray[np.str_]) -> NDArray[np.str_]:
    """Return (n,) 'under 40', '40 to 59' (40 included, 60 not), '60 and over', or '' where the age is unknown.

    Args:
        where: what a refusal names.
        ages: (n,) ages in years as `unify_column` writes them.

    Raises:
        DataError: an age that is no number of years between 0 and 130.
    """
    bands = np.full(len(ages), "", dtype=f"<U{max(len(band) for band, _, _ in _BANDS)}")
    known = ages != ""
    try:
        years = ages[known].astype(np.float64)
    except ValueError as error:
        raise DataError(f"{where}: expected ages in years, found text: {error}") from error
    outside = ~((years >= 0) & (years < _BANDS[-1][2]))
    if outside.any():
        raise DataError(f"{where}: expected ages between 0 and 130 years, found {name_some(ages[known][outside])}")
    for band, low, high in _BANDS:
        bands[np.flatnonzero(known)[(years >= low) & (years < high)]] = band
    return bands


def take_ids(columns: dict[str, NDArray[np.str_]], where: str) -> tuple[NDArray[np.str_] | None, tuple[Message, ...]]:
    """Take the column that can name the records out of `columns`.

    Returns:
        its values, or None where no column can, and notes on columns that were passed over: one that repeats itself
        names no record but stays a group column, because the same image in two splits is a finding.
    """
    notes: list[Message] = []
    for name in ID_COLUMNS:
        if name not in columns:
            continue
        unique, counts = np.unique(columns[name], return_counts=True)
        if (counts == 1).all() and "" not in unique:
            return columns.pop(name), tuple(notes)
        repeated = [value or "(empty)" for value in unique[(counts > 1) | (unique == "")]]
        notes.append(write_message("id-column-not-unique", where=where, column=name, examples=name_some(repeated)))
        if name == "id":
            columns["repeated_id"] = columns.pop(name)
    return None, tuple(notes)


def take_exact(columns: dict[str, NDArray[np.str_]]) -> dict[str, NDArray[np.str_]]:
    """Return the columns that are too revealing to be a group column as they are."""
    return {AGE: columns[AGE]} if AGE in columns else {}


def finish_columns(where: str, columns: dict[str, NDArray[np.str_]]) -> dict[str, NDArray[np.str_]]:
    """Return the group columns with `age` replaced by `age_band`: an exact age would single people out.

    Raises:
        DataError: an age that cannot be one, or both `age` and `age_band` are given.
    """
    if AGE not in columns:
        return columns
    if AGE_BAND in columns:
        raise DataError(f"{where}: found both '{AGE}' and '{AGE_BAND}'", hint="keep one of them")
    kept = {name: values for name, values in columns.items() if name != AGE}
    return {**kept, AGE_BAND: band_ages(f"{where}: '{AGE}'", columns[AGE])}
