"""Canonical JSON: one byte string per value, RFC 8785 canonical JSON of NFC-normalised text, and its SHA-256."""

import hashlib
import unicodedata
from typing import Any

import rfc8785


def _normalise(value: Any) -> Any:
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    if isinstance(value, dict):
        return {_normalise(key): _normalise(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_normalise(item) for item in value]
    return value


def to_canonical_json(value: Any) -> bytes:
    """Serialise JSON-like `value` per RFC 8785 after NFC-normalising every string.

    Raises:
        rfc8785.CanonicalizationError: `value` holds NaN, an infinity, or an integer above 2**53.
    """
    return rfc8785.dumps(_normalise(value))


def digest_of(value: Any) -> str:
    """Return the SHA-256 (hex) of bytes, or of the canonical JSON of anything else."""
    content = value if isinstance(value, bytes) else to_canonical_json(value)
    return hashlib.sha256(content).hexdigest()
