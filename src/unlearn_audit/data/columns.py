"""Group columns: arrays of any simple type become strings, unknown becomes '', ages become bands."""

from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.data.ages import BAND, band_ages, is_age
from unlearn_audit.data.spelling import blank_unknown, validate_spelling
from unlearn_audit.errors import DataError
from unlearn_audit.records.intake import IntakeEntry, note_intake

ID_COLUMNS = ("record_id", "image_id", "id")
"""Columns that may name the records, the first that is there."""


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
        values = _write_numbers(where, values)
    elif kind == "M":
        values = _write_dates(values)
    elif kind in "iub":
        values = values.astype(np.str_)
    elif kind != "U":
        raise DataError(f"{where}: expected text or numbers, found {values.dtype}")
    return np.asarray(np.char.strip(values), dtype=np.str_)


def _write_numbers(where: str, values: NDArray[Any]) -> NDArray[np.str_]:
    """Whole numbers without '.0', as long as a float of this width can tell them from their neighbours."""
    exact = 2.0 ** (np.finfo(values.dtype).nmant + 1)
    beyond = np.isfinite(values) & (np.abs(values) >= exact)
    if beyond.any():
        raise DataError(
            f"{where}: holds whole numbers as {values.dtype}, of which {int(beyond.sum())} are too large to be exact, "
            f"such as {float(values[beyond][0]):.0f}",
            hint="write ids as text or as 64-bit integers: different persons may share one rounded number",
        )
    return np.array([_write_number(float(value)) for value in values], dtype=np.str_)


def _write_dates(values: NDArray[Any]) -> NDArray[np.str_]:
    """Dates as ISO 8601, without a time where none has any; NaT is unknown."""
    days = values.astype("datetime64[D]")
    plain = days if (days == values)[~np.isnat(values)].all() else values.astype("datetime64[s]")
    return np.where(np.isnat(values), "", np.datetime_as_string(plain))


def unify_column(where: str, values: NDArray[Any]) -> NDArray[np.str_]:
    """Return (n,) strings as `read_text` does, with '' where the value says that nobody knows (see `spelling`).

    Raises:
        DataError: neither text nor numbers, or bytes that are not UTF-8.
    """
    return blank_unknown(read_text(where, values))[0]


def _write_number(value: float) -> str:
    return str(int(value)) if value.is_integer() else repr(value)


def take_ids(
    columns: dict[str, NDArray[np.str_]], where: str
) -> tuple[NDArray[np.str_] | None, tuple[IntakeEntry, ...], str | None]:
    """Take the column that can name the records out of `columns`.

    Returns:
        its values, or None where no column can; what was passed over: a column that repeats itself names no record but
        stays a group column, because the same image in two splits is a finding; the column's name.

    Raises:
        DataError: two ids that differ by spelling alone.
    """
    passed: list[IntakeEntry] = []
    for name in ID_COLUMNS:
        if name not in columns:
            continue
        unique, counts = np.unique(columns[name], return_counts=True)
        if (counts == 1).all() and "" not in unique:
            validate_spelling(where, name, unique.tolist())
            return columns.pop(name), tuple(passed), name
        passed.append(note_intake("ids.passed-over", column=name, where=where))
        if name == "id":
            columns[_free_name(columns)] = columns.pop(name)
    return None, tuple(passed), None


def _free_name(columns: Collection[str]) -> str:
    name = "repeated_id"
    while name in columns:
        name += "_"
    return name


def take_exact(columns: dict[str, NDArray[np.str_]]) -> dict[str, NDArray[np.str_]]:
    """Return the columns that are too revealing to be a group column as they are: ages."""
    return {name: values for name, values in columns.items() if is_age(name)}


def finish_columns(where: str, columns: dict[str, NDArray[np.str_]]) -> dict[str, NDArray[np.str_]]:
    """Return the group columns with every column of ages replaced by its bands, `age` by `age_band`.

    Raises:
        DataError: an age that cannot be one, or a column and its bands are both given.
    """
    kept: dict[str, NDArray[np.str_]] = {}
    for name, values in columns.items():
        if is_age(name) and f"{name}{BAND}" in columns:
            raise DataError(f"{where}: found both '{name}' and '{name}{BAND}'", hint="keep one of them")
        kept |= {f"{name}{BAND}": band_ages(f"{where}: '{name}'", values)} if is_age(name) else {name: values}
    return kept
