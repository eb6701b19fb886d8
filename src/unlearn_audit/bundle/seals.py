"""Seals of policies: made before a run, read for a run, and compared afterwards with what a record says of them."""

import base64
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from cryptography import x509

from unlearn_audit.bundle.signed_content import ContentType, SignedContent, open_content, refuse_unreadable
from unlearn_audit.pki.keys import describe_signer
from unlearn_audit.pki.time_stamps import TimeStamp, format_time, open_token
from unlearn_audit.policy import Policy
from unlearn_audit.records import Seal, SignatureLevel
from unlearn_audit.records.differences import find_differences

SEAL = ContentType(
    predicate_type="urn:unlearn-audit:policy-seal:v1",
    field="policy",
    title="the seal",
    parse=Policy.model_validate,
    name=lambda policy: f"policy {policy.id} {policy.version}",
)
LONGEST = 5
"""How many amended places are named in a line."""


def name_stamp(path: Path) -> Path:
    """Return where the time stamp of the seal in the file `path` lies: beside it."""
    return path.with_name(path.name.removesuffix(".json") + ".tst")


@dataclass(frozen=True)
class Opened:
    """A seal that holds, and the policy inside it. Whether its signer is trusted is asked elsewhere."""

    seal: Seal
    policy: Policy
    certificates: tuple[x509.Certificate, ...]
    stamp: TimeStamp | None


def open_seal(envelope: bytes, token: bytes | None) -> Opened:
    """Return what a seal says after checking its signature, its time stamp and that it does not contradict itself.

    Raises:
        IntegrityError: names what does not hold.
    """
    signed = open_content(SEAL, envelope)
    with refuse_unreadable(SEAL.title):
        stamp = open_token(token, sha256(envelope).digest(), "the seal's time stamp") if token else None
        seal = _describe(envelope, token, signed, stamp)
    return Opened(seal, signed.value, signed.certificates, stamp)


def _describe(envelope: bytes, token: bytes | None, signed: SignedContent[Policy], stamp: TimeStamp | None) -> Seal:
    return Seal(
        envelope=envelope.decode("ascii"),
        time_stamp=base64.b64encode(token).decode("ascii") if token else None,
        policy_id=signed.value.id,
        policy_version=signed.value.version,
        policy_sha256=signed.digest,
        sealed=str(signed.claims["sealed"]),
        stamped=format_time(stamp.time) if stamp else None,
        authority=stamp.authority if stamp else None,
        signer=describe_signer(signed.certificates[0], SignatureLevel.T if stamp else SignatureLevel.B),
    )


def list_changes(sealed: Policy, judged: Policy) -> tuple[str, ...]:
    """Return the places, as dotted paths, in which two policies differ; fields that came later are filled in first."""
    places = find_differences(sealed.model_dump(mode="json"), judged.model_dump(mode="json"))
    return tuple(where for where, _, _ in places)
