"""Is a bundle whole? Every byte of the folder is accounted for before anything in it is believed."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from cryptography import x509

from unlearn_audit.errors import IntegrityError
from unlearn_audit.records import (
    AuditRecord,
    CheckResult,
    Verdict,
    decide_outcome,
    digest_of,
    judge_waiver,
    settle_waivers,
    to_canonical_json,
)
from unlearn_audit.report.attestation import make_statement, open_envelope
from unlearn_audit.report.bundle import ATTESTATION, CHAIN, RECORD, digest_path, is_safe_name
from unlearn_audit.report.trust import examine_pdf, open_pdf, refuse_strangers

_LARGEST = 64 << 20  # of files that are read as a whole; models and evidence are only digested


def list_files(folder: Path) -> Iterator[str]:
    """Yield the names of all files below `folder`.

    Raises:
        IntegrityError: something in it is no plain file or folder.
    """
    for entry in sorted(folder.iterdir()):
        if entry.is_symlink() or not (entry.is_file() or entry.is_dir()):
            raise IntegrityError(f"{entry.name!r} is a link or no plain file: a bundle holds plain files only")
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
    if file.is_symlink() or not file.is_file():
        raise IntegrityError(f"{file.name} is missing")
    if file.stat().st_size > _LARGEST:
        raise IntegrityError(f"{file.name} is larger than {_LARGEST >> 20} MiB")
    return file.read_bytes()


def check_bundle(path: Path) -> tuple[tuple[x509.Certificate, ...], AuditRecord]:
    """Return the signer's chain and the record after every byte of the bundle has been accounted for.

    Raises:
        IntegrityError: names what does not hold.
    """
    try:
        certificates = tuple(x509.load_pem_x509_certificates(read_plainly(path / CHAIN)))
        statement = open_envelope(read_plainly(path / ATTESTATION), certificates[0])
        digests = _read_subjects(statement)
        _compare_files(path, digests)
        record = read_record(read_plainly(path / RECORD))
        _compare_statement(statement, digests, record)
    except IntegrityError:
        raise
    except OSError as error:
        raise IntegrityError(f"the bundle cannot be read: {error.strerror}") from error
    except Exception as error:  # hostile bytes may fail a parser in any way, and each way is a refusal
        raise IntegrityError(f"the bundle cannot be read: {type(error).__name__} in its signed parts") from error
    return certificates, record


def check_pdf(path: Path, roots: Sequence[x509.Certificate]) -> tuple[tuple[x509.Certificate, ...], AuditRecord]:
    """Return the certificates inside a signed PDF, the signer's first, and the record attached to it.

    Raises:
        IntegrityError: names what does not hold.
    """
    try:
        content = read_plainly(path)
        certificates, attached = open_pdf(content)
        refuse_strangers(certificates, roots)
        examine_pdf(content, certificates[0], attached)
        record = read_record(attached)
    except IntegrityError:
        raise
    except OSError as error:
        raise IntegrityError(f"the PDF cannot be read: {error.strerror}") from error
    except Exception as error:  # as above
        raise IntegrityError(f"the PDF cannot be read: {type(error).__name__} in its signed parts") from error
    return certificates, record


def read_record(content: bytes) -> AuditRecord:
    """Return the record in `content`; one that contradicts itself is refused even where its signature holds.

    Raises:
        IntegrityError: not a record, not canonical, or policy digest or outcome do not follow from the rest.
    """
    record = AuditRecord.from_bytes(content)
    if record.to_bytes() != content:
        raise IntegrityError(f"{RECORD} is not in its canonical form")
    if digest_of(record.policy) != record.policy_sha256:
        raise IntegrityError("the record's policy digest is not that of the policy in it")
    _refuse_contradiction(record)
    return record


def _refuse_contradiction(record: AuditRecord) -> None:
    """Refuse a record whose outcome, or whose waivers, do not follow from its checks and its date."""
    for verdict in record.verdicts:
        if settle_waivers(_judge_waivers(verdict, record)) != verdict.checks:
            raise IntegrityError(f"a waiver on {verdict.model} does not count as the record says it does")
    if not record.outcome is record.verdict.outcome is decide_outcome(record.verdict.checks):
        raise IntegrityError("the record's outcome is not the worst of its required checks")


def _judge_waivers(verdict: Verdict, record: AuditRecord) -> Iterator[CheckResult]:
    granted = {
        "policy": record.policy.get("waivers", ()),
        "file": record.provenance.model_dump(mode="json").get("waivers", ()),
    }
    for check in verdict.checks:
        waiver = check.waiver
        if waiver is None:
            yield check
            continue
        given = waiver.model_dump(mode="json", exclude={"state", "given_in"})
        if verdict is not record.verdict or waiver.check != check.id or given not in granted[waiver.given_in]:
            raise IntegrityError(f"the waiver on check {check.id} was granted by neither policy nor case")
        state = judge_waiver(waiver, check.outcome.value, record.provenance.day)
        yield check.model_copy(update={"waiver": waiver.model_copy(update={"state": state})})


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


def _compare_files(path: Path, digests: dict[str, str]) -> None:
    """Refuse missing, additional and changed files, and say which."""
    found = set(list_files(path)) - {ATTESTATION}
    missing, extra = sorted(digests.keys() - found), sorted(found - digests.keys())
    changed = sorted(name for name in digests.keys() & found if digest_path(path / name) != digests[name])
    told = (("missing", missing), ("not part of what was signed", extra), ("changed since signing", changed))
    problems = [f"{', '.join(names)}: {what}" for what, names in told if names]
    if problems:
        raise IntegrityError("; ".join(problems))
