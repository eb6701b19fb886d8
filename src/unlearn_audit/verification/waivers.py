"""Verification of signed files of waivers: who signed, and whether the record holds the same ones."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime

from cryptography import x509

from unlearn_audit.bundle.waiver_seals import OpenedWaivers, open_waiver_seal
from unlearn_audit.errors import IntegrityError
from unlearn_audit.pki.purposes import KeyPurpose
from unlearn_audit.records import AuditRecord
from unlearn_audit.verification.answers import State, VerificationCheck
from unlearn_audit.verification.signers import judge_authenticity
from unlearn_audit.verification.trust_store import TrustStore

_NAME = "waivers signed"


def judge_waiver_seal(
    record: AuditRecord, trust_store: TrustStore, moment: datetime | None
) -> Iterator[VerificationCheck]:
    """Yield one line on who signed the waivers from a file, none where the run was given no file.

    Waivers that nobody signed count for nothing, as their state in the record says.
    """
    provenance = record.provenance
    if provenance.waiver_seal is None:
        return
    try:
        opened = _reopen(record)
    except IntegrityError as error:
        yield VerificationCheck(_NAME, State.INVALID, error.message)
        return
    line = judge_authenticity(_NAME, opened.certificates, trust_store, KeyPurpose.SEAL, moment)
    when = f"Granted {opened.seal.granted}, as claimed."
    yield VerificationCheck(_NAME, line.state, f"{line.sentence} {when}")


def list_waiver_chains(record: AuditRecord) -> Iterator[tuple[x509.Certificate, ...]]:
    """Yield the certificates of who signed the waivers of a record; none of a signature that does not hold."""
    if (seal := record.provenance.waiver_seal) is not None:
        with suppress(IntegrityError, ValueError):
            yield open_waiver_seal(seal.envelope.encode("ascii")).certificates


def _reopen(record: AuditRecord) -> OpenedWaivers:
    seal = record.provenance.waiver_seal
    try:
        opened = open_waiver_seal(seal.envelope.encode("ascii") if seal else b"")
    except UnicodeEncodeError as error:
        raise IntegrityError("the signature over the waivers cannot be read") from error
    if seal != opened.seal:
        raise IntegrityError("the record says something else of who signed the waivers than the signature does")
    if opened.file.waivers != record.provenance.waivers:
        raise IntegrityError("the waivers in the record are not those that were signed")
    if opened.file.policy != record.policy.get("id"):
        raise IntegrityError(f"the waivers are of another policy: '{opened.file.policy}'")
    return opened
