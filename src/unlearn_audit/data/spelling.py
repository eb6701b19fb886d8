"""Spellings of values: which mean unknown, and which may be one person written in several ways.

Erasure, clusters and leaks rest on equal text. Two spellings of one patient are two patients to all three, so they are
refused with examples; nothing is joined by a guess.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from unicodedata import digit

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.errors import AuditError, DataError

if TYPE_CHECKING:
    import pyarrow as pa

Texts = NDArray[np.str_]

UNKNOWN = frozenset(
    {
        *("", "unknown", "unk", "nan", "-nan", "n/a", "na", "n.a.", "n.a", "<na>", "none", "null", "nil", "nat"),
        *(
            "(null)",
            "\\n",
            "-",
            "--",
            "---",
            "\u2013",
            "\u2014",
            "?",
            "??",
            ".",
            "#n/a",
            "#na",
            "#null!",
            "#value!",
            "#ref!",
        ),
        *("#name?", "#num!", "#div/0!", "1.#qnan", "-1.#ind", "1.#ind", "missing", "not available", "not known"),
        *("not reported", "not recorded", "undefined", "unspecified", "not specified", "unbekannt", "k.a."),
    }
)
"""What means that nobody knows, whatever its capitals."""

_CODES = re.compile(
    r"-(?:1|9+)(?:\.0+)?|-88+|9{3,}(?:\.0+)?|0+(?:\.0+)?|anon\w*|x{2,}|dummy|test|patient", re.IGNORECASE
)
"""What may be a code for unknown, or a name like any other; its count decides."""
_CODE_SHARE, _CODE_LEAST, _CODE_TIMES = 0.02, 5, 3
_SPREADSHEET = r"^[+-]?[0-9](?:[.,][0-9]+)?[eE]\+[0-9]{1,3}$"
_ROUNDED = r"^[0-9]{16,}[.,]0+$"
_STEPS = (
    (r"[\s\p{Cf}\p{Zs}]+", ""),
    (r"^['\"\x{2018}\x{2019}]+|['\"\x{2018}\x{2019}]+$", ""),
    ("ß", "ss"),
    (r"[\p{Pd}\x{2212}_/\\:|]+", "-"),
    (r"^([0-9]{1,3}),([0-9]{3})(?:,([0-9]{3}))?$", r"\1\2\3"),
    (r"^\+?([0-9]+)[.,]?0*$", r"\1"),
    (r"^([0-9]+[.,][0-9]*?[1-9])0+$", r"\1"),
    (r"(^|[^0-9.,])0+([0-9])", r"\1\2"),
)
_LOOKALIKES = str.maketrans("аверкмнотсухіјѕαβεικμνορτυχ", "abepkmhotcyxijsabeikmvoptyx")
"""Small Cyrillic and Greek letters that a reader takes for Latin ones."""
_WITH_DIGITS = 0.9
_SHOWN = 3


@dataclass(frozen=True, eq=False)
class Values:
    """The values of a column, each once.

    Attributes:
        texts: the values in the order of their first place, '' among them where some are unknown.
        place: (n,) which of them each record has.
        counts: how many records have each.
    """

    texts: tuple[str, ...]
    place: NDArray[np.int64]
    counts: NDArray[np.int64]

    @property
    def known(self) -> list[str]:
        """The values that are known."""
        return [text for text in self.texts if text]


def find_values(values: Texts) -> Values:
    """Return the values of a column, each once; much faster than sorting them."""
    import pyarrow as pa

    if not len(values):
        return Values((), np.array([], dtype=np.int64), np.array([], dtype=np.int64))
    coded = pa.array(values, pa.string()).dictionary_encode()
    place = coded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return Values(tuple(coded.dictionary.to_pylist()), place, np.bincount(place))


def blank_unknown(values: Texts, found: Values | None = None) -> tuple[Texts, dict[str, int]]:
    """Return (n,) `values` with '' where they say that nobody knows, and how often each such spelling stands there."""
    found = find_values(values) if found is None else found
    unknown = np.array([text.strip().casefold() in UNKNOWN for text in found.texts], dtype=np.bool_)
    spelt = {text: int(n) for text, n, no in zip(found.texts, found.counts, unknown, strict=True) if no}
    if any(spelt):
        values = np.where(unknown[found.place], "", values)
    return np.asarray(values, dtype=np.str_), spelt


def validate_spelling(
    where: str, column: str, values: Iterable[str], error: Callable[..., AuditError] = DataError
) -> None:
    """Refuse a column in which two values may be one, spelt in two ways, or in which digits are lost.

    Alike are values that differ by zeros in front of digits, '.0' behind them, thousands separators, capitals, blanks
    and invisible characters, quotes around them, what separates their parts (hyphen, underscore, slash), Unicode form
    (NFKC), or the script of digits and of letters that look alike. Lost are digits written as '2.02E+16' or as whole
    numbers of sixteen digits and more that went through floating point.

    Args:
        where: file or data set, as the message names it.
        column: name of the column.
        values: unique, known values.
        error: of which kind the refusal is.

    Raises:
        AuditError: `error`, with examples.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = pa.array(values, pa.large_string())
    for pattern, why in (
        (_SPREADSHEET, "as a spreadsheet writes long numbers"),
        (_ROUNDED, "that went through floats"),
    ):
        lost = texts.filter(pc.match_substring_regex(texts, pattern))
        if len(lost):
            raise error(
                f"{where}: column '{column}' holds numbers {why}, whose last digits are lost: "
                f"{_name(lost.to_pylist())}",
                hint="export the column as text: different persons may share one such number",
            )
    if _cannot_be_alike(texts):
        return
    plain = simplify(texts)
    if pc.count_distinct(plain).as_py() == len(texts):
        return
    raise error(
        f"{where}: column '{column}' may spell one {'record' if column == 'id' else 'person or group'} in several "
        f"ways: {_show_alike(texts, plain)}",
        hint="write them alike; or, if they are different ones, so that they differ by more than zeros, capitals, "
        "blanks or '.0'. Nothing is joined by a guess: erasure, clusters and leaks rest on equal text",
    )


def simplify(texts: "pa.Array") -> "pa.Array":
    """Return what is left of `texts` without spelling: two values that are alike here may be one."""
    import pyarrow.compute as pc

    plain = _latinise(pc.utf8_lower(pc.utf8_normalize(texts, form="NFKC")))
    for pattern, instead in _STEPS:
        plain = pc.replace_substring_regex(plain, pattern, instead)
    return plain


def _latinise(texts: "pa.Array") -> "pa.Array":
    """Return `texts` with digits of any script as ASCII ones, and letters that look Latin as Latin ones."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pc.all(pc.string_is_ascii(texts), min_count=0).as_py():
        return texts
    digits = (
        "".join(str(digit(c)) if c.isdecimal() else c for c in text) if text and not text.isascii() else text
        for text in texts.to_pylist()
    )
    return pa.array([text and text.translate(_LOOKALIKES) for text in digits], texts.type)


def _cannot_be_alike(texts: "pa.Array") -> bool:
    """Whether all are plain words with one number behind, of one length and separator: more than spelling differs."""
    import pyarrow.compute as pc

    sizes = pc.min_max(pc.utf8_length(texts))
    if sizes["min"].as_py() != sizes["max"].as_py():
        return False
    return any(
        pc.all(pc.match_substring_regex(texts, rf"^[a-z{separator}]*[0-9]+$"), min_count=0).as_py()
        for separator in ("_", "/", "-")
    )


def _show_alike(texts: "pa.Array", plain: "pa.Array") -> str:
    groups: dict[str, list[str]] = {}
    for text, key in zip(texts.to_pylist(), plain.to_pylist(), strict=True):
        groups.setdefault(key, []).append(text)
    alike = [group for group in groups.values() if len(group) > 1]
    shown = "; ".join(" and ".join(map(repr, group[:_SHOWN])) for group in alike[:_SHOWN])
    return shown + (f"; and {len(alike) - _SHOWN} more" if len(alike) > _SHOWN else "")


def validate_codes(where: str, column: str, found: Values, error: Callable[..., AuditError] = DataError) -> None:
    """Refuse a column of persons in which a code such as -999 stands for many: unknown is not one big patient.

    A code is also any word without a digit, in whatever language, where nearly all other values have digits.

    Raises:
        AuditError: `error`, with the code and how often it stands there.
    """
    known = np.array([bool(text) and text.casefold() not in UNKNOWN for text in found.texts], dtype=np.bool_)
    if known.sum() <= 1:
        return
    counts, n = np.where(known, found.counts, 0), len(found.place)
    usual = float(np.median(found.counts[known]))
    for place in np.argsort(-counts)[:_SHOWN]:
        text, count = found.texts[place], int(counts[place])
        many = count >= max(_CODE_LEAST, _CODE_SHARE * n, _CODE_TIMES * usual)
        if many and (_CODES.fullmatch(text) or _is_odd_word(text, found, known)):
            raise error(
                f"{where}: column '{column}' holds '{text}' in {count} of {n} records: it looks like a code "
                "for unknown, and would be one big patient",
                hint="leave unknown values empty; if it is one patient, give them a name like the others'",
            )


def _is_odd_word(text: str, found: Values, known: NDArray[np.bool_]) -> bool:
    """Whether a value has no digit, and nearly all other known ones have."""
    if _has_digit(text):
        return False
    others = [
        _has_digit(other) for other, is_known in zip(found.texts, known, strict=True) if is_known and other != text
    ]
    return sum(others) >= _WITH_DIGITS * len(others)


def _has_digit(text: str) -> bool:
    return any(character.isdigit() for character in text)


def _name(items: list[str]) -> str:
    more = f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    return ", ".join(repr(item) for item in items[:_SHOWN]) + more


def find_column(columns: Mapping[str, object] | Iterable[str], name: str) -> str | None:
    """Return the column called `name`, else the only one that differs from it by capitals alone; None where none is."""
    names = list(columns)
    if name in names:
        return name
    alike = [known for known in names if known.casefold() == name.casefold()]
    return alike[0] if len(alike) == 1 else None
