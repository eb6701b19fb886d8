"""Certificates and PDF signatures, checked by pyHanko without any network."""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding

from unlearn_audit.errors import IntegrityError, UsageError
from unlearn_audit.report.der import NotDerError, check_der
from unlearn_audit.report.offline import defer_network_client
from unlearn_audit.report.pdf import ATTACHMENT


@dataclass(frozen=True)
class Standing:
    """Whether a chain ends at a trusted root, and if not why, as the end of a sentence."""

    trusted: bool
    reason: str = ""


def load_roots(paths: Sequence[Path]) -> tuple[x509.Certificate, ...]:
    """Return all certificates of the PEM files that the verifier trusts.

    Raises:
        UsageError: a file cannot be read or holds no certificate.
    """
    roots: list[x509.Certificate] = []
    for path in paths:
        try:
            roots += x509.load_pem_x509_certificates(path.read_bytes())
        except OSError as error:
            raise UsageError(f"the root certificate {path} cannot be read: {error.strerror}") from error
        except ValueError as error:
            raise UsageError(f"{path} holds no PEM certificate", hint="--trust takes the root's .crt.pem") from error
    return tuple(roots)


def _convert(certificate: x509.Certificate) -> Any:
    from asn1crypto import x509 as asn1_x509

    return asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))


@contextmanager
def _quietly() -> Iterator[None]:
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


def examine_chain(certificates: Sequence[x509.Certificate], roots: Sequence[x509.Certificate]) -> Standing:
    """Return whether the first certificate may sign today and descends from one of `roots`.

    Certificates that came with the bundle help to find the path; they are never trusted themselves.
    """
    if not roots:
        return Standing(trusted=False, reason="no root certificate was named to trust")
    from pyhanko_certvalidator import CertificateValidator, ValidationContext
    from pyhanko_certvalidator.errors import PathError, ValidationError

    try:
        context = ValidationContext(trust_roots=[_convert(root) for root in roots], allow_fetching=False)
        validator = CertificateValidator(
            _convert(certificates[0]), [_convert(item) for item in certificates[1:]], validation_context=context
        )
        with _quietly():
            usage: Any = validator.async_validate_usage  # untyped in pyHanko
            asyncio.run(usage({"digital_signature"}))
    except (PathError, ValidationError) as error:
        text = str(error).strip().rstrip(".")
        return Standing(trusted=False, reason=f"its certificate is not accepted: {text}")
    except Exception as error:  # noqa: BLE001 - hostile bytes may fail a parser in any way, and none is trusted
        return Standing(trusted=False, reason=f"its certificate cannot be read: {type(error).__name__}")
    return Standing(trusted=True)


def open_pdf(pdf: bytes) -> tuple[tuple[x509.Certificate, ...], bytes]:
    """Return the certificates inside the PDF's only signature, the signer's first, and the attached record.

    Nothing is believed yet: `examine_pdf` says whether the signature holds.

    Raises:
        IntegrityError: not a PDF with one signature and one attachment called record.json.
    """
    try:
        with _quietly():
            reader = _read_pdf(pdf)
            signatures, attached = list(reader.embedded_signatures), list(_list_attachments(reader))
            signature = _take_only(signatures)
            inside = (signature.signer_cert, *signature.other_embedded_certs)
            certificates = tuple(x509.load_der_x509_certificate(found.dump()) for found in inside)
    except IntegrityError:
        raise
    except Exception as error:  # a parser fed with hostile bytes may fail in any way, and each way is a refusal
        raise IntegrityError(f"the PDF cannot be read: {type(error).__name__}") from error
    if [name for name, _ in attached] != [ATTACHMENT]:
        raise IntegrityError(f"the PDF must carry one attachment, {ATTACHMENT}, found {len(attached)}")
    return certificates, attached[0][1]


def refuse_strangers(certificates: Sequence[x509.Certificate], roots: Sequence[x509.Certificate]) -> None:
    """Hold the certificates inside a signature, which it does not cover, to each other and to the trusted `roots`.

    Each but the first must have issued another one, each must be signed as it says, and one that calls itself a
    trusted root must be that root.

    Raises:
        IntegrityError: one of them does not belong, or was changed.
    """
    for place, certificate in enumerate(certificates):
        others = [other for other in certificates if other is not certificate]
        if place and all(other.issuer != certificate.subject for other in others):
            raise IntegrityError("the PDF's signature carries a certificate that does not belong to its chain")
        namesakes = [root for root in roots if root.subject == certificate.subject]
        if namesakes and certificate not in namesakes and certificate.issuer not in [o.subject for o in certificates]:
            raise IntegrityError("the PDF's signature carries a changed copy of a certificate that you trust")
        try:
            for issuer in (*certificates, *roots):
                if issuer.subject == certificate.issuer:
                    certificate.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature) as error:
            raise IntegrityError("a certificate inside the PDF's signature does not hold") from error


def examine_pdf(pdf: bytes, signer: x509.Certificate, record: bytes) -> None:
    """Check that one signature of `signer` covers all of `pdf`, unchanged since, with `record` attached.

    Whether `signer` is trusted is asked elsewhere: here it is enough that it is the signer of the whole bundle.

    Raises:
        IntegrityError: names what does not hold.
    """
    try:
        with _quietly():
            reader = _read_pdf(pdf)
            signatures = list(reader.embedded_signatures)
            attached = list(_list_attachments(reader))
            _examine_signature(_take_only(signatures), signer)
    except IntegrityError:
        raise
    except Exception as error:  # a parser fed with hostile bytes may fail in any way, and each way is a refusal
        raise IntegrityError(f"the PDF cannot be read: {type(error).__name__}") from error
    if attached != [(ATTACHMENT, record)]:
        raise IntegrityError("the record attached to the PDF is not the bundle's record.json")


def _read_pdf(pdf: bytes) -> Any:
    with defer_network_client():
        from pyhanko.pdf_utils.reader import PdfFileReader
        from pyhanko.sign import validation as _  # noqa: F401 - the reader imports it for the signatures

    return PdfFileReader(BytesIO(pdf), strict=True)


def _take_only(signatures: list[Any]) -> Any:
    if len(signatures) != 1:
        raise IntegrityError(f"the PDF must carry one signature, found {len(signatures)}")
    return signatures[0]


def _examine_signature(signature: Any, signer: x509.Certificate) -> None:
    from pyhanko.sign.diff_analysis import ModificationLevel
    from pyhanko.sign.validation import validate_pdf_signature
    from pyhanko.sign.validation.settings import KeyUsageConstraints
    from pyhanko.sign.validation.status import SignatureCoverageLevel
    from pyhanko_certvalidator import ValidationContext

    if signature.signer_cert is None or signature.signer_cert.dump() != signer.public_bytes(Encoding.DER):
        raise IntegrityError("the PDF was signed by someone else than the bundle")
    # before the differences: comparing revisions of a tagged PDF can take minutes, and none may differ anyway
    if signature.evaluate_signature_coverage() is not SignatureCoverageLevel.ENTIRE_FILE:
        raise IntegrityError("the PDF's signature does not cover the whole file")
    _refuse_slack(signature)
    status = validate_pdf_signature(
        signature,
        ValidationContext(trust_roots=[_convert(signer)], allow_fetching=False),
        key_usage_settings=KeyUsageConstraints(key_usage={"digital_signature"}),
    )
    if not (status.intact and status.valid):
        raise IntegrityError("the PDF's signature does not hold")
    if status.modification_level is not ModificationLevel.NONE or not status.docmdp_ok:
        raise IntegrityError("the PDF was changed after it was signed")


def _refuse_slack(signature: Any) -> None:
    """The signature cannot cover itself: hold the bytes it leaves out to the one way of writing them."""
    written = bytes(signature.sig_object["/Contents"])
    length = int.from_bytes(written[2:4], "big") + 4  # DER of a signature is longer than 255 bytes: 30 82 length
    der, rest = written[:length], written[length:]
    start, size, after, _ = (int(number) for number in signature.byte_range)
    stream = signature.reader.stream
    stream.seek(start + size)
    gap = stream.read(after - start - size)
    if written[:2] != b"\x30\x82" or rest.strip(b"\0") or gap != b"<" + written.hex().upper().encode() + b">":
        raise IntegrityError("the PDF holds more beside its signature than the signature")
    try:
        check_der(der)
    except NotDerError as error:
        raise IntegrityError(f"the PDF's signature is not in its canonical form: {error}") from error
    if signature.signer_info["unsigned_attrs"].native:
        raise IntegrityError("the PDF's signature holds attributes that it does not cover")
    if _read_uncovered(signature) != _write_uncovered(signature.signer_cert):
        raise IntegrityError("the PDF's signature says something else than it must where it does not cover itself")


def _read_uncovered(signature: Any) -> list[bytes]:
    """Return what CMS says beside certificates, signed attributes and the signature; pyHanko passes most of it over."""
    data, info = signature.signed_data, signature.signer_info
    parts = (data["version"], data["digest_algorithms"], data["encap_content_info"],
             info["version"], info["sid"], info["digest_algorithm"], info["signature_algorithm"])  # fmt: skip
    return [bytes(part.dump()) for part in parts]


def _write_uncovered(signer: Any) -> list[bytes]:
    from asn1crypto import algos, cms

    version = cms.CMSVersion("v1").dump()
    digest = algos.DigestAlgorithm({"algorithm": "sha256"})
    named = cms.IssuerAndSerialNumber({"issuer": signer.issuer, "serial_number": signer.serial_number})
    return [
        version,
        cms.DigestAlgorithms([digest]).dump(),
        cms.EncapsulatedContentInfo({"content_type": "data"}).dump(),
        version,
        named.dump(),
        digest.dump(),
        algos.SignedDigestAlgorithm({"algorithm": "sha256_ecdsa"}).dump(),
    ]


def _list_attachments(reader: Any) -> Iterator[tuple[str, bytes]]:
    names = reader.root["/Names"]["/EmbeddedFiles"]["/Names"]
    for place in range(0, len(names), 2):
        specification = names[place + 1]
        yield str(specification["/UF"]), bytes(specification["/EF"]["/F"].data)
