"""Verifying a bundle offline: is it whole, who signed it, is that someone the verifier trusts, what does it say?

Trust comes from the verifier and never from the bundle. UNTRUSTED is not INVALID, and both differ from a valid
signature over a failing verdict.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from cryptography import x509

from unlearn_audit.errors import ExitCode, IntegrityError, UsageError
from unlearn_audit.records import AuditRecord, Outcome, digest_of, find_worst, to_canonical_json
from unlearn_audit.report.attestation import make_statement, open_envelope
from unlearn_audit.report.bundle import ATTESTATION, CHAIN, PDF, RECORD, digest_path, is_safe_name
from unlearn_audit.report.keys import fingerprint_of, is_test_certificate
from unlearn_audit.report.trust import Standing, examine_chain, examine_pdf, load_roots

_LARGEST = 64 << 20  # of files that are read as a whole; models and evidence are only digested
_EXITS = {Outcome.PASS: ExitCode.PASS, Outcome.FAIL: ExitCode.FAIL}


class State(StrEnum):
    """How one line of a verification stands."""

    OK = "ok"
    INVALID = "invalid"
    UNTRUSTED = "untrusted"
    ABSENT = "absent"
    TEST_KEY = "test-key"


@dataclass(frozen=True)
class Line:
    """One question about the bundle, and its answer in a sentence."""

    name: str
    state: State
    sentence: str


@dataclass(frozen=True)
class Verification:
    """All answers. `record` is there only when every byte of the bundle is what was signed."""

    lines: tuple[Line, ...]
    record: AuditRecord | None

    def find(self, name: str) -> Line:
        """Return the line called `name`.

        Raises:
            KeyError: there is none.
        """
        return {line.name: line for line in self.lines}[name]

    @property
    def exit_code(self) -> ExitCode:
        """4 for anything invalid, untrusted or not signed; otherwise what the verdict says (0, 1 or 3)."""
        states = {line.state for line in self.lines}
        if self.record is None or states & {State.INVALID, State.UNTRUSTED}:
            return ExitCode.INTEGRITY
        if self.find("authenticity").state is State.ABSENT:
            return ExitCode.INTEGRITY
        return _EXITS.get(self.record.outcome, ExitCode.INCONCLUSIVE)


def verify_bundle(path: Path, trust: tuple[Path, ...] = ()) -> Verification:
    """Verify the bundle in the folder `path` against the root certificates in the PEM files `trust`.

    Raises:
        UsageError: `path` is no folder, or a file of `trust` holds no certificates.
    """
    if not path.is_dir():
        raise UsageError(f"expected the folder of a bundle, found no folder at {path}")
    roots = load_roots(trust)
    try:
        certificates, record = _check_integrity(path)
    except IntegrityError as error:
        return Verification((Line("integrity", State.INVALID, error.message),), None)
    count = sum(1 for _ in _list_files(path))
    lines = [Line("integrity", State.OK, f"All {count} files are exactly those that were signed.")]
    standing = examine_chain(certificates, roots)
    lines.append(_judge_authenticity(certificates, standing, has_roots=bool(roots)))
    lines.append(_judge_identity(certificates[0], record, trusted=standing.trusted))
    lines.append(_judge_pdf(path, certificates[0], record))
    lines.append(
        Line("time", State.OK, f"Claimed, not proven: evidence collected {record.provenance.created}; no time stamp.")
    )
    lines.append(Line("verdict", State.OK, f"{record.outcome.label.upper()}: {record.verdict.reason}"))
    return Verification(tuple(lines), record)


def _list_files(folder: Path) -> Iterator[str]:
    """Yield the names of all files below `folder`; anything that is no plain file or folder is refused."""
    for entry in sorted(folder.iterdir()):
        if entry.is_symlink() or not (entry.is_file() or entry.is_dir()):
            raise IntegrityError(f"{entry.name!r} is a link or no plain file: a bundle holds plain files only")
        if entry.is_file():
            yield entry.name
            continue
        found = [f"{entry.name}/{name}" for name in _list_files(entry)]
        if not found:
            raise IntegrityError(f"the folder {entry.name!r} is empty: it was not part of the bundle")
        yield from found


def _read(path: Path, name: str) -> bytes:
    file = path / name
    if file.is_symlink() or not file.is_file():
        raise IntegrityError(f"{name} is missing")
    if file.stat().st_size > _LARGEST:
        raise IntegrityError(f"{name} is larger than {_LARGEST >> 20} MiB")
    return file.read_bytes()


def _check_integrity(path: Path) -> tuple[tuple[x509.Certificate, ...], AuditRecord]:
    """Return the signer's chain and the record after every byte of the bundle has been accounted for."""
    try:
        certificates = tuple(x509.load_pem_x509_certificates(_read(path, CHAIN)))
        statement = open_envelope(_read(path, ATTESTATION), certificates[0])
        digests = _read_subjects(statement)
        _compare_files(path, digests)
        record = AuditRecord.from_bytes(_read(path, RECORD))
        _check_record(record, _read(path, RECORD), digests)
        _check_statement(statement, digests, record)
    except IntegrityError:
        raise
    except OSError as error:
        raise IntegrityError(f"the bundle cannot be read: {error.strerror}") from error
    except Exception as error:  # hostile bytes may fail a parser in any way, and each way is a refusal
        raise IntegrityError(f"the bundle cannot be read: {type(error).__name__} in its signed parts") from error
    return certificates, record


def _check_statement(statement: dict[str, Any], digests: dict[str, str], record: AuditRecord) -> None:
    if to_canonical_json(statement) != make_statement(digests, record):
        raise IntegrityError("the attestation states another result than the record")


def _check_record(record: AuditRecord, content: bytes, digests: dict[str, str]) -> None:
    """Refuse a record that contradicts itself or the files beside it, even where its signature holds."""
    if record.to_bytes() != content:
        raise IntegrityError(f"{RECORD} is not in its canonical form")
    if digest_of(record.policy) != record.policy_sha256:
        raise IntegrityError("the record's policy digest is not that of the policy in it")
    worst = find_worst(check.outcome for check in record.verdict.checks if check.required)
    decided = Outcome.INCONCLUSIVE if worst is Outcome.NOT_RUN else worst
    if not record.outcome is record.verdict.outcome is decided:
        raise IntegrityError("the record's outcome is not the worst of its required checks")
    for card in record.provenance.models:
        if card.file in digests and digests[card.file] != card.sha256:
            raise IntegrityError(f"{card.file} is not the model whose digest the record names")


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


def _compare_files(path: Path, digests: dict[str, str]) -> None:
    """Refuse missing, additional and changed files, and say which."""
    try:
        found = set(_list_files(path)) - {ATTESTATION}
        missing, extra = sorted(digests.keys() - found), sorted(found - digests.keys())
        changed = sorted(name for name in digests.keys() & found if digest_path(path / name) != digests[name])
    except OSError as error:
        raise IntegrityError(f"the bundle cannot be read: {error.strerror}") from error
    told = (("missing", missing), ("not part of what was signed", extra), ("changed since signing", changed))
    problems = [f"{', '.join(names)}: {what}" for what, names in told if names]
    if problems:
        raise IntegrityError("; ".join(problems))


def _judge_authenticity(chain: tuple[x509.Certificate, ...], standing: Standing, *, has_roots: bool) -> Line:
    subject = chain[0].subject.rfc4514_string()
    if not has_roots:
        return Line(
            "authenticity", State.UNTRUSTED,
            f"The signature of '{subject}' holds, but nobody was named to trust: give the laboratory's root "
            "with --trust.",
        )  # fmt: skip
    if not standing.trusted:
        return Line("authenticity", State.UNTRUSTED, f"The signature of '{subject}' holds, but {standing.reason}.")
    if any(is_test_certificate(certificate) for certificate in chain):
        return Line(
            "authenticity", State.TEST_KEY,
            "TEST KEY: the signature holds, but anyone can make such a key; not for submissions.",
        )  # fmt: skip
    return Line("authenticity", State.OK, f"Signed by '{subject}', issued below a root that you trust.")


def _judge_identity(signer: x509.Certificate, record: AuditRecord, *, trusted: bool) -> Line:
    named, key = record.provenance.signer, fingerprint_of(signer)
    if named is None or named.fingerprint != key:
        who = named.subject if named else "nobody"
        return Line("signer identity", State.INVALID, f"The record names {who} as signer, another key signed.")
    if (named.kind == "test") != is_test_certificate(signer):
        return Line(
            "signer identity", State.INVALID, "The record and the certificate disagree on this being a TEST key."
        )
    state = State.TEST_KEY if named.kind == "test" else State.OK if trusted else State.UNTRUSTED
    return Line("signer identity", state, f"{signer.subject.rfc4514_string()}, public key SHA-256 {key}.")


def _judge_pdf(path: Path, signer: x509.Certificate, record: AuditRecord) -> Line:
    if not (path / PDF).is_file():
        return Line("PDF signature", State.ABSENT, "The bundle holds no report.pdf.")
    try:
        examine_pdf(_read(path, PDF), signer, record.to_bytes())
    except IntegrityError as error:
        return Line("PDF signature", State.INVALID, error.message)
    return Line(
        "PDF signature", State.OK, "Covers the whole PDF, by the same signer; the attached record is record.json."
    )
