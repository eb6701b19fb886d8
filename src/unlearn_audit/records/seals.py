"""Seals in a record: policies signed before the run, from which the seed of the run follows.

Nor can a seal be left out afterwards: without it the seed would be another one.
"""

import base64
import hashlib
from collections.abc import Iterable

from pydantic import Field

from unlearn_audit.records.frozen import Frozen
from unlearn_audit.records.signer import Signer

_SEED_BITS = 53  # what every JSON reader keeps exactly
_DOMAIN = b"unlearn-audit/seed-from-seals/v1\n"


class Seal(Frozen):
    """One seal of a version of the policy. All but `envelope`, `time_stamp` and `changes` is told by these two again.

    A seal does not say that no other was set: who seals repeatedly can choose which to show.
    """

    envelope: str = Field(description="the DSSE envelope, as in its file")
    time_stamp: str | None = Field(default=None, description="RFC 3161 token over the envelope, base64")
    policy_id: str
    policy_version: str
    policy_sha256: str = Field(description="digest of the policy that was sealed")
    sealed: str = Field(description="when, as the signer claims: UTC, ISO 8601")
    stamped: str | None = Field(default=None, description="when, as the time stamp says: UTC, ISO 8601")
    authority: str | None = Field(default=None, description="who made the time stamp")
    signer: Signer
    changes: tuple[str, ...] = Field(
        default=(), description="places of the policy that were amended after this seal, as dotted paths"
    )

    def digest(self) -> str:
        """Return the SHA-256 (hex) of the envelope with its time stamp: what the seed is derived from."""
        token = base64.b64decode(self.time_stamp) if self.time_stamp else b""
        return hashlib.sha256(self.envelope.encode() + token).hexdigest()


def derive_seed_from(seals: Iterable[Seal]) -> int:
    """Return the seed of a run under `seals`, 0 <= seed < 2**53; their order does not matter, each of them does.

    The first 53 bits of SHA-256 over a fixed line and the sorted digests, each in hex and with a line end.
    """
    lines = "".join(f"{digest}\n" for digest in sorted(seal.digest() for seal in seals))
    value = hashlib.sha256(_DOMAIN + lines.encode()).digest()
    return int.from_bytes(value[:8], "big") >> (64 - _SEED_BITS)


def choose_seed(policy_seed: int, seals: tuple[Seal, ...]) -> int:
    """Return the one seed of a run: of its seals where there are any, else the policy's."""
    return derive_seed_from(seals) if seals else policy_seed
