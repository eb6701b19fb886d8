"""The signatures and time stamps inside a PDF, taken apart and checked without any network.

Each is examined as the last thing of the file that it was appended to, so that nothing between them goes unseen.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from unlearn_audit.bundle.layout import RECORD
from unlearn_audit.errors import IntegrityError
from unlearn_audit.pki.certificates import keep_quiet
from unlearn_audit.pki.chains import TIME_STAMPING, Standing, examine_chain
from unlearn_audit.pki.der import NotDerError, check_der
from unlearn_audit.pki.time_stamps import TimeStamp, open_token
from unlearn_audit.records import SignatureLevel
from unlearn_audit.verification.pdf_revisions import examine_stages, find_ends, read_pdf

_LISTS = "/CRLs"
_KINDS = (_LISTS, "/OCSPs")
_MOST = 32  # signatures and time stamps: more than any report has, and few enough to be examined


@dataclass(frozen=True)
class PdfSignature:
    """One signature in a PDF, whole; whether its signer is trusted is asked elsewhere.

    Attributes:
        certificates: the signer's first, then those that came with it.
        meaning: the words that were signed with it.
        claimed: when, as the signer claims: UTC, ISO 8601.
        stamp: its own time stamp, from level B-T on.
        end: where it ends with all that follows it: the file up to there was once the whole file.
        archive: the time stamps over the whole file that follow it, oldest first, from level B-LTA on.
        carries_proof: whether revocation lists or answers of OCSP responders were embedded with it, from level B-LT on.
    """

    certificates: tuple[x509.Certificate, ...]
    meaning: str
    claimed: str
    stamp: TimeStamp | None
    end: int = 0
    archive: tuple[TimeStamp, ...] = ()
    carries_proof: bool = False

    @property
    def level(self) -> SignatureLevel:
        """The PAdES level that the signature really has."""
        if self.stamp is None:
            return SignatureLevel.B
        if not self.carries_proof:
            return SignatureLevel.T
        return SignatureLevel.LTA if self.archive else SignatureLevel.LT

    @property
    def stamps(self) -> tuple[TimeStamp, ...]:
        """All time stamps that vouch for the signature, oldest first."""
        return (*((self.stamp,) if self.stamp else ()), *self.archive)


@dataclass(frozen=True)
class SignedPdf:
    """A PDF whose every byte is accounted for: what was rendered, then invisible signatures and time stamps.

    Attributes:
        record: the attached record.json.
        signatures: the certifying signature first, then those who signed after it.
        revocations: the embedded revocation lists (DER).
    """

    record: bytes
    signatures: tuple[PdfSignature, ...]
    revocations: tuple[bytes, ...]


def find_trusted_time(
    stamps: Sequence[TimeStamp], roots: Sequence[x509.Certificate], revocations: Sequence[bytes] = ()
) -> tuple[datetime | None, Standing]:
    """Return the time that `stamps`, oldest first, prove together, or None and why not.

    The newest must be by an authority that is trusted today. It proves that the one before it existed at its time, so
    that one need only have been good then, and so on down to the oldest, whose time is the answer.
    """
    moment: datetime | None = None
    for stamp in reversed(stamps):
        standing = examine_chain(
            stamp.certificates, roots, usage=TIME_STAMPING, moment=moment, revocations=revocations
        )  # fmt: skip
        if not standing.trusted:
            return None, standing
        moment = stamp.time
    return moment, Standing(trusted=moment is not None, reason="" if stamps else "there is no time stamp")


def open_pdf(pdf: bytes) -> SignedPdf:
    """Take a signed PDF apart after checking every byte of it.

    Raises:
        IntegrityError: not a PDF with signatures and one attachment called record.json; a signature does not hold; or
            something else than invisible signatures and time stamps was added after the first.
    """
    try:
        with keep_quiet():
            return _open(pdf)
    except IntegrityError:
        raise
    except Exception as error:  # a parser fed with hostile bytes may fail in any way, and each way is a refusal
        raise IntegrityError(f"the PDF cannot be read: {type(error).__name__}") from error


def carries_signature(pdf: bytes) -> bool:
    """Return whether a PDF holds any signature or time stamp, good or bad.

    Raises:
        IntegrityError: it cannot be read.
    """
    try:
        with keep_quiet():
            return bool(find_ends(read_pdf(pdf)))
    except Exception as error:  # as above
        raise IntegrityError(f"the PDF cannot be read: {type(error).__name__}") from error


def _open(pdf: bytes) -> SignedPdf:
    whole = read_pdf(pdf)
    ends = find_ends(whole)
    if not 0 < len(ends) <= _MOST:
        raise IntegrityError(f"the PDF must carry a signature, found {len(ends)}")
    if ends[-1] != len(pdf):
        raise IntegrityError("the PDF's last signature does not cover the whole file")
    stages = [*(read_pdf(pdf[:end]) for end in ends[:-1]), whole]
    signatures: list[PdfSignature] = []
    for number, (stage, end) in enumerate(zip(stages, ends, strict=True)):
        if len(stage.embedded_signatures) != number + 1:
            raise IntegrityError("the PDF's signatures do not follow one another")
        _examine_last(stage, pdf[:end], signatures)
    examine_stages(stages)
    attached = list(_list_attachments(whole))
    if [name for name, _ in attached] != [RECORD]:
        raise IntegrityError(f"the PDF must carry one attachment, {RECORD}, found {len(attached)}")
    return SignedPdf(attached[0][1], tuple(signatures), tuple(_list_proof(whole, _LISTS)))


def _examine_last(reader: Any, stage: bytes, signatures: list[PdfSignature]) -> None:
    """Check what was added last, and put it to the `signatures` before it."""
    last = reader.embedded_signatures[-1]
    if last.sig_object_type == "/DocTimeStamp":
        if not signatures:
            raise IntegrityError("the PDF's first signature is only a time stamp")
        stamp = _examine_document_stamp(last, stage)
        signatures[-1] = replace(signatures[-1], archive=(*signatures[-1].archive, stamp), end=len(stage))
        return
    _validate_permission(reader, first=not signatures)
    found = _examine_signature(last)
    proof = any(True for kind in _KINDS for _ in _list_proof(reader, kind))
    signatures.append(replace(found, carries_proof=proof, end=len(stage)))


def _validate_permission(reader: Any, *, first: bool) -> None:
    """The first signature certifies; others may follow only where it permits them."""
    from pyhanko.sign.fields import MDPPerm

    certifying = reader.embedded_regular_signatures[0]
    level = certifying.docmdp_level
    if level is None or "/Perms" not in reader.root:
        raise IntegrityError("the PDF's first signature does not certify it")
    if not first and level is not MDPPerm.FILL_FORMS:
        raise IntegrityError("the PDF was signed again although its first signature permits no changes")


def _examine_signature(signature: Any) -> PdfSignature:
    from pyhanko.sign.validation import validate_pdf_signature
    from pyhanko.sign.validation.settings import KeyUsageConstraints
    from pyhanko.sign.validation.status import SignatureCoverageLevel
    from pyhanko_certvalidator import ValidationContext

    if signature.signer_cert is None:
        raise IntegrityError("the PDF's signature carries no certificate")
    if signature.evaluate_signature_coverage() is not SignatureCoverageLevel.ENTIRE_FILE:
        raise IntegrityError("the PDF's signature does not cover the whole file")
    stamp = _validate_uncovered(signature)
    status = validate_pdf_signature(
        signature,
        ValidationContext(trust_roots=[signature.signer_cert], allow_fetching=False),
        key_usage_settings=KeyUsageConstraints(key_usage={"digital_signature"}),
        skip_diff=True,  # comparing revisions of a tagged PDF can take minutes; `examine_stages` does it exactly
    )
    if not (status.intact and status.valid):
        raise IntegrityError("the PDF's signature does not hold")
    inside = (signature.signer_cert, *signature.other_embedded_certs)
    certificates = tuple(x509.load_der_x509_certificate(found.dump()) for found in inside)
    claimed = signature.self_reported_timestamp
    when = claimed.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if claimed else ""
    return PdfSignature(certificates, str(signature.sig_object.get("/Reason", "")), when, stamp)


def _validate_uncovered(signature: Any) -> TimeStamp | None:
    """The signature cannot cover itself: hold the bytes it leaves out to the one way of writing them."""
    der = _read_contents(signature)
    info = signature.signer_info
    attributes = list(info["unsigned_attrs"]) if info["unsigned_attrs"].native else []
    try:
        check_der(der)
    except NotDerError as error:
        raise IntegrityError(f"the PDF's signature is not in its canonical form: {error}") from error
    if _read_uncovered(signature) != _write_uncovered(signature.signer_cert):
        raise IntegrityError("the PDF's signature says something else than it must where it does not cover itself")
    if not attributes:
        return None
    if len(attributes) != 1 or attributes[0]["type"].native != "signature_time_stamp_token":
        raise IntegrityError("the PDF's signature holds attributes that it does not cover")
    (token,) = attributes[0]["values"]
    return open_token(token.dump(), sha256(info["signature"].native).digest(), "the time stamp of the PDF's signature")


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


def _examine_document_stamp(signature: Any, stage: bytes) -> TimeStamp:
    from pyhanko.sign.validation.status import SignatureCoverageLevel

    if signature.evaluate_signature_coverage() is not SignatureCoverageLevel.ENTIRE_FILE:
        raise IntegrityError("the PDF's time stamp does not cover the whole file")
    first, size, second, rest = (int(number) for number in signature.byte_range)
    covered = sha256(stage[first : first + size] + stage[second : second + rest])
    return open_token(_read_contents(signature), covered.digest(), "the PDF's archive time stamp")


def _read_contents(signature: Any) -> bytes:
    """Return the signature's DER after checking that nothing else stands in the gap that it does not cover."""
    written = bytes(signature.sig_object["/Contents"])
    length = int.from_bytes(written[2:4], "big") + 4  # DER of a signature is longer than 255 bytes: 30 82 length
    der, rest = written[:length], written[length:]
    start, size, after, _ = (int(number) for number in signature.byte_range)
    stream = signature.reader.stream
    stream.seek(start + size)
    gap = stream.read(after - start - size)
    if start or written[:2] != b"\x30\x82" or rest.strip(b"\0") or gap != b"<" + written.hex().upper().encode() + b">":
        raise IntegrityError("the PDF holds more beside its signature than the signature")
    return der


def _list_attachments(reader: Any) -> Iterator[tuple[str, bytes]]:
    names = reader.root["/Names"]["/EmbeddedFiles"]["/Names"]
    for place in range(0, len(names), 2):
        specification = names[place + 1]
        yield str(specification["/UF"]), bytes(specification["/EF"]["/F"].data)


def _list_proof(reader: Any, kind: str) -> Iterator[bytes]:
    """Yield what the document security store holds of one of `_KINDS`."""
    if "/DSS" in reader.root:
        found = reader.root["/DSS"].get(kind, ())
        for place in range(len(found)):
            yield bytes(found[place].data)


def examine_pdf(pdf: bytes, signer: x509.Certificate, record: bytes) -> SignedPdf:
    """Check that `pdf` is certified by `signer`, whole, and has `record` attached; return what is in it.

    Whether `signer` is trusted is asked elsewhere: here it is enough that it is the signer of the whole bundle.

    Raises:
        IntegrityError: names what does not hold.
    """
    opened = open_pdf(pdf)
    own = opened.signatures[0].certificates[0].public_bytes(Encoding.DER)
    if own != signer.public_bytes(Encoding.DER):
        raise IntegrityError("the PDF was signed by someone else than the bundle")
    if opened.record != record:
        raise IntegrityError("the record attached to the PDF is not the bundle's record.json")
    return opened
