"""The signature over a file of waivers: its statement, and whether it holds. Trust is decided in `verification`."""

from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from unlearn_audit.bundle.signed_content import ContentType, open_content, refuse_unreadable
from unlearn_audit.pki.keys import describe_signer
from unlearn_audit.policy import WaiverFile
from unlearn_audit.records import WaiverSeal

WAIVERS = ContentType(
    predicate_type="urn:unlearn-audit:waivers:v1",
    field="waivers",
    title="the signature over the waivers",
    parse=WaiverFile.model_validate,
    name=lambda file: f"waivers {file.policy}",
)


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
    signed = open_content(WAIVERS, envelope)
    with refuse_unreadable(WAIVERS.title):
        signer = describe_signer(signed.certificates[0])
        seal = WaiverSeal(envelope=envelope.decode("ascii"), granted=signed.claims["granted"], signer=signer)
    return OpenedWaivers(seal, signed.value, signed.certificates)
