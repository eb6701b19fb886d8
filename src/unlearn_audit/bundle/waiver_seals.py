"""The signature over a file of waivers: what it says, and whether it holds. Whom to trust is asked elsewhere."""

from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from unlearn_audit.bundle.envelope import open_own_envelope
from unlearn_audit.errors import IntegrityError
from unlearn_audit.pki.keys import describe_signer
from unlearn_audit.policy import WaiverFile
from unlearn_audit.records import WaiverSeal, digest_of

WAIVER_SEAL_TYPE = "urn:unlearn-audit:waivers:v1"
_LARGEST = 1 << 20


def name_waiver_seal(path: Path) -> Path:
    """Return where the signature over the waivers in the file `path` lies: beside it."""
    return path.with_name(f"{path.stem}.seal.json")


@dataclass(frozen=True)
class OpenedWaivers:
    """A signature over waivers that holds, and the waivers inside it."""

    seal: WaiverSeal
    file: WaiverFile
    certificates: tuple[x509.Certificate, ...]


def open_waiver_seal(envelope: bytes) -> OpenedWaivers:
    """Return what a signature over waivers says after checking it, and that it does not contradict itself.

    Raises:
        IntegrityError: names what does not hold.
    """
    if len(envelope) > _LARGEST:
        raise IntegrityError(f"the signature over the waivers is larger than {_LARGEST >> 20} MiB")
    try:
        statement, certificates = open_own_envelope(envelope, WAIVER_SEAL_TYPE)
        said = statement["predicate"]
        file = WaiverFile.model_validate(said["waivers"])
        signer = describe_signer(certificates[0])
        expected = [{"name": f"waivers {file.policy}", "digest": {"sha256": digest_of(said["waivers"])}}]
        consistent = statement["subject"] == expected and said["signer"] == signer.fingerprint
        seal = WaiverSeal(envelope=envelope.decode("ascii"), granted=said["granted"], signer=signer)
    except IntegrityError:
        raise
    except Exception as error:  # hostile bytes may fail a parser in any way, and each way is a refusal
        raise IntegrityError(f"the signature over the waivers cannot be read ({type(error).__name__})") from error
    if not consistent:
        raise IntegrityError("the signature over the waivers contradicts the waivers or the certificate inside it")
    return OpenedWaivers(seal, file, certificates)
