"""The signer of a report as a record names it, and the levels of signatures."""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from unlearn_audit.records.frozen import Frozen


class SignatureLevel(StrEnum):
    """How much of its own proof a signature carries (PAdES, ETSI EN 319 142-1)."""

    B = "B-B"
    """The signature alone; its time is the signer's claim."""
    T = "B-T"
    """With trusted time: still good when the signer's certificate has expired, as long as others vouch for it."""
    LT = "B-LT"
    """With the certificates, and the revocation lists or OCSP answers, that are needed to check it."""
    LTA = "B-LTA"
    """With a time stamp over all of that: still good when the first authority's certificate has expired."""

    @property
    def stamped(self) -> bool:
        """Whether this level needs a time-stamp authority."""
        return self is not SignatureLevel.B

    @property
    def carries_proof(self) -> bool:
        """Whether certificates, and revocation lists or OCSP answers, are embedded."""
        return self in (SignatureLevel.LT, SignatureLevel.LTA)


class Signer(Frozen):
    """Who signs the report that is made from this evidence."""

    kind: Literal["test", "configured"] = Field(description="'test': a labelled TEST key that proves nothing")
    subject: str
    fingerprint: str = Field(description="SHA-256 of the signer certificate's public key (DER), hex")
    level: SignatureLevel = Field(
        default=SignatureLevel.B,
        exclude_if=lambda level: level is SignatureLevel.B,
        description="PAdES level that the report is signed at; from B-T on with trusted time",
    )
