"""Opens the seal of a policy, and lists what a policy changes against a sealed one."""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography import x509

from unlearn_audit.bundle.envelope import open_own_envelope
from unlearn_audit.errors import IntegrityError
from unlearn_audit.pki.keys import fingerprint_of, is_test_certificate
from unlearn_audit.pki.time_stamps import TimeStamp, format_time, open_token
from unlearn_audit.policy import Policy
from unlearn_audit.records import Seal, Signer, to_canonical_json

SEAL_TYPE = "urn:unlearn-audit:policy-seal:v1"
_LARGEST = 1 << 20
MOST_NAMED = 5
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
    signer = describe_signer(certificates[0])
    return Seal(
        envelope=envelope.decode("ascii"),
        time_stamp=base64.b64encode(token).decode("ascii") if token else None,
        policy_id=said["policy"]["id"],
        policy_version=said["policy"]["version"],
        policy_sha256=statement["subject"][0]["digest"]["sha256"],
        sealed=str(said["sealed"]),
        stamped=format_time(stamp.time) if stamp else None,
        authority=stamp.authority if stamp else None,
        signer=signer.model_copy(update={"level": "B-T" if stamp else "B-B"}),
    )


def describe_signer(certificate: x509.Certificate) -> Signer:
    """Return who a certificate speaks for."""
    return Signer(
        kind="test" if is_test_certificate(certificate) else "configured",
        subject=certificate.subject.rfc4514_string(),
        fingerprint=fingerprint_of(certificate),
    )


def list_changes(sealed: Policy, judged: Policy) -> tuple[str, ...]:
    """Return the places, as dotted paths, in which two policies differ; fields that came later are filled in first."""
    return tuple(_walk(sealed.model_dump(mode="json"), judged.model_dump(mode="json"), ""))


def _walk(before: Any, after: Any, where: str) -> Iterator[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys()):
            yield from _walk(before.get(key), after.get(key), f"{where}.{key}" if where else key)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for place, (left, right) in enumerate(zip(before, after, strict=True)):
            yield from _walk(left, right, f"{where}[{place}]")
    elif before != after:
        yield where
