"""Ages: which columns hold them, how they are written, and their bands. An exact age identifies people."""

import re

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.data.dataset import name_some
from unlearn_audit.errors import DataError

AGE = "age"
BAND = "_band"
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_AGE_WORDS = frozenset({"age", "ages", "alter", "ageyears", "patientage", "agey", "agedays", "agemonths"})
_BANDED_WORDS = frozenset({"band", "bands", "group", "groups", "range", "bin", "bucket", "category", "decade", "class"})
_BANDS = (("under 40", 0.0, 40.0), ("40 to 59", 40.0, 60.0), ("60 and over", 60.0, 130.0))
_DICOM = re.compile(r"(\d{1,4})([DWMY])", re.IGNORECASE)
_PARTS = {"Y": 1.0, "M": 12.0, "W": 52.18, "D": 365.25}


def is_age(name: str) -> bool:
    """Return whether a column of this name holds ages as numbers: age, age_approx, PatientAge, age_at_diagnosis, ...

    >>> is_age("PatientAge"), is_age("age_approx"), is_age("age_band"), is_age("stage"), is_age("image")
    (True, True, False, False, False)
    """
    words = {word.casefold() for word in _WORDS.findall(name)}
    return bool(words & _AGE_WORDS) and not words & _BANDED_WORDS


def read_years(where: str, ages: NDArray[np.str_]) -> NDArray[np.float64]:
    """Return (n,) years, NaN where unknown (''): numbers with decimal point or comma, or DICOM's age strings (045Y).

    Raises:
        DataError: something else, named.
    """
    found, place = np.unique(ages, return_inverse=True)
    try:
        years = np.array([_read_one(text) for text in found.tolist()], dtype=np.float64)
    except ValueError as error:
        raise DataError(
            f"{where}: expected ages in years, found text: {error}",
            hint="numbers such as 45 or 45,5, or DICOM's age strings (045Y, 006M, 012W, 003D), or empty where unknown",
        ) from error
    return np.asarray(years[place], dtype=np.float64)


def _read_one(text: str) -> float:
    if not text:
        return float("nan")
    coded = _DICOM.fullmatch(text)
    if coded:
        return int(coded[1]) / _PARTS[coded[2].upper()]
    return float(text.replace(",", "."))


def band_ages(where: str, ages: NDArray[np.str_]) -> NDArray[np.str_]:
    """Return (n,) 'under 40', '40 to 59' (40 included, 60 not), '60 and over', or '' where the age is unknown.

    Args:
        where: what a refusal names.
        ages: (n,) ages as text, see `read_years`.

    Raises:
        DataError: an age that is no number of years between 0 and 130.
    """
    bands = np.full(len(ages), "", dtype=f"<U{max(len(band) for band, _, _ in _BANDS)}")
    years = read_years(where, ages)
    known = ages != ""
    outside = known & ~((years >= 0) & (years < _BANDS[-1][2]))
    if outside.any():
        raise DataError(f"{where}: expected ages between 0 and 130 years, found {name_some(ages[outside])}")
    for band, low, high in _BANDS:
        bands[known & (years >= low) & (years < high)] = band
    return bands
