"""One YAML scalar as a plain value, by the core schema of YAML 1.2 and nothing beyond it.

'yes', 'on', 010, 1_000, 1:30 and 2025-01-01 are no booleans, octals, thousands, minutes or dates here.
"""

import math
import re
import unicodedata

Scalar = bool | int | float | str | None

_LARGEST_NUMBER = 2**53  # beyond it a JSON number is no longer exact, and the digest would be refused
_LONGEST = 30
_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_WHOLE = re.compile(r"[-+]?[0-9]+")
_REAL = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NO_NUMBER = re.compile(r"([-+]?(\.inf|\.Inf|\.INF)|\.nan|\.NaN|\.NAN)")


class RefusedScalarError(Exception):
    """A scalar that YAML allows and a policy does not; `instead` stands in for it while the rest is read."""

    def __init__(self, instead: Scalar, found: str, expected: str, hint: str | None = None) -> None:
        super().__init__(found)
        self.instead, self.found, self.expected, self.hint = instead, found, expected, hint


def read_scalar(text: str, *, plain: bool) -> Scalar:
    """Return the value of a scalar; `plain` says that it stands without quotes.

    Raises:
        RefusedScalarError: NaN, an infinity, a number that JSON cannot hold exactly, or text that cannot be seen.
    """
    if not plain:
        return _readable(text)
    if text in _WORDS:
        return _WORDS[text]
    if _NO_NUMBER.fullmatch(text):
        raise RefusedScalarError(0, text, "a finite number")
    if _REAL.fullmatch(text):
        return _exact(text)
    return _readable(text)


def _exact(text: str) -> float:
    whole = _WHOLE.fullmatch(text) is not None
    if not math.isfinite(float(text)) or (whole and (len(text) > _LONGEST or abs(int(text)) > _LARGEST_NUMBER)):
        raise RefusedScalarError(
            0, text if len(text) <= _LONGEST else f"{text[:_LONGEST]}...", "a finite, exact number"
        )
    return int(text) if whole else float(text)


def _readable(text: str) -> str:
    """What a reader sees must be what is signed: no control characters, no reversed writing direction."""
    for character in text:
        if character in _BIDI or (unicodedata.category(character) in {"Cc", "Cs"} and character not in "\n\t"):
            found = f"the character U+{ord(character):04X}"
            raise RefusedScalarError("?", found, "text that can be printed", "remove it: a reader could not see it")
    return text
