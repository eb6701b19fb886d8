"""Integrity of a bundle: every byte of the folder is accounted for before anything in it is believed."""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography import x509

from unlearn_audit.bundle.attestation import make_statement, open_attestation
from unlearn_audit.bundle.countersignatures import (
    Countersignature,
    count_in,
    find_person,
    is_countersignature,
    name_files,
    read_countersignature,
    read_date,
)
from unlearn_audit.bundle.layout import ATTESTATION, CHAIN, PDF, RECORD, STAMP, digest_path, is_safe_name
from unlearn_audit.errors import IntegrityError
from unlearn_audit.pki.certificates import validate_certificates
from unlearn_audit.pki.keys import fingerprint_of
from unlearn_audit.pki.time_stamps import TimeStamp, open_token
from unlearn_audit.records import AuditRecord, digest_of, to_canonical_json
from unlearn_audit.verdict.consistency import UnknownRulesError, find_contradictions
from unlearn_audit.verification.pdf_signatures import PdfSignature, SignedPdf, open_pdf

_LARGEST = 64 << 20  # of files that are read as a whole; models and evidence are only digested


def list_files(folder: Path) -> Iterator[str]:
    """Yield the names of all files below `folder`.

    Raises:
        IntegrityError: something in it is no plain file or folder.
    """
    for entry in sorted(folder.iterdir()):
        if entry.is_symlink():
            raise IntegrityError(
                f"{entry.name!r} is a symbolic link, and a bundle holds plain files only: copy the folder with what "
                "its links point at (cp -rL) and verify the copy"
            )
        if not (entry.is_file() or entry.is_dir()):
            raise IntegrityError(f"{entry.name!r} is no plain file: a bundle holds plain files only")
        if entry.is_file():
            yield entry.name
            continue
        found = [f"{entry.name}/{name}" for name in list_files(entry)]
        if not found:
            raise IntegrityError(f"the folder {entry.name!r} is empty: it was not part of the bundle")
        yield from found


def read_plainly(file: Path) -> bytes:
    """Return the content of a plain file of bearable size.

    Raises:
        IntegrityError: it is missing, a link, or too large.
    """
    if file.is_symlink():
        raise IntegrityError(f"{file.name} is a symbolic link: copy it with cp -L, and verify the copy")
    if not file.is_file():
        raise IntegrityError(f"{file.name} is missing")
    if file.stat().st_size > _LARGEST:
        raise IntegrityError(f"{file.name} is larger than {_LARGEST >> 20} MiB")
    return file.read_bytes()


@dataclass(frozen=True)
class Opened:
    """What a bundle or a lone PDF holds after every byte of it has been accounted for. Nobody is trusted yet.

    Attributes:
        certificates: the signer's first, then those above it.
        record: the record.
        stamps: the time stamps that vouch for the signer's signature, oldest first.
        countersignatures: in the order of signing.
        pdf: the PDF, where it had to be opened for that.
    """

    certificates: tuple[x509.Certificate, ...]
    record: AuditRecord
    stamps: tuple[TimeStamp, ...] = ()
    countersignatures: tuple[Countersignature, ...] = ()
    pdf: SignedPdf | None = None


def check_bundle(path: Path, roots: Sequence[x509.Certificate] = ()) -> Opened:
    """Return what is in a bundle after every byte of it has been accounted for.

    Whom the verifier trusts, `roots`, is used to hold certificates inside time stamps against, no more.

    Raises:
        IntegrityError: names what does not hold.
    """
    try:
        found = _check_bundle(path)
        for stamp in (*found.stamps, *(stamp for item in found.countersignatures for stamp in item.stamps)):
            validate_certificates(stamp.certificates, roots, "a time stamp")
    except IntegrityError:
        raise
    except OSError as error:
        raise IntegrityError(f"the bundle cannot be read: {error.strerror}") from error
    except Exception as error:  # hostile bytes may fail a parser in any way, and each way is a refusal
        raise IntegrityError(f"the bundle cannot be read: {type(error).__name__} in its signed parts") from error
    return found


def _check_bundle(path: Path) -> Opened:
    certificates = tuple(x509.load_pem_x509_certificates(read_plainly(path / CHAIN)))
    envelope = read_plainly(path / ATTESTATION)
    statement = open_attestation(envelope, certificates[0])
    digests = _read_subjects(statement)
    names = set(list_files(path))
    count = count_in(names)
    if not count:
        _compare_files(path, digests)
    record = read_record(read_plainly(path / RECORD))
    stamp = _read_stamp(path / STAMP, envelope, record)
    found = Opened(certificates, record, (stamp,) if stamp else ())
    if count:
        found = _check_countersignatures(path, found, digests, count)
    _compare_statement(statement, digests, record)
    return found


def _read_stamp(path: Path, stamped: bytes, record: AuditRecord) -> TimeStamp | None:
    """A record that promises trusted time needs its time stamps; one that does not has none."""
    level = record.provenance.signer.level if record.provenance.signer else "B-B"
    if level == "B-B":
        if path.exists():
            raise IntegrityError(f"{path.name}: not part of what was signed at level B-B")
        return None
    return open_token(read_plainly(path), sha256(stamped).digest(), path.name)


def _check_countersignatures(path: Path, found: Opened, attested: dict[str, str], count: int) -> Opened:
    """Check each countersignature against the bundle as it was before it, and the files against the last of them."""
    own = {ATTESTATION: digest_path(path / ATTESTATION)} | ({STAMP: digest_path(path / STAMP)} if found.stamps else {})
    signed: list[Countersignature] = []
    pages: list[str] = []
    digests = attested
    for number in range(1, count + 1):
        names = name_files(number)
        envelope = read_plainly(path / names[0])
        countersignature, statement = read_countersignature(envelope, found.record)
        digests = _read_subjects(statement)
        if digests != {**attested, **own, **({PDF: digests.get(PDF, "")} if PDF in attested else {})}:
            raise IntegrityError(f"{names[0]} is over other files than those of this bundle")
        stamp = _read_stamp(path / names[1], envelope, found.record)
        signed.append(replace(countersignature, stamps=(stamp,) if stamp else ()))
        pages.append(digests.get(PDF, ""))
        own[names[0]] = sha256(envelope).hexdigest()
        own |= {names[1]: digest_path(path / names[1])} if stamp else {}
    _compare_files(path, {name: digest for name, digest in digests.items() if name not in own})
    _validate_distinct_signers(found.certificates[0], signed)
    pdf = _check_pages(read_plainly(path / PDF), [attested[PDF], *pages], signed) if PDF in attested else None
    if pdf is not None:
        pairs = zip(signed, pdf.signatures[1:], strict=True)
        signed = [replace(item, pdf_stamps=signature.stamps) for item, signature in pairs]
    return replace(found, countersignatures=tuple(signed), pdf=pdf)


def _check_pages(content: bytes, digests: Sequence[str], signed: Sequence[Countersignature]) -> SignedPdf:
    """The PDF, cut off after each signature, must be what each signer signed, and signed by the same people."""
    pdf = open_pdf(content)
    if [sha256(content[: signature.end]).hexdigest() for signature in pdf.signatures] != list(digests):
        raise IntegrityError(f"{PDF}: the signatures in it are not those of the bundle")
    if [s.certificates[0] for s in pdf.signatures[1:]] != [item.certificates[0] for item in signed]:
        raise IntegrityError(f"{PDF} was countersigned by someone else than the bundle")
    return pdf


def _validate_distinct_signers(signer: x509.Certificate, signed: Sequence[Countersignature]) -> None:
    """Four eyes are not two eyes twice."""
    keys = [fingerprint_of(signer), *(fingerprint_of(item.certificates[0]) for item in signed)]
    if len(set(keys)) < len(keys):
        raise IntegrityError("the same key signed twice: a countersignature needs another one")


def check_pdf(path: Path, roots: Sequence[x509.Certificate]) -> Opened:
    """Return what is in a lone signed PDF after every byte of it has been accounted for.

    Raises:
        IntegrityError: names what does not hold.
    """
    try:
        pdf = open_pdf(read_plainly(path))
        record = read_record(pdf.record)
        for signature in pdf.signatures:
            validate_certificates(signature.certificates, roots)
            for stamp in signature.stamps:
                validate_certificates(stamp.certificates, roots, "a time stamp of the PDF")
        signed = tuple(_find_countersignature(signature, record) for signature in pdf.signatures[1:])
        first = pdf.signatures[0]
        _validate_distinct_signers(first.certificates[0], signed)
    except IntegrityError:
        raise
    except OSError as error:
        raise IntegrityError(f"the PDF cannot be read: {error.strerror}") from error
    except Exception as error:  # as above
        raise IntegrityError(f"the PDF cannot be read: {type(error).__name__} in its signed parts") from error
    return Opened(first.certificates, record, first.stamps, signed, pdf)


def _find_countersignature(signature: PdfSignature, record: AuditRecord) -> Countersignature:
    person = find_person(record, signature.certificates[0])
    if person is None or signature.meaning != person.meaning:
        raise IntegrityError("the PDF is countersigned by somebody whom its policy does not name as responsible")
    read_date(signature.claimed, record)
    return Countersignature(person, signature.meaning, signature.claimed, signature.certificates, signature.stamps)


def read_record(content: bytes) -> AuditRecord:
    """Return the record in `content`; one that contradicts itself is refused even where its signature holds.

    Raises:
        IntegrityError: not a record, not canonical, or policy digest or outcome do not follow from the rest.
    """
    record = AuditRecord.from_bytes(content)
    if to_canonical_json(json.loads(content)) != content:  # of itself: an older record lacks fields that came later
        raise IntegrityError(f"{RECORD} is not in its canonical form")
    if digest_of(record.policy) != record.policy_sha256:
        raise IntegrityError("the record's policy digest is not that of the policy in it")
    _validate_verdicts(record)
    return record


def _validate_verdicts(record: AuditRecord) -> None:
    """Refuse a record whose verdicts do not follow from its own policy and findings, whoever signed it.

    A policy that this version cannot read proves nothing either way; verification says so in a line of its own.
    """
    with suppress(UnknownRulesError):
        for contradiction in find_contradictions(record):
            raise IntegrityError(f"the record contradicts itself: {contradiction}")


def _read_subjects(statement: dict[str, Any]) -> dict[str, str]:
    """Return file name -> digest of a statement; every name must be plain and named once."""
    try:
        listed = [(subject["name"], subject["digest"]["sha256"]) for subject in statement["subject"]]
    except (KeyError, TypeError) as error:
        raise IntegrityError("the attestation's list of files is malformed") from error
    for name, digest in listed:
        if not isinstance(name, str) or not isinstance(digest, str) or not is_safe_name(name):
            raise IntegrityError(f"the attestation names a file that cannot be part of a bundle: {str(name)[:80]!r}")
    digests = dict(listed)
    if len(digests) < len(listed):
        raise IntegrityError("the attestation names a file twice")
    for name in (RECORD, CHAIN):
        if name not in digests:
            raise IntegrityError(f"the attestation does not cover {name}")
    return digests


def _compare_statement(statement: dict[str, Any], digests: dict[str, str], record: AuditRecord) -> None:
    for card in record.provenance.models:
        if card.file in digests and digests[card.file] != card.sha256:
            raise IntegrityError(f"{card.file} is not the model whose digest the record names")
    if to_canonical_json(statement) != make_statement(digests, record):
        raise IntegrityError("the attestation states another result than the record")


def _has_other_line_ends(path: Path, digest: str) -> bool:
    """Return whether a file is what was signed but for CR LF in place of LF. It is refused all the same."""
    if path.stat().st_size > _LARGEST:
        return False
    return sha256(path.read_bytes().replace(b"\r\n", b"\n")).hexdigest() == digest


def _compare_files(path: Path, digests: dict[str, str]) -> None:
    """Refuse missing, additional and changed files, and say which."""
    found = {name for name in list_files(path) if name not in (ATTESTATION, STAMP) and not is_countersignature(name)}
    missing, extra = sorted(digests.keys() - found), sorted(found - digests.keys())
    changed = sorted(name for name in digests.keys() & found if digest_path(path / name) != digests[name])
    ends = [name for name in changed if _has_other_line_ends(path / name, digests[name])]
    kinds = (
        ("missing", missing),
        ("not part of what was signed", extra),
        ("changed since signing", [name for name in changed if name not in ends]),
        ("only the line ends were changed, as git does with core.autocrlf; check it out with '-text'", ends),
    )
    problems = [f"{', '.join(names)}: {what}" for what, names in kinds if names]
    if problems:
        raise IntegrityError("; ".join(problems))
