"""Verifies a bundle, or its PDF alone, offline.

Trust comes from the verifier and never from the bundle. UNTRUSTED is not INVALID, and both differ from a valid
signature over a failing verdict. What follows from the record and the evidence is asked in `rerendering` and in
`unlearn_audit.verification.recomputation`; who signed in `signers`, when in `times`, what lies there in `contents`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from unlearn_audit.bundle.layout import ATTESTATION, PDF, POLICY, SUMMARY_PDF
from unlearn_audit.errors import IntegrityError, UsageError
from unlearn_audit.pki.certificates import load_roots
from unlearn_audit.pki.purposes import validate_purposes
from unlearn_audit.pki.revocation import load_revocations
from unlearn_audit.pki.time_stamps import TimeStamp
from unlearn_audit.records import AuditRecord
from unlearn_audit.verdict.summary import summarise
from unlearn_audit.verification.answers import State, Verification, VerificationCheck
from unlearn_audit.verification.contents import (
    compare_policy,
    judge_completeness,
    judge_level,
    judge_pdf,
    judge_policy_file,
    judge_summary,
)
from unlearn_audit.verification.integrity import Opened, check_bundle, check_pdf, list_files
from unlearn_audit.verification.seals import judge_seals, list_seal_chains
from unlearn_audit.verification.signers import judge_countersignatures, judge_revocation_lists, judge_signer
from unlearn_audit.verification.times import judge_time
from unlearn_audit.verification.trust_store import TrustStore
from unlearn_audit.verification.unsigned import (
    describe_folder,
    describe_page,
    is_page,
    read_start,
    validate_no_archive,
)
from unlearn_audit.verification.verdicts import judge_looks, judge_rules, judge_waivers
from unlearn_audit.verification.waivers import judge_waiver_seal, list_waiver_chains

__all__ = [
    "State",
    "Verification",
    "VerificationCheck",
    "VerificationOptions",
    "compare_policy",
    "judge_waivers",
    "verify",
    "verify_bundle",
    "verify_pdf",
]

_Stamped = Mapping[str, Sequence[TimeStamp]]


@dataclass(frozen=True)
class VerificationOptions:
    """What a verifier wants beyond the roots that it trusts.

    Attributes:
        trust_time: PEM files of root certificates that are trusted for time stamps and for nothing else. With some,
            no other root is asked about time.
        revocations: files of revocation lists, PEM or DER, newer than what the report may carry.
        require_timestamp: whether a time that is only claimed is not enough.
        signers: whom the verifier expects to have signed: a subject, a common name, or the SHA-256 of a public key.
            Anyone below a trusted root where it is empty.
        purposes: extended key usages (OIDs) that a signer's certificate may have beyond those of documents and reports.
    """

    trust_time: tuple[Path, ...] = ()
    revocations: tuple[Path, ...] = ()
    require_timestamp: bool = False
    signers: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()


def verify(path: Path, trust: tuple[Path, ...] = (), options: VerificationOptions | None = None) -> Verification:
    """Verify a bundle's folder, or its report.pdf alone, against the root certificates in the PEM files `trust`.

    A page, or a folder with pages and without signatures, is not refused: the answer says what can be checked of it.

    Raises:
        UsageError: `path` is neither, or an archive, or a file of `trust` or `options` does not hold what it should.
    """
    if not path.is_file():
        return verify_bundle(path, trust, options)
    start = read_start(path)
    validate_no_archive(path, start)
    return describe_page(path) if is_page(start) else verify_pdf(path, trust, options)


def verify_bundle(path: Path, trust: tuple[Path, ...] = (), options: VerificationOptions | None = None) -> Verification:
    """Verify the bundle in the folder `path` against the root certificates in the PEM files `trust`.

    Raises:
        UsageError: `path` is no folder, or a file of `trust` or `options` does not hold what it should.
    """
    if not path.is_dir():
        raise UsageError(
            f"expected the folder of a bundle or its report.pdf, found no folder and no file at {path}",
            hint="'unlearn-audit run' says where it wrote the bundle",
        )
    trust_store = _load_trust(trust, options)
    if (unsigned := describe_folder(path)) is not None:
        return unsigned
    try:
        found = check_bundle(path, trust_store.all_roots)
    except IntegrityError as error:
        return Verification((VerificationCheck("integrity", State.INVALID, error.message),), None)
    count = sum(1 for _ in list_files(path))
    about_pdf, pdf = judge_pdf(path, found)
    about_summary, summary = judge_summary(path, found)
    lines = (
        VerificationCheck("integrity", State.OK, f"All {count} files are exactly those that were signed."),
        about_pdf,
        *about_summary,
        judge_policy_file(path / POLICY, found.record),
        judge_completeness(path, found.record),
    )
    stamped: dict[str, Sequence[TimeStamp]] = {ATTESTATION: found.stamps}
    for name, opened in ((PDF, pdf), (SUMMARY_PDF, summary)):
        if opened is not None:
            stamped[name] = opened.signatures[0].stamps
    return _conclude(lines, found, stamped, trust_store.knowing(pdf.revocations if pdf else ()))


def verify_pdf(path: Path, trust: tuple[Path, ...] = (), options: VerificationOptions | None = None) -> Verification:
    """Verify a lone report.pdf: its PAdES signatures and the record attached to it. What needs the folder is absent.

    Raises:
        UsageError: a file of `trust` or `options` does not hold what it should.
    """
    trust_store = _load_trust(trust, options)
    try:
        found = check_pdf(path, trust_store.all_roots)
    except IntegrityError as error:
        return Verification((VerificationCheck("integrity", State.INVALID, error.message),), None)
    alone = "Only the PDF was given; verify the bundle's folder for"
    lines = (
        VerificationCheck(
            "integrity", State.OK, "The signature covers every byte of this PDF, and the record attached to it."
        ),
        judge_level(found.pdf, found.record)
        if found.pdf
        else VerificationCheck("PDF signature", State.ABSENT, "No PDF."),
        VerificationCheck("policy file", State.ABSENT, f"{alone} policy.yaml."),
        VerificationCheck("files beside it", State.ABSENT, f"{alone} attestation, evidence, models and HTML."),
    )
    embedded = found.pdf.revocations if found.pdf else ()
    return _conclude(lines, found, {"the PDF": found.stamps}, trust_store.knowing(embedded))


def _load_trust(trust: tuple[Path, ...], options: VerificationOptions | None) -> TrustStore:
    wants = options or VerificationOptions()
    validate_purposes(wants.purposes)
    return TrustStore(
        roots=load_roots(trust),
        time_roots=load_roots(wants.trust_time, "--trust-time"),
        revocations=load_revocations(wants.revocations),
        require_timestamp=wants.require_timestamp,
        signers=wants.signers,
        purposes=wants.purposes,
    )


def _conclude(
    lines: tuple[VerificationCheck, ...], found: Opened, stamped: _Stamped, trust_store: TrustStore
) -> Verification:
    """Put who signed and when between what is whole and what the verdict is."""
    first, *others = lines
    record = found.record
    moment, time = judge_time(stamped, found.certificates, record, trust_store)
    signers = (found.certificates, *(item.certificates for item in found.countersignatures))
    stamps = [stamp for listed in stamped.values() for stamp in listed]
    stamps += [stamp for item in found.countersignatures for listed in item.stamped for stamp in listed]
    chains = (
        *signers,
        *(stamp.certificates for stamp in stamps),
        *list_seal_chains(record),
        *list_waiver_chains(record),
    )
    return Verification(
        (
            first,
            *judge_signer(found.certificates, record, trust_store, moment),
            *others,
            *judge_seals(record, trust_store, moment),
            *judge_waiver_seal(record, trust_store, moment),
            *judge_countersignatures(found.countersignatures, record, trust_store),
            *judge_revocation_lists(chains, trust_store),
            time,
            *judge_rules(record),
            *judge_looks(record),
            judge_waivers(record, datetime.now(UTC).date()),
            _describe_verdict(record),
        ),
        record,
    )


def _describe_verdict(record: AuditRecord) -> VerificationCheck:
    text = " ".join(map(str, summarise(record.verdict.checks)))
    return VerificationCheck("verdict", State.OK, f"{record.verdict.label.upper()}: {text}")
