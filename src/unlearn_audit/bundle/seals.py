"""Setting a seal, reading it for a run, and asking afterwards whether what a record says of its seals is true."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography import x509

from unlearn_audit.bundle.envelope import open_own_envelope
from unlearn_audit.errors import IntegrityError
from unlearn_audit.pki.keys import describe_signer
from unlearn_audit.pki.time_stamps import TimeStamp, format_time, open_token
from unlearn_audit.policy import Policy
from unlearn_audit.records import Seal, SignatureLevel, to_canonical_json
from unlearn_audit.records.differences import find_differences

SEAL_TYPE = "urn:unlearn-audit:policy-seal:v1"
_LARGEST = 1 << 20
_LONGEST = 5
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
    if len(envelope) > _LARGEST:
        raise IntegrityError(f"the seal is larger than {_LARGEST >> 20} MiB")
    try:
        statement, certificates = open_own_envelope(envelope, SEAL_TYPE)
        said = statement["predicate"]
        policy = Policy.model_validate(said["policy"])
        expected = [{"name": f"policy {policy.id} {policy.version}",
                     "digest": {"sha256": sha256(to_canonical_json(said["policy"])).hexdigest()}}]  # fmt: skip
        stamp = open_token(token, sha256(envelope).digest(), "the seal's time stamp") if token else None
        told = _describe(envelope, token, statement, certificates, stamp)
        consistent = statement["subject"] == expected and said["signer"] == told.signer.fingerprint
    except IntegrityError:
        raise
    except Exception as error:  # hostile bytes may fail a parser in any way, and each way is a refusal
        raise IntegrityError(f"the seal cannot be read ({type(error).__name__})") from error
    if not consistent:
        raise IntegrityError("the seal contradicts the policy or the certificate inside it")
    return Opened(told, policy, certificates, stamp)


def _describe(
    envelope: bytes, token: bytes | None, statement: dict[str, Any], certificates: Sequence[x509.Certificate],
    stamp: TimeStamp | None,
) -> Seal:  # fmt: skip
    said = statement["predicate"]
    level = SignatureLevel.T if stamp else SignatureLevel.B
    return Seal(
        envelope=envelope.decode("ascii"),
        time_stamp=base64.b64encode(token).decode("ascii") if token else None,
        policy_id=said["policy"]["id"],
        policy_version=said["policy"]["version"],
        policy_sha256=statement["subject"][0]["digest"]["sha256"],
        sealed=str(said["sealed"]),
        stamped=format_time(stamp.time) if stamp else None,
        authority=stamp.authority if stamp else None,
        signer=describe_signer(certificates[0], level),
    )


def list_changes(sealed: Policy, judged: Policy) -> tuple[str, ...]:
    """Return the places, as dotted paths, in which two policies differ; fields that came later are filled in first."""
    places = find_differences(sealed.model_dump(mode="json"), judged.model_dump(mode="json"))
    return tuple(where for where, _, _ in places)
