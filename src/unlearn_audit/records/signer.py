"""Who signs, as a record names them."""

from typing import Literal

from pydantic import Field

from unlearn_audit.records.frozen import Frozen


class Signer(Frozen):
    """Who signs the report that is made from this evidence."""

    kind: Literal["test", "configured"] = Field(description="'test': a labelled TEST key that proves nothing")
    subject: str
    fingerprint: str = Field(description="SHA-256 of the signer certificate's public key (DER), hex")
    level: Literal["B-B", "B-T", "B-LT", "B-LTA"] = Field(
        default="B-B",
        exclude_if=lambda level: level == "B-B",
        description="PAdES level that the report is signed at; from B-T on with trusted time",
    )
