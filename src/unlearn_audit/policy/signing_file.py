"""The signing file: how reports of one place are signed. Paths are relative to the file."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import Field

from unlearn_audit.policy.fields import Text
from unlearn_audit.policy.problems import FieldError
from unlearn_audit.records.frozen import Frozen


class TokenFile(Frozen):
    """A key that never leaves its token (smart card, HSM), by PKCS#11."""

    module: Text = Field(description="shared library of the token's maker")
    label: Text = Field(description="of the token")
    key: Text = Field(description="label of the key on it")


class TimestampsFile(Frozen):
    """A time-stamp authority (RFC 3161): it vouches for the time of the signatures."""

    url: Text
    trust: tuple[Text, ...] = Field(
        default=(), description="root certificates (PEM) that the authority must descend from"
    )


class SigningFile(Frozen):
    """How reports, seals and countersignatures are signed; what is left out is as without a file."""

    schema_: Literal["unlearn-audit/signing/v1"] = Field(alias="schema")
    key: Text | None = Field(default=None, description="signing key: PKCS#8 PEM or PKCS#12")
    token: TokenFile | None = Field(default=None, description="or a key on a token")
    chain: Text | None = Field(default=None, description="certificates of the key (PEM), signer first")
    level: Literal["B-B", "B-T", "B-LT", "B-LTA"] | None = Field(
        default=None, description="PAdES level; B-T where there is an authority for time stamps, else B-B"
    )
    timestamps: TimestampsFile | None = None
    revocations: tuple[Text, ...] = Field(
        default=(), description="revocation lists to embed at B-LT and B-LTA; what they lack is fetched"
    )


def validate_signing(data: Mapping[str, Any]) -> Iterator[FieldError]:
    """Yield what single fields do not show: keys that exclude each other, and parts that need another one."""
    if "key" in data and "token" in data:
        yield FieldError(("token",), "a key and a token", "one of them", "leave one of them out", "key")
    if "chain" in data and not ("key" in data or "token" in data):
        yield FieldError(("chain",), "a chain without its key", "a key or a token beside it", at="key")
    level = data.get("level")
    if level in ("B-T", "B-LT", "B-LTA") and "timestamps" not in data:
        yield FieldError(
            ("level",), f"'{level}' without an authority", "'timestamps' beside it", "level B-B needs none"
        )
    if level == "B-B" and "timestamps" in data:
        yield FieldError(("level",), "'B-B' with an authority", "a level with time stamps", "B-T, B-LT or B-LTA")
    if data.get("revocations") and level not in ("B-LT", "B-LTA"):
        yield FieldError(("revocations",), f"lists at level {level or 'B-T'}", "level B-LT or B-LTA", at="key")
