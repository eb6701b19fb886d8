"""Signing keys: ECDSA P-256 only, refused where they could be read by others or do not fit their certificate.

Neither key nor passphrase ever reaches a message, a log or a representation.
"""

import hashlib
import os
import stat
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key, pkcs12

from unlearn_audit.errors import KeyFileError
from unlearn_audit.pki import PASSPHRASE_VARIABLE
from unlearn_audit.records import SignatureLevel, Signer

TEST_SUBJECT = "TEST KEY - unlearn-audit - not for submissions"
_PKCS12 = (".p12", ".pfx")


class PrivateKey(Protocol):
    """What signs: a key read from a file, or one that never leaves its token."""

    def public_key(self) -> ec.EllipticCurvePublicKey:
        """Return the public half."""
        ...

    def sign(self, data: bytes, signature_algorithm: ec.EllipticCurveSignatureAlgorithm, /) -> bytes:
        """Return the signature over `data` in DER."""
        ...


@dataclass(frozen=True)
class SigningKey:
    """A private key with its certificate and the certificates above it, the root last where it is known."""

    private: PrivateKey = field(repr=False)
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...] = ()

    def sign(self, data: bytes) -> bytes:
        """Return the ECDSA signature (DER) over the SHA-256 of `data`."""
        return self.private.sign(data, ec.ECDSA(SHA256()))

    def chain_pem(self) -> bytes:
        """Return the signer's certificate and the ones above it, as they travel in a bundle."""
        return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in (self.certificate, *self.chain))


def fingerprint_of(certificate: x509.Certificate) -> str:
    """Return the SHA-256 (hex) of the certificate's public key in DER: the signer's identity in every file."""
    spki = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(spki).hexdigest()


def is_test_certificate(certificate: x509.Certificate) -> bool:
    """Return whether the certificate is a labelled TEST certificate, whoever issued it."""
    names = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return any("TEST KEY" in str(name.value).upper() for name in names)


def describe_signer(certificate: x509.Certificate, level: SignatureLevel = SignatureLevel.B) -> Signer:
    """Return whom a certificate names, and the level of the signature, as it enters a record."""
    return Signer(
        kind="test" if is_test_certificate(certificate) else "configured",
        subject=certificate.subject.rfc4514_string(),
        fingerprint=fingerprint_of(certificate),
        level=level,
    )


def load_signing_key(key_path: Path, chain_path: Path | None = None, passphrase: str | None = None) -> SigningKey:
    """Read a PKCS#8 PEM key with its PEM chain (signer first), or a PKCS#12 file that holds both.

    Raises:
        KeyFileError: unreadable; readable by others; wrong passphrase; not ECDSA P-256; key and certificate do not
            fit; certificate expired, not yet valid, or not for digital signatures; chain out of order.
    """
    content = _read_private(key_path)
    secret = passphrase.encode() if passphrase is not None else None
    if key_path.suffix.lower() in _PKCS12:
        key = _open_pkcs12(key_path, content, secret)
    else:
        if chain_path is None:
            raise KeyFileError(
                f"the key {key_path} comes without a certificate", hint="name the PEM chain too, signer first"
            )
        certificates = read_chain(chain_path)
        key = SigningKey(_open_pem(key_path, content, secret), certificates[0], certificates[1:])
    validate_signing_key(key, key_path)
    return key


def open_private_key(path: Path, passphrase: str | None = None) -> ec.EllipticCurvePrivateKey:
    """Read a PKCS#8 PEM key alone.

    Raises:
        KeyFileError: unreadable; readable by others; wrong passphrase; not ECDSA P-256.
    """
    return _open_pem(path, _read_private(path), passphrase.encode() if passphrase is not None else None)


def _read_private(path: Path) -> bytes:
    """Return the file's content after checking, on the opened file itself, that nobody else can read it."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise KeyFileError(
                    f"the key {path} can be reached by group or others (mode {stat.S_IMODE(mode):04o}): it is not used",
                    hint=f"chmod 600 {path}",
                )
            return file.read()
    except OSError as error:
        raise KeyFileError(f"the key {path} cannot be read: {error.strerror}") from error


def _open_pem(path: Path, content: bytes, secret: bytes | None) -> ec.EllipticCurvePrivateKey:
    if secret is not None and b"ENCRYPTED" not in content:
        secret = None  # one passphrase variable serves encrypted and plain keys alike
    try:
        private = load_pem_private_key(content, secret)
    except TypeError:
        raise KeyFileError(
            f"the key {path} is encrypted and no passphrase was given", hint=f"set {PASSPHRASE_VARIABLE}"
        ) from None
    except Exception:  # noqa: BLE001 - OpenSSL's errors differ by version, and may quote what must not be quoted
        raise KeyFileError(
            f"the key {path} cannot be opened: no PKCS#8 PEM key, or the passphrase is wrong",
            hint=f"the passphrase is read from {PASSPHRASE_VARIABLE}",
        ) from None
    return _validate_curve(path, private)


def _open_pkcs12(path: Path, content: bytes, secret: bytes | None) -> SigningKey:
    try:
        private, certificate, others = pkcs12.load_key_and_certificates(content, secret)
    except Exception:  # noqa: BLE001 - see _open_pem
        raise KeyFileError(
            f"the key {path} cannot be opened: no PKCS#12 file, or the passphrase is wrong",
            hint=f"the passphrase is read from {PASSPHRASE_VARIABLE}",
        ) from None
    if private is None or certificate is None:
        raise KeyFileError(f"the PKCS#12 file {path} needs a private key with its certificate")
    return SigningKey(_validate_curve(path, private), certificate, _order(certificate, others))


def _order(certificate: x509.Certificate, others: list[x509.Certificate]) -> tuple[x509.Certificate, ...]:
    """Return the certificates above `certificate`, nearest first; a PKCS#12 file promises no order."""
    chain, last, rest = [], certificate, list(others)
    while last.issuer != last.subject:
        above = next((c for c in rest if c.subject == last.issuer), None)
        if above is None:
            break
        rest.remove(above)
        chain.append(above)
        last = above
    return tuple(chain)


def _validate_curve(path: Path, private: object) -> ec.EllipticCurvePrivateKey:
    if not isinstance(private, ec.EllipticCurvePrivateKey) or not isinstance(private.curve, ec.SECP256R1):
        kind = private.curve.name if isinstance(private, ec.EllipticCurvePrivateKey) else type(private).__name__
        raise KeyFileError(
            f"the key {path} must be ECDSA P-256, found {kind.lstrip('_')}",
            hint="make one with: unlearn-audit keys init",
        )
    return private


def read_chain(path: Path) -> tuple[x509.Certificate, ...]:
    """Return the certificates of a PEM file in their order.

    Raises:
        KeyFileError: it cannot be read or holds none.
    """
    try:
        return tuple(x509.load_pem_x509_certificates(path.read_bytes()))
    except OSError as error:
        raise KeyFileError(f"the certificate chain {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise KeyFileError(f"{path} holds no PEM certificates") from error


def validate_signing_key(key: SigningKey, path: Path, now: datetime | None = None) -> None:
    """Refuse a key whose certificate does not fit it or may not sign today.

    Raises:
        KeyFileError: names which of the conditions does not hold.
    """
    certificate, moment = key.certificate, now or datetime.now(UTC)
    same = certificate.public_key() == key.private.public_key()
    if not same:
        raise KeyFileError(f"the first certificate of the chain does not belong to the key {path}")
    if moment > certificate.not_valid_after_utc:
        raise KeyFileError(f"the certificate of {path} expired on {certificate.not_valid_after_utc:%Y-%m-%d}")
    if moment < certificate.not_valid_before_utc:
        raise KeyFileError(f"the certificate of {path} is not valid before {certificate.not_valid_before_utc:%Y-%m-%d}")
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        usage = None
    if usage is None or not usage.digital_signature:
        raise KeyFileError(f"the certificate of {path} does not state the key usage 'digitalSignature'")
    for below, above in zip((certificate, *key.chain), key.chain, strict=False):
        try:
            below.verify_directly_issued_by(above)
        except Exception:  # noqa: BLE001 - wrong names, key types and signatures all mean the same here
            raise KeyFileError(
                f"the chain of {path} is out of order: '{above.subject.rfc4514_string()}' did not issue "
                f"'{below.subject.rfc4514_string()}'",
                hint="signer first, root last",
            ) from None
