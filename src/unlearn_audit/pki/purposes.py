"""Purposes of certificates by extended key usage: signing reports, countersigning them, sealing policies.

A laboratory's own authority writes one of two purposes of ours into every certificate. An outside authority knows
neither: of its certificates those for signing documents are accepted, and what a verifier allows beyond them.
"""

import re
from collections.abc import Iterable, Sequence
from enum import StrEnum

from cryptography import x509

from unlearn_audit.errors import UsageError
from unlearn_audit.pki.keys import fingerprint_of

_ARC = "2.25.277464237148962934567310283961480571839"  # below 2.25 anyone may use a UUID of their own (X.667)
REPORT_SIGNING = x509.ObjectIdentifier(f"{_ARC}.1")
COUNTERSIGNING = x509.ObjectIdentifier(f"{_ARC}.2")
DOCUMENT_SIGNING = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36")
"""RFC 9336: to sign documents that people read."""
_OWN = frozenset({REPORT_SIGNING, COUNTERSIGNING})
_NAMES = {
    "1.3.6.1.5.5.7.3.1": "TLS servers",
    "1.3.6.1.5.5.7.3.2": "TLS clients",
    "1.3.6.1.5.5.7.3.3": "signing code",
    "1.3.6.1.5.5.7.3.4": "e-mail",
    "1.3.6.1.5.5.7.3.8": "time stamps",
    "1.3.6.1.5.5.7.3.9": "OCSP answers",
    DOCUMENT_SIGNING.dotted_string: "signing documents",
    REPORT_SIGNING.dotted_string: "signing audit reports",
    COUNTERSIGNING.dotted_string: "countersigning audit reports",
    "2.5.29.37.0": "any purpose",
}
_OID = re.compile(r"[012](\.(0|[1-9][0-9]*)){1,31}")
_HEX = re.compile(r"[0-9a-f]{64}")


class KeyPurpose(StrEnum):
    """What a key signs."""

    REPORT = "report"
    COUNTERSIGNATURE = "countersignature"
    SEAL = "seal"
    """A policy before the run: whoever may sign or countersign a report may seal."""


_WANTED = {
    KeyPurpose.REPORT: frozenset({REPORT_SIGNING}),
    KeyPurpose.COUNTERSIGNATURE: frozenset({COUNTERSIGNING}),
    KeyPurpose.SEAL: _OWN,
}


def list_purposes(certificate: x509.Certificate) -> tuple[x509.ObjectIdentifier, ...]:
    """Return the extended key usages of a certificate, none where it has none."""
    try:
        return tuple(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound:
        return ()


def find_misuse(certificate: x509.Certificate, purpose: KeyPurpose, allowed: Sequence[str] = ()) -> str:
    """Return why `certificate` may not sign for `purpose`, as the end of a sentence, '' where it may.

    Args:
        certificate: of the signer.
        purpose: what it signed.
        allowed: further extended key usages (OIDs) that the verifier accepts.
    """
    if _is_authority(certificate):
        return "its certificate is one of a certificate authority, which signs certificates and no report"
    listed = list_purposes(certificate)
    if not listed:
        return ""
    own = _OWN & set(listed)
    accepted = _WANTED[purpose] if own else {DOCUMENT_SIGNING, *map(x509.ObjectIdentifier, allowed)}
    if accepted & set(listed):
        return ""
    purposes = _name(own or listed)
    wanted = {KeyPurpose.REPORT: "signing reports", KeyPurpose.COUNTERSIGNATURE: "countersigning"}
    return f"its certificate is for {purposes}, not for {wanted.get(purpose, 'sealing policies')}"


def _name(purposes: Iterable[x509.ObjectIdentifier]) -> str:
    return ", ".join(_NAMES.get(item.dotted_string, item.dotted_string) for item in purposes)


def describe_purposes(certificate: x509.Certificate) -> str:
    """Return the extended key usages of a certificate in words."""
    return _name(list_purposes(certificate)) or "none stated"


def names_no_purpose(certificate: x509.Certificate) -> bool:
    """Return whether a certificate leaves open what it is for: any key below its root may then be taken for another."""
    return not list_purposes(certificate)


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def is_named(certificate: x509.Certificate, names: Sequence[str]) -> bool:
    """Return whether one of `names` is the certificate's public key (SHA-256, hex), its subject, or its common name."""
    subject = certificate.subject
    common = {str(item.value) for item in subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)}
    known = {fingerprint_of(certificate), subject.rfc4514_string(), *common}
    return any(name.strip() in known or read_fingerprint(name) in known for name in names)


def read_fingerprint(name: str) -> str | None:
    """Return a SHA-256 as this program prints it, None where `name` is none; colons and capitals do not matter."""
    plain = name.replace(":", "").strip().lower()
    return plain if _HEX.fullmatch(plain) else None


def validate_purposes(allowed: Sequence[str]) -> None:
    """Refuse what is no object identifier.

    Raises:
        UsageError: names it.
    """
    for text in allowed:
        if not _OID.fullmatch(text):
            raise UsageError(
                f"--allow-eku: expected an object identifier, found {text!r}", hint="such as 1.3.6.1.5.5.7.3.36"
            )
