"""RFC 3161 time-stamp tokens: read strictly, so that no bit of one can change unseen. No network here.

A token is a CMS structure, and parts of it are covered by no signature. Each of those is held to the one thing it can
say; whatever else is in them is a refusal.
"""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from unlearn_audit.errors import IntegrityError
from unlearn_audit.pki.certificates import convert, keep_quiet
from unlearn_audit.pki.der import check_der
from unlearn_audit.pki.offline import defer_network_client

LARGEST_TOKEN = 1 << 17


@dataclass(frozen=True)
class TimeStamp:
    """A token that is whole and speaks of the right bytes. Whether its authority is trusted is asked elsewhere."""

    time: datetime
    """UTC: when the authority saw the digest."""
    certificates: tuple[x509.Certificate, ...]
    """The authority's own certificate first, then those that came with it."""

    @property
    def authority(self) -> str:
        """Return the subject of the authority's certificate."""
        return self.certificates[0].subject.rfc4514_string()


def open_token(token: bytes, digest: bytes, what: str = "the time stamp") -> TimeStamp:
    """Return what `token` says of the bytes whose SHA-256 is `digest`.

    Raises:
        IntegrityError: not one token in DER over these bytes, changed, or not made by a time-stamp authority's key.
    """
    if len(token) > LARGEST_TOKEN:
        raise IntegrityError(f"{what} is larger than {LARGEST_TOKEN >> 10} KiB")
    try:
        with keep_quiet():
            return _open(token, digest, what)
    except IntegrityError:
        raise
    except Exception as error:  # hostile bytes may fail a parser in any way, and each way is a refusal
        raise IntegrityError(f"{what} cannot be read ({type(error).__name__})") from error


def _open(token: bytes, digest: bytes, what: str) -> TimeStamp:
    from asn1crypto import cms, tsp

    check_der(token)
    container = cms.ContentInfo.load(token, strict=True)
    _validate_uncovered(container, token, what)
    signed = container["content"]
    certificates = _find_certificates(signed, what)
    _verify(signed, certificates[0], digest, what)
    info = signed["encap_content_info"]["content"].parsed
    if not isinstance(info, tsp.TSTInfo):
        raise IntegrityError(f"{what} does not hold a time")
    return TimeStamp(info["gen_time"].native.astimezone(UTC), certificates)


def _validate_uncovered(container: Any, token: bytes, what: str) -> None:
    """Hold what the authority's signature does not cover to the one thing that it can say."""
    signed = container["content"]
    (info,) = signed["signer_infos"]
    digest = info["digest_algorithm"]
    plain = (
        container["content_type"].native == "signed_data"
        and signed["version"].native == "v3"
        and info["version"].native == "v1"
        and info["sid"].name == "issuer_and_serial_number"
        and [item.dump() for item in signed["digest_algorithms"]] == [digest.dump()]
        and not signed["crls"].native
        and not info["unsigned_attrs"].native
        and digest.dump() in _spell(type(digest), digest["algorithm"].native)
        and info["signature_algorithm"].dump() in _spell_signature(info["signature_algorithm"])
    )
    certificates = [item.chosen for item in signed["certificates"]]
    if not plain:
        raise IntegrityError(f"{what} is not a plain time-stamp token")
    if container.dump() != token or len(certificates) != len({item.dump() for item in certificates}):
        raise IntegrityError(f"{what} holds more than a time-stamp token")


def _spell(kind: Any, name: str) -> list[bytes]:
    """Return both ways in which an algorithm without parameters is written."""
    from asn1crypto import core

    return [kind({"algorithm": name}).dump(), kind({"algorithm": name, "parameters": core.Null()}).dump()]


def _spell_signature(algorithm: Any) -> list[bytes]:
    name = algorithm["algorithm"].native
    if name == "rsassa_pss":  # its parameters say how to verify, so that a change in them fails by itself
        return [algorithm.dump(force=True)]
    return _spell(type(algorithm), name)


def _find_certificates(signed: Any, what: str) -> tuple[x509.Certificate, ...]:
    """Return the certificates in a token, the one that signed it first."""
    named = signed["signer_infos"][0]["sid"].chosen
    inside = [item.chosen for item in signed["certificates"]]
    own = [item for item in inside if (item.issuer.dump(), item.serial_number) == _name(named)]
    if len(own) != 1:
        raise IntegrityError(f"{what} does not carry the certificate of its authority")
    ordered = own + [item for item in inside if item is not own[0]]
    return tuple(x509.load_der_x509_certificate(item.dump()) for item in ordered)


def _name(named: Any) -> tuple[bytes, int]:
    return named["issuer"].dump(), named["serial_number"].native


def _verify(signed: Any, own: x509.Certificate, digest: bytes, what: str) -> None:
    """Check signature, digest and purpose; the authority's certificate stands for itself here."""
    with defer_network_client():
        from pyhanko.sign.validation.generic_cms import validate_tst_signed_data
    from pyhanko_certvalidator import ValidationContext

    attributes = {item["type"].native for item in signed["signer_infos"][0]["signed_attrs"]}
    if not attributes & {"signing_certificate", "signing_certificate_v2"}:
        raise IntegrityError(f"{what} does not name the certificate that signed it")
    context = ValidationContext(trust_roots=[convert(own)], allow_fetching=False)
    expected = {"sha256": digest}  # every token here was asked for over a SHA-256
    status = asyncio.run(validate_tst_signed_data(signed, context, lambda name: expected.get(name, b"")))
    if not status["valid"]:
        raise IntegrityError(f"the signature over {what} does not hold")
    if not status["intact"]:
        raise IntegrityError(f"{what} was made for other bytes")
    try:
        purposes = own.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound:
        purposes = None
    if purposes is None or not purposes.critical or list(purposes.value) != [ExtendedKeyUsageOID.TIME_STAMPING]:
        raise IntegrityError(f"{what} was signed by a certificate that is not one of a time-stamp authority")


def format_time(moment: datetime) -> str:
    """Return a time as it is printed: UTC, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
