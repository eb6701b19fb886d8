"""The erasure request in the record: counts and a commitment, never identities."""

import hashlib
import hmac
import secrets
import unicodedata
from collections.abc import Collection, Iterable

import numpy as np

from unlearn_audit.data.dataset import Dataset
from unlearn_audit.data.forget import Forgotten
from unlearn_audit.errors import CaseError
from unlearn_audit.records import ForgetRequest, to_canonical_json

_SALT_BYTES = 32
_SHORTEST_SALT = 32  # hex digits: 128 bits


def draw_salt() -> str:
    """Return 256 fresh random bits as hex: from the operating system, never from the seed, which the record tells."""
    return secrets.token_hex(_SALT_BYTES)


def commit(ids: Iterable[str], salt: str) -> str:
    """Return HMAC-SHA256 (hex) over the ids: who holds ids and salt can prove which records were meant.

    The key is the salt's bytes; the message is the canonical JSON (RFC 8785) of the NFC-normalised, distinct ids in
    ascending order of code points, so that no two lists give the same bytes.

    What must not be concluded: with the salt public, a short list can be found by trying; the commitment binds, and
    hides only as long as the salt is kept.

    Args:
        ids: record ids.
        salt: at least 128 random bits as hex, see `draw_salt`.

    Raises:
        CaseError: no ids, or a salt that is too short or not hex.
    """
    listed = sorted({unicodedata.normalize("NFC", item) for item in ids})
    if not listed:
        raise CaseError("expected ids to commit to, found none")
    try:
        key = bytes.fromhex(salt)
    except ValueError as error:
        raise CaseError("expected a salt of hexadecimal digits, found others") from error
    if len(key) * 2 < _SHORTEST_SALT:
        raise CaseError(f"expected a salt of at least {_SHORTEST_SALT} hexadecimal digits, found {len(key) * 2}")
    return hmac.new(key, to_canonical_json(listed), hashlib.sha256).hexdigest()


def build_request(dataset: Dataset, forgotten: Forgotten, positive: Collection[int], salt: str) -> ForgetRequest:
    """Return what the record says about the request.

    Args:
        dataset: the data.
        forgotten: from `choose_forget` or `resolve_forget`.
        positive: indices of the positive classes.
        salt: see `commit`.

    Raises:
        CaseError: what `commit` refuses.
    """
    count = int(forgotten.mask.sum())
    return ForgetRequest(
        by=forgotten.by,
        count=count,
        positive=int(np.isin(dataset.label[forgotten.mask], list(positive)).sum()),
        fraction=count / int(dataset.select("train").sum()),
        commitment=commit(dataset.ids[forgotten.mask].tolist(), salt),
        salt=salt,
    )
