"""Certificates and revocation lists: read from files, and held against the roots that a verifier trusts."""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from unlearn_audit import limits
from unlearn_audit.errors import IntegrityError, UsageError

TIME_STAMPING = "time_stamping"


@dataclass(frozen=True)
class Standing:
    """Whether a chain ends at a trusted root, and if not why, as the end of a sentence."""

    trusted: bool
    reason: str = ""


def load_roots(paths: Sequence[Path], option: str = "--trust") -> tuple[x509.Certificate, ...]:
    """Return all certificates of the files (PEM, or one in DER) that the verifier trusts.

    Raises:
        UsageError: a file cannot be read or holds no certificate.
    """
    roots: list[x509.Certificate] = []
    for path in paths:
        try:
            content = _read_bounded(path, limits.CERTIFICATES.most)
            pem = b"-----BEGIN" in content
            roots += x509.load_pem_x509_certificates(content) if pem else [x509.load_der_x509_certificate(content)]
        except OSError as error:
            raise UsageError(f"the root certificate {path} cannot be read: {error.strerror}") from error
        except ValueError as error:
            raise UsageError(f"{path} holds no certificate (PEM or DER)", hint=f"{option} takes a .crt.pem") from error
    return tuple(roots)


def _read_bounded(path: Path, most: int) -> bytes:
    with path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise UsageError(f"{path}: expected at most {most:,} bytes, found more")
    return content


def load_revocations(paths: Sequence[Path]) -> tuple[bytes, ...]:
    """Return the certificate revocation lists (DER) in PEM or DER files.

    Raises:
        UsageError: a file cannot be read or holds no such list.
    """
    found = []
    for path in paths:
        try:
            content = _read_bounded(path, limits.REVOCATIONS.most)
            pem = content.lstrip().startswith(b"-----")
            read = x509.load_pem_x509_crl(content) if pem else x509.load_der_x509_crl(content)
        except OSError as error:
            raise UsageError(f"the revocation list {path} cannot be read: {error.strerror}") from error
        except ValueError as error:
            raise UsageError(
                f"{path} holds no certificate revocation list", hint="expected a .crl.pem, see 'keys crl'"
            ) from error
        found.append(read.public_bytes(Encoding.DER))
    return tuple(found)


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


def examine_chain(
    certificates: Sequence[x509.Certificate],
    roots: Sequence[x509.Certificate],
    *,
    usage: str = "digital_signature",
    moment: datetime | None = None,
    revocations: Sequence[bytes] = (),
) -> Standing:
    """Return whether the first certificate might do `usage` at `moment` and descends from one of `roots`.

    Certificates that came with the bundle help to find the path; they are never trusted themselves.

    Args:
        certificates: the one that is asked about first, then what came with it.
        roots: what the verifier trusts.
        usage: 'digital_signature', or 'time_stamping' for an authority.
        moment: when it was used, as a trusted time says; None for now.
        revocations: revocation lists (DER). A certificate that one of them names as revoked before `moment` is
            refused, whether the list is older or newer than `moment`.
    """
    if not roots:
        return Standing(trusted=False, reason="no root certificate was named to trust")
    from pyhanko_certvalidator import CertificateValidator, ValidationContext
    from pyhanko_certvalidator.errors import PathError, ValidationError

    try:
        context = ValidationContext(trust_roots=[convert(root) for root in roots], allow_fetching=False, moment=moment)
        validator: Any = CertificateValidator(
            convert(certificates[0]), [convert(item) for item in certificates[1:]], validation_context=context
        )
        purposes = (set(), {usage}) if usage == TIME_STAMPING else ({usage},)
        with keep_quiet():
            path = asyncio.run(validator.async_validate_usage(*purposes))
        chain = [x509.load_der_x509_certificate(item.dump()) for item in path]
        revoked = _find_revoked(chain, revocations, moment or datetime.now(UTC))
    except (PathError, ValidationError) as error:
        text = str(error).strip().rstrip(".")
        return Standing(trusted=False, reason=f"its certificate is not accepted: {text}")
    except Exception as error:  # noqa: BLE001 - hostile bytes may fail a parser in any way, and none is trusted
        return Standing(trusted=False, reason=f"its certificate cannot be read: {type(error).__name__}")
    return Standing(trusted=not revoked, reason=revoked)


def _find_revoked(chain: Sequence[x509.Certificate], revocations: Sequence[bytes], moment: datetime) -> str:
    """Return what was revoked at `moment` of a trusted `chain`, root first, as the end of a sentence, or nothing."""
    lists = [x509.load_der_x509_crl(content) for content in revocations]
    for issuer, certificate in pairwise(chain):
        public: Any = issuer.public_key()
        for known in lists:
            if known.issuer != issuer.subject or not known.is_signature_valid(public):
                continue
            entry = known.get_revoked_certificate_by_serial_number(certificate.serial_number)
            if entry is not None and entry.revocation_date_utc <= moment:
                who = certificate.subject.rfc4514_string()
                return f"the certificate of '{who}' was revoked on {entry.revocation_date_utc:%Y-%m-%d}"
    return ""


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
        if issuers and not any(_has_issued(issuer, certificate) for issuer in issuers):
            raise IntegrityError(f"a certificate inside {where} does not hold")


def _has_issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    """An authority may have had several roots of one name, so that one of those must hold and not each."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except Exception:  # noqa: BLE001 - wrong names, keys, algorithms and signatures all mean the same here
        return False
    return True
