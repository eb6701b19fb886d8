"""Verifying a bundle or its PDF alone, offline: is it whole, who signed it, is that someone the verifier trusts?

Trust comes from the verifier and never from the bundle. UNTRUSTED is not INVALID, and both differ from a valid
signature over a failing verdict. What follows from the record and the evidence is asked in `rerendering` and in
`unlearn_audit.verification.recomputation`; who signed and when in `signers`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

from unlearn_audit.bundle.layout import PDF, POLICY, RECORD, SUMMARY_PDF
from unlearn_audit.errors import IntegrityError, PolicyError, UsageError
from unlearn_audit.pki.certificates import load_revocations, load_roots
from unlearn_audit.policy import KnownNames, Policy, load_policy
from unlearn_audit.records import AuditRecord
from unlearn_audit.verification.answers import State, Verification, VerificationCheck
from unlearn_audit.verification.integrity import Opened, check_bundle, check_pdf, list_files, read_plainly
from unlearn_audit.verification.pdf_signatures import SignedPdf, carries_signature, examine_pdf
from unlearn_audit.verification.seals import judge_seals
from unlearn_audit.verification.signers import TrustStore, judge_countersignatures, judge_signer, judge_time

__all__ = ["State", "Verification", "VerificationCheck", "VerificationOptions", "verify", "verify_bundle", "verify_pdf"]


@dataclass(frozen=True)
class VerificationOptions:
    """What a verifier wants beyond the roots that it trusts.

    Attributes:
        trust_time: PEM files of root certificates that are trusted for time stamps and for nothing else.
        revocations: files of revocation lists, PEM or DER, newer than what the report may carry.
        require_timestamp: whether a time that is only claimed is not enough.
    """

    trust_time: tuple[Path, ...] = ()
    revocations: tuple[Path, ...] = ()
    require_timestamp: bool = False


def verify(path: Path, trust: tuple[Path, ...] = (), wishes: VerificationOptions | None = None) -> Verification:
    """Verify a bundle's folder, or its report.pdf alone, against the root certificates in the PEM files `trust`.

    Raises:
        UsageError: `path` is neither, or a file of `trust` or `wishes` does not hold what it should.
    """
    if path.is_file():
        return verify_pdf(path, trust, wishes)
    return verify_bundle(path, trust, wishes)


def verify_bundle(path: Path, trust: tuple[Path, ...] = (), wishes: VerificationOptions | None = None) -> Verification:
    """Verify the bundle in the folder `path` against the root certificates in the PEM files `trust`.

    Raises:
        UsageError: `path` is no folder, or a file of `trust` or `wishes` does not hold what it should.
    """
    if not path.is_dir():
        raise UsageError(
            f"expected the folder of a bundle or its report.pdf, found no folder and no file at {path}",
            hint="'unlearn-audit run' says where it wrote the bundle",
        )
    trust_store = _load_trust(trust, wishes)
    try:
        found = check_bundle(path, (*trust_store.roots, *trust_store.time_roots))
    except IntegrityError as error:
        return Verification((VerificationCheck("integrity", State.INVALID, error.message),), None)
    count = sum(1 for _ in list_files(path))
    about_pdf, pdf = _judge_pdf(path, found)
    lines = (
        VerificationCheck("integrity", State.OK, f"All {count} files are exactly those that were signed."),
        about_pdf,
        *_judge_summary(path, found),
        _judge_policy_file(path / POLICY, found.record),
    )
    return _conclude(lines, found, trust_store.knowing(pdf.revocations if pdf else ()))


def verify_pdf(path: Path, trust: tuple[Path, ...] = (), wishes: VerificationOptions | None = None) -> Verification:
    """Verify a lone report.pdf: its PAdES signatures and the record attached to it. What needs the folder is absent.

    Raises:
        UsageError: a file of `trust` or `wishes` does not hold what it should.
    """
    trust_store = _load_trust(trust, wishes)
    try:
        found = check_pdf(path, (*trust_store.roots, *trust_store.time_roots))
    except IntegrityError as error:
        return Verification((VerificationCheck("integrity", State.INVALID, error.message),), None)
    alone = "Only the PDF was given; verify the bundle's folder for"
    lines = (
        VerificationCheck(
            "integrity", State.OK, "The signature covers every byte of this PDF, and the record attached to it."
        ),
        _judge_level(found.pdf, found.record)
        if found.pdf
        else VerificationCheck("PDF signature", State.ABSENT, "No PDF."),
        VerificationCheck("policy file", State.ABSENT, f"{alone} policy.yaml."),
        VerificationCheck("files beside it", State.ABSENT, f"{alone} attestation, evidence, models and HTML."),
    )
    return _conclude(lines, found, trust_store.knowing(found.pdf.revocations if found.pdf else ()))


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


def _load_trust(trust: tuple[Path, ...], wishes: VerificationOptions | None) -> TrustStore:
    wants = wishes or VerificationOptions()
    return TrustStore(
        roots=load_roots(trust),
        time_roots=load_roots(wants.trust_time, "--trust-time"),
        revocations=load_revocations(wants.revocations),
        require_timestamp=wants.require_timestamp,
    )


def _conclude(lines: tuple[VerificationCheck, ...], found: Opened, trust_store: TrustStore) -> Verification:
    """Put who signed and when between what is whole and what the verdict is."""
    first, *others = lines
    record = found.record
    moment, time = judge_time(found.stamps, record, trust_store)
    return Verification(
        (
            first,
            *judge_signer(found.certificates, record, trust_store, moment),
            *others,
            *judge_seals(record, trust_store),
            *judge_countersignatures(found.countersignatures, record, trust_store),
            time,
            judge_waivers(record, datetime.now(UTC).date()),
            VerificationCheck("verdict", State.OK, f"{record.verdict.label.upper()}: {record.verdict.reason}"),
        ),
        record,
    )


def judge_waivers(record: AuditRecord, today: date) -> VerificationCheck:
    """Return whether the verdict rests on waivers, and whether those are still in force `today`."""
    waived = [(check, check.waiver) for check in record.verdict.waived if check.waiver]
    if not waived:
        others = sum(check.waiver is not None for check in record.verdict.checks)
        return VerificationCheck("waivers", State.OK, f"None counts ({others} named)." if others else "None.")
    said = "; ".join(f"{check.id} ({check.outcome.label}) by {w.approver} until {w.expires}" for check, w in waived)
    ended = sorted(check.id for check, waiver in waived if waiver.expires < today)
    if ended:
        without = record.verdict.outcome_without_waivers.label.upper()
        sentence = f"Ended by {today}: {', '.join(ended)}. Without waivers the verdict is {without}. Granted: {said}."
        return VerificationCheck("waivers", State.EXPIRED, sentence)
    return VerificationCheck("waivers", State.WAIVED, f"{len(waived)} required checks do not count: {said}.")


def refuse_waivers(record: AuditRecord) -> VerificationCheck:
    """Return what the verdict is to a verifier who takes no waiver."""
    waived = [check.id for check in record.verdict.waived]
    if not waived:
        return VerificationCheck("waivers taken", State.OK, "None counts.")
    without = record.verdict.outcome_without_waivers.label.upper()
    sentence = f"None, as asked: {', '.join(waived)}. Without waivers the verdict is {without}."
    return VerificationCheck("waivers taken", State.REFUSED, sentence)


def _judge_pdf(path: Path, found: Opened) -> tuple[VerificationCheck, SignedPdf | None]:
    if not (path / PDF).is_file():
        return VerificationCheck(
            "PDF signature",
            State.ABSENT,
            "The report was made without a report.pdf: nothing that was signed names one.",
        ), None
    try:
        pdf = found.pdf or examine_pdf(read_plainly(path / PDF), found.certificates[0], read_plainly(path / RECORD))
        _validate_count(pdf, 1 + len(found.countersignatures))
    except IntegrityError as error:
        return VerificationCheck("PDF signature", State.INVALID, error.message), None
    return _judge_level(pdf, found.record, "the attached record is record.json"), pdf


def _judge_summary(path: Path, found: Opened) -> Iterator[VerificationCheck]:
    """A summary that is there is signed as the report is, once; one of before that was so is covered like any file."""
    if not (path / SUMMARY_PDF).is_file():
        return
    name = "summary signature"
    try:
        content = read_plainly(path / SUMMARY_PDF)
        if not carries_signature(content):
            said = f"{SUMMARY_PDF} carries no signature of its own; the attestation covers it."
            yield VerificationCheck(name, State.ABSENT, said)
            return
        pdf = examine_pdf(content, found.certificates[0], read_plainly(path / RECORD))
        _validate_count(pdf, 1)
    except IntegrityError as error:
        yield VerificationCheck(name, State.INVALID, f"{SUMMARY_PDF}: {error.message}")
        return
    yield replace(_judge_level(pdf, found.record, "the attached record is record.json"), name=name)


def _validate_count(pdf: SignedPdf, expected: int) -> None:
    if len(pdf.signatures) != expected:
        raise IntegrityError(f"the PDF carries {len(pdf.signatures)} signatures, the bundle others")


def _judge_level(pdf: SignedPdf, record: AuditRecord, also: str = "permits no other changes") -> VerificationCheck:
    """Every signature must be at the level that the record, and so every page, promises."""
    promised = record.provenance.signer.level if record.provenance.signer else "B-B"
    found = [signature.level for signature in pdf.signatures]
    if any(level != promised for level in found):
        said = f"The record promises signatures at level {promised}, the PDF has {', '.join(found)}."
        return VerificationCheck("PDF signature", State.INVALID, said)
    many = f"{len(found)} signatures, " if len(found) > 1 else ""
    return VerificationCheck("PDF signature", State.OK, f"PAdES {promised}, {many}covers the whole PDF; {also}.")


def _judge_policy_file(path: Path, record: AuditRecord) -> VerificationCheck:
    """A reader opens policy.yaml, the record was judged by the policy inside it: they must say the same."""
    if not path.is_file():
        return VerificationCheck("policy file", State.ABSENT, f"The bundle holds no {path.name}.")
    try:
        told = load_policy(path, KnownNames()).digest()
    except PolicyError as error:
        first = error.message.splitlines()[0]
        return VerificationCheck("policy file", State.INVALID, f"{path.name} is not the record's policy: {first}")
    if told != digest_policy(record):
        return VerificationCheck(
            "policy file", State.INVALID, f"{path.name} is another policy than the one in the record."
        )
    return VerificationCheck("policy file", State.OK, f"{path.name} says what the record was judged by.")
