"""Files of a bundle beside the record: PDFs with signatures of their own, and the policy."""

from dataclasses import replace
from pathlib import Path

from unlearn_audit.bundle.layout import EVIDENCE, HTML, PDF, POLICY, RECORD, SUMMARY_PDF
from unlearn_audit.errors import IntegrityError, PolicyError
from unlearn_audit.policy import KnownNames, Policy, load_policy
from unlearn_audit.records import AuditRecord
from unlearn_audit.verification.answers import State, VerificationCheck
from unlearn_audit.verification.integrity import Opened, read_plainly
from unlearn_audit.verification.pdf_signatures import SignedPdf, carries_signature, examine_pdf


def judge_completeness(path: Path, record: AuditRecord) -> VerificationCheck:
    """Return whether the bundle holds what a report has: a page to read, evidence, policy, and the models it names.

    What is missing was not signed, so nothing is broken; but a pass that nobody can read or compute again is none yet.
    """
    wanted = [POLICY, EVIDENCE, *(card.file for card in record.provenance.models if card.file)]
    missing = [name for name in wanted if not (path / name).is_file()]
    if not any((path / name).is_file() for name in (HTML, PDF)):
        missing.insert(0, f"{HTML} or {PDF}")
    if missing:
        return VerificationCheck("completeness", State.ABSENT, f"The bundle lacks {', '.join(missing)}.", asked=True)
    return VerificationCheck(
        "completeness", State.OK, "Pages, policy, evidence and all models that it names are there."
    )


def compare_policy(path: Path, record: AuditRecord) -> VerificationCheck:
    """Return whether the policy in the file `path` is the one that `record` was judged by, by its digest.

    Layout and comments of the file do not matter, any value does.

    Raises:
        PolicyError: the file is no policy.
    """
    given = load_policy(path, KnownNames())  # equal digests mean equal names: nothing is gained by knowing them
    if given.digest() == digest_policy(record):
        return VerificationCheck(
            "policy match", State.OK, f"The report was judged by the policy you gave: {_name(given)}.", True
        )
    return VerificationCheck(
        "policy match", State.INVALID,
        f"The report was judged by another policy: {record.policy.get('id')} {record.policy.get('version')}, sha256 "
        f"{record.policy_sha256[:12]}; you gave {_name(given)}, sha256 {given.digest()[:12]}.",
        True,
    )  # fmt: skip


def digest_policy(record: AuditRecord) -> str:
    """Return the digest that the record's policy has today: fields that came later are filled in, as in a file."""
    try:
        return Policy.model_validate(record.policy).digest()
    except ValueError:
        return record.policy_sha256


def _name(policy: Policy) -> str:
    return f"{policy.id} {policy.version}"


def judge_pdf(path: Path, found: Opened) -> tuple[VerificationCheck, SignedPdf | None]:
    """Return the line on the report's PDF, and the PDF where it holds."""
    if not (path / PDF).is_file():
        text = "The report was made without a report.pdf: nothing that was signed names one."
        return VerificationCheck("PDF signature", State.ABSENT, text), None
    try:
        pdf = found.pdf or examine_pdf(read_plainly(path / PDF), found.certificates[0], read_plainly(path / RECORD))
        _validate_count(pdf, 1 + len(found.countersignatures))
    except IntegrityError as error:
        return VerificationCheck("PDF signature", State.INVALID, error.message), None
    return judge_level(pdf, found.record, "the attached record is record.json"), pdf


def judge_summary(path: Path, found: Opened) -> tuple[tuple[VerificationCheck, ...], SignedPdf | None]:
    """Return a line on the summary and the summary, where there is one.

    It is signed as the report is, once; one of before that was so is covered like any file.
    """
    if not (path / SUMMARY_PDF).is_file():
        return (), None
    name = "summary signature"
    try:
        content = read_plainly(path / SUMMARY_PDF)
        if not carries_signature(content):
            text = f"{SUMMARY_PDF} carries no signature of its own; the attestation covers it."
            return (VerificationCheck(name, State.ABSENT, text),), None
        pdf = examine_pdf(content, found.certificates[0], read_plainly(path / RECORD))
        _validate_count(pdf, 1)
    except IntegrityError as error:
        return (VerificationCheck(name, State.INVALID, f"{SUMMARY_PDF}: {error.message}"),), None
    return (replace(judge_level(pdf, found.record, "the attached record is record.json"), name=name),), pdf


def _validate_count(pdf: SignedPdf, expected: int) -> None:
    if len(pdf.signatures) != expected:
        raise IntegrityError(f"the PDF carries {len(pdf.signatures)} signatures, the bundle others")


def judge_level(pdf: SignedPdf, record: AuditRecord, also: str = "permits no other changes") -> VerificationCheck:
    """Every signature must be at the level that the record, and so every page, promises."""
    promised = record.provenance.signer.level if record.provenance.signer else "B-B"
    found = [signature.level for signature in pdf.signatures]
    if any(level != promised for level in found):
        text = f"The record promises signatures at level {promised}, the PDF has {', '.join(found)}."
        return VerificationCheck("PDF signature", State.INVALID, text)
    many = f"{len(found)} signatures, " if len(found) > 1 else ""
    return VerificationCheck("PDF signature", State.OK, f"PAdES {promised}, {many}covers the whole PDF; {also}.")


def judge_policy_file(path: Path, record: AuditRecord) -> VerificationCheck:
    """A reader opens policy.yaml, the record was judged by the policy inside it: they must say the same."""
    if not path.is_file():
        return VerificationCheck("policy file", State.ABSENT, f"The bundle holds no {path.name}.")
    try:
        digest = load_policy(path, KnownNames()).digest()
    except PolicyError as error:
        first = error.message.splitlines()[0]
        return VerificationCheck("policy file", State.INVALID, f"{path.name} is not the record's policy: {first}")
    if digest != digest_policy(record):
        return VerificationCheck(
            "policy file", State.INVALID, f"{path.name} is another policy than the one in the record."
        )
    return VerificationCheck("policy file", State.OK, f"{path.name} says what the record was judged by.")
