"""Verifying a bundle or its PDF alone, offline: is it whole, who signed it, is that someone the verifier trusts?

Trust comes from the verifier and never from the bundle. UNTRUSTED is not INVALID, and both differ from a valid
signature over a failing verdict. What follows from the record and the evidence is asked in `rerendering` and in
`unlearn_audit.recomputation`.
"""

from datetime import UTC, date, datetime
from pathlib import Path

from cryptography import x509

from unlearn_audit.errors import IntegrityError, PolicyError, UsageError
from unlearn_audit.policy import KnownNames, load_policy
from unlearn_audit.records import AuditRecord
from unlearn_audit.report.answers import Line, State, Verification
from unlearn_audit.report.bundle import PDF, POLICY, RECORD
from unlearn_audit.report.integrity import check_bundle, check_pdf, list_files, read_plainly
from unlearn_audit.report.keys import fingerprint_of, is_test_certificate
from unlearn_audit.report.trust import Standing, examine_chain, examine_pdf, load_roots

__all__ = ["Line", "State", "Verification", "verify", "verify_bundle", "verify_pdf"]


def verify(path: Path, trust: tuple[Path, ...] = ()) -> Verification:
    """Verify a bundle's folder, or its report.pdf alone, against the root certificates in the PEM files `trust`.

    Raises:
        UsageError: `path` is neither, or a file of `trust` holds no certificates.
    """
    if path.is_file():
        return verify_pdf(path, trust)
    return verify_bundle(path, trust)


def verify_bundle(path: Path, trust: tuple[Path, ...] = ()) -> Verification:
    """Verify the bundle in the folder `path` against the root certificates in the PEM files `trust`.

    Raises:
        UsageError: `path` is no folder, or a file of `trust` holds no certificates.
    """
    if not path.is_dir():
        raise UsageError(
            f"expected the folder of a bundle or its report.pdf, found no folder and no file at {path}",
            hint="'unlearn-audit run' says where it wrote the bundle",
        )
    roots = load_roots(trust)
    try:
        certificates, record = check_bundle(path)
    except IntegrityError as error:
        return Verification((Line("integrity", State.INVALID, error.message),), None)
    count = sum(1 for _ in list_files(path))
    lines = (
        Line("integrity", State.OK, f"All {count} files are exactly those that were signed."),
        *_judge_signer(certificates, record, examine_chain(certificates, roots), has_roots=bool(roots)),
        _judge_pdf(path, certificates[0]),
        _judge_policy_file(path / POLICY, record),
    )
    return _conclude(lines, record)


def verify_pdf(path: Path, trust: tuple[Path, ...] = ()) -> Verification:
    """Verify a lone report.pdf: its PAdES signature and the record attached to it. What needs the folder is absent.

    Raises:
        UsageError: a file of `trust` holds no certificates.
    """
    roots = load_roots(trust)
    try:
        certificates, record = check_pdf(path, roots)
    except IntegrityError as error:
        return Verification((Line("integrity", State.INVALID, error.message),), None)
    alone = "Only the PDF was given; verify the bundle's folder for"
    lines = (
        Line("integrity", State.OK, "The signature covers every byte of this PDF, and the record attached to it."),
        *_judge_signer(certificates, record, examine_chain(certificates, roots), has_roots=bool(roots)),
        Line("PDF signature", State.OK, "PAdES, covers the whole PDF and permits no changes."),
        Line("policy file", State.ABSENT, f"{alone} policy.yaml."),
        Line("files beside it", State.ABSENT, f"{alone} attestation, evidence, models and HTML."),
    )
    return _conclude(lines, record)


def compare_policy(path: Path, record: AuditRecord) -> Line:
    """Return whether the policy in the file `path` is the one that `record` was judged by, by its digest.

    Layout and comments of the file do not matter, any value does.

    Raises:
        PolicyError: the file is no policy.
    """
    given = load_policy(path, KnownNames())  # equal digests mean equal names: nothing is gained by knowing them
    if given.digest() == record.policy_sha256:
        return Line("policy match", State.OK, f"The report was judged by the policy you gave: {_name(given)}.", True)
    return Line(
        "policy match", State.INVALID,
        f"The report was judged by another policy: {record.policy.get('id')} {record.policy.get('version')}, sha256 "
        f"{record.policy_sha256[:12]}; you gave {_name(given)}, sha256 {given.digest()[:12]}.",
        True,
    )  # fmt: skip


def _name(policy: object) -> str:
    return f"{getattr(policy, 'id', '')} {getattr(policy, 'version', '')}"


def _conclude(lines: tuple[Line, ...], record: AuditRecord) -> Verification:
    when = f"Claimed, not proven: evidence collected {record.provenance.created}; no time stamp."
    return Verification(
        (
            *lines,
            Line("time", State.OK, when),
            judge_waivers(record, datetime.now(UTC).date()),
            Line("verdict", State.OK, f"{record.verdict.label.upper()}: {record.verdict.reason}"),
        ),
        record,
    )


def judge_waivers(record: AuditRecord, today: date) -> Line:
    """Return whether the verdict rests on waivers, and whether those are still in force `today`."""
    waived = [(check, check.waiver) for check in record.verdict.waived if check.waiver]
    if not waived:
        others = sum(check.waiver is not None for check in record.verdict.checks)
        return Line("waivers", State.OK, f"None counts ({others} named)." if others else "None.")
    said = "; ".join(f"{check.id} ({check.outcome.label}) by {w.approver} until {w.expires}" for check, w in waived)
    ended = sorted(check.id for check, waiver in waived if waiver.expires < today)
    if ended:
        without = record.verdict.outcome_without_waivers.label.upper()
        sentence = f"Ended by {today}: {', '.join(ended)}. Without waivers the verdict is {without}. Granted: {said}."
        return Line("waivers", State.EXPIRED, sentence)
    return Line("waivers", State.WAIVED, f"{len(waived)} required checks do not count: {said}.")


def _judge_signer(
    chain: tuple[x509.Certificate, ...], record: AuditRecord, standing: Standing, *, has_roots: bool
) -> tuple[Line, Line]:
    return (
        _judge_authenticity(chain, standing, has_roots=has_roots),
        _judge_identity(chain[0], record, trusted=standing.trusted),
    )


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


def _judge_pdf(path: Path, signer: x509.Certificate) -> Line:
    if not (path / PDF).is_file():
        return Line("PDF signature", State.ABSENT, "The bundle holds no report.pdf.")
    try:
        examine_pdf(read_plainly(path / PDF), signer, read_plainly(path / RECORD))
    except IntegrityError as error:
        return Line("PDF signature", State.INVALID, error.message)
    return Line(
        "PDF signature", State.OK, "Covers the whole PDF, by the same signer; the attached record is record.json."
    )


def _judge_policy_file(path: Path, record: AuditRecord) -> Line:
    """A reader opens policy.yaml, the record was judged by the policy inside it: they must say the same."""
    if not path.is_file():
        return Line("policy file", State.ABSENT, f"The bundle holds no {path.name}.")
    try:
        told = load_policy(path, KnownNames()).digest()
    except PolicyError as error:
        first = error.message.splitlines()[0]
        return Line("policy file", State.INVALID, f"{path.name} is not the record's policy: {first}")
    if told != record.policy_sha256:
        return Line("policy file", State.INVALID, f"{path.name} is another policy than the one in the record.")
    return Line("policy file", State.OK, f"{path.name} says what the record was judged by.")
