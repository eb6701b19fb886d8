"""Canonical JSON: one byte string per value, RFC 8785 canonical JSON of NFC-normalised text, and its SHA-256."""

import hashlib
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Any

import rfc8785

_Keys = tuple[tuple[str, str], ...]

_LARGEST = 2**53 - 1  # beyond it a JSON number is not exact
_MOST_KEYS = 64
_CONSTANTS = {None: "null", True: "true", False: "false"}


def to_canonical_json(value: Any) -> bytes:
    """Serialise JSON-like `value` per RFC 8785 after NFC-normalising every string.

    The common cases are written here, since a verifier waits for them: a record has tens of thousands of values. All
    others are left to `rfc8785`, whose bytes are the same; a test holds the two against each other.

    Raises:
        rfc8785.CanonicalizationError: `value` holds NaN, an infinity, or an integer above 2**53.
    """
    pieces: list[str] = []
    _write(value, pieces)
    try:
        return "".join(pieces).encode()
    except UnicodeEncodeError as error:
        raise rfc8785.CanonicalizationError("input contains non-UTF-8 codepoints") from error


def digest_of(value: Any) -> str:
    """Return the SHA-256 (hex) of bytes, or of the canonical JSON of anything else."""
    content = value if isinstance(value, bytes) else to_canonical_json(value)
    return hashlib.sha256(content).hexdigest()


def _write(value: Any, pieces: list[str]) -> None:
    kind = type(value)
    if kind is str:
        pieces.append(encode_basestring(_normalise(value)))
    elif kind is float:
        pieces.append(_write_float(value))
    elif kind is int and -_LARGEST <= value <= _LARGEST:
        pieces.append(str(value))
    elif value is None or kind is bool:
        pieces.append(_CONSTANTS[value])
    elif kind is dict and (keys := _find_keys(value)) is not None:
        _write_object(value, keys, pieces)
    elif isinstance(value, list | tuple):
        _write_array(value, pieces)
    else:
        pieces.append(rfc8785.dumps(_normalise(value)).decode())


def _find_keys(value: dict[str, Any]) -> _Keys | None:
    return _sort_seldom(value) if len(value) > _MOST_KEYS else _sort_often(tuple(value))


def _sort_seldom(keys: Iterable[Any]) -> _Keys | None:
    """Return the keys in order, each with what is written for it; None where one is no string."""
    if not all(isinstance(key, str) for key in keys):
        return None
    shown = {_normalise(key): key for key in keys}
    ordered = sorted(shown, key=lambda key: key.encode("utf-16be", "surrogatepass"))
    return tuple((shown[key], f"{encode_basestring(key)}:") for key in ordered)


_sort_often = lru_cache(maxsize=4096)(_sort_seldom)
"""Most objects of a record have the keys of many others."""


def _write_object(value: dict[str, Any], keys: _Keys, pieces: list[str]) -> None:
    before = "{"
    for key, shown in keys:
        pieces.append(before)
        pieces.append(shown)
        _write(value[key], pieces)
        before = ","
    pieces.append("}" if keys else "{}")


def _write_array(value: list[Any] | tuple[Any, ...], pieces: list[str]) -> None:
    before = "["
    for item in value:
        pieces.append(before)
        _write(item, pieces)
        before = ","
    pieces.append("]" if value else "[]")


def _write_float(value: float) -> str:
    """Python and ECMAScript choose the same digits; they differ in exponents, in '.0' and in the sign of zero."""
    text = repr(value)
    if "e" in text or "n" in text or value == 0:
        return rfc8785.dumps(value).decode()
    return text.removesuffix(".0")


def _normalise(value: Any) -> Any:
    if isinstance(value, str):
        return value if value.isascii() else unicodedata.normalize("NFC", value)
    if isinstance(value, dict):
        return {_normalise(key): _normalise(item) for key, item in value.items()}
    return value
