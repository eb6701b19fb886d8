"""Certificates: read from files, handed to pyHanko, and compared with one another where no signature covers them."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from unlearn_audit import limits
from unlearn_audit.errors import IntegrityError, UsageError


def load_roots(paths: Sequence[Path], option: str = "--trust") -> tuple[x509.Certificate, ...]:
    """Return all certificates of the files (PEM, or one in DER) that the verifier trusts.

    Raises:
        UsageError: a file cannot be read or holds no certificate.
    """
    roots: list[x509.Certificate] = []
    for path in paths:
        try:
            content = read_bounded(path, limits.CERTIFICATES.most)
            pem = b"-----BEGIN" in content
            roots += x509.load_pem_x509_certificates(content) if pem else [x509.load_der_x509_certificate(content)]
        except OSError as error:
            raise UsageError(f"the root certificate {path} cannot be read: {error.strerror}") from error
        except ValueError as error:
            raise UsageError(f"{path} holds no certificate (PEM or DER)", hint=f"{option} takes a .crt.pem") from error
    return tuple(roots)


def read_bounded(path: Path, most: int) -> bytes:
    """Return the bytes of a file.

    Raises:
        UsageError: it is larger than `most` bytes.
    """
    with path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise UsageError(f"{path}: expected at most {most:,} bytes, found more")
    return content


def convert(certificate: x509.Certificate) -> Any:
    """Return the same certificate as pyHanko takes it."""
    from asn1crypto import x509 as asn1_x509

    return asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))


@contextmanager
def keep_quiet() -> Iterator[None]:
    """Keep pyHanko's log to itself: what it finds wrong is said in our own line."""
    silence = logging.NullHandler()
    loggers = [logging.getLogger(name) for name in ("pyhanko", "pyhanko_certvalidator")]
    before = [logger.propagate for logger in loggers]
    for logger in loggers:
        logger.addHandler(silence)
        logger.propagate = False
    try:
        yield
    finally:
        for logger, propagates in zip(loggers, before, strict=True):
            logger.removeHandler(silence)
            logger.propagate = propagates


def validate_certificates(
    certificates: Sequence[x509.Certificate], roots: Sequence[x509.Certificate], where: str = "the PDF's signature"
) -> None:
    """Hold the certificates inside a signature, which it does not cover, to each other and to the trusted `roots`.

    Each but the first must have issued another one, each must be signed as it says, and one that calls itself a
    trusted root must be that root.

    Raises:
        IntegrityError: one of them does not belong, or was changed.
    """
    for place, certificate in enumerate(certificates):
        others = [other for other in certificates if other is not certificate]
        if place and all(other.issuer != certificate.subject for other in others):
            raise IntegrityError(f"{where} carries a certificate that does not belong to its chain")
        namesakes = [root for root in roots if root.subject == certificate.subject]
        if namesakes and certificate not in namesakes and certificate.issuer not in [o.subject for o in certificates]:
            raise IntegrityError(f"{where} carries a changed copy of a certificate that you trust")
        issuers = [issuer for issuer in (*certificates, *roots) if issuer.subject == certificate.issuer]
        if issuers and not any(has_issued(issuer, certificate) for issuer in issuers):
            raise IntegrityError(f"a certificate inside {where} does not hold")


def has_issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    """Return whether `issuer` signed `certificate`, by name and by key.

    An authority may have had several roots of one name, so that one of those must hold and not each.
    """
    try:
        certificate.verify_directly_issued_by(issuer)
    except Exception:  # noqa: BLE001 - wrong names, keys, algorithms and signatures all mean the same here
        return False
    return True
