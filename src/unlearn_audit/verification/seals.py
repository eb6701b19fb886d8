"""Verification of seals: that they are genuine, and that the record describes them truly."""

import base64
import binascii
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime

from cryptography import x509

from unlearn_audit.bundle.seals import LONGEST, Opened, list_changes, open_seal
from unlearn_audit.errors import IntegrityError
from unlearn_audit.pki.certificates import validate_certificates
from unlearn_audit.pki.purposes import KeyPurpose
from unlearn_audit.pki.time_stamps import format_time
from unlearn_audit.policy import Policy
from unlearn_audit.records import AuditRecord, Seal, choose_seed
from unlearn_audit.verification.answers import State, VerificationCheck
from unlearn_audit.verification.signers import judge_authenticity
from unlearn_audit.verification.times import is_before
from unlearn_audit.verification.trust_store import TrustStore


def judge_seals(record: AuditRecord, trust_store: TrustStore, moment: datetime | None) -> Iterator[VerificationCheck]:
    """Yield one line on the seals of a record, none where it names none.

    They are genuine if each holds and is what the record says of it; the seed follows from all of them; the policy was
    not amended after the last; and none is younger than the evidence claims to be, or than the report, whose trusted
    time is `moment`. That a seal was set before is said only where both times are trusted.
    """
    seals = record.provenance.seals
    if not seals:
        return
    try:
        found = [_reopen(seal, record, trust_store) for seal in seals]
    except IntegrityError as error:
        yield VerificationCheck("seal", State.INVALID, error.message)
        return
    judged = [
        judge_authenticity("seal", o.certificates, trust_store, KeyPurpose.SEAL, _find_time(o, trust_store))
        for o in found
    ]
    if moment and any((sealed := _find_time(o, trust_store)) and sealed > moment for o in found):
        yield VerificationCheck("seal", State.INVALID, "A seal was time-stamped after the report was.")
        return
    worst = next((line for state in (State.UNTRUSTED, State.TEST_KEY) for line in judged if line.state is state), None)
    text = "; ".join(_describe(seal, opened, trust_store, moment) for opened, seal in zip(found, seals, strict=True))
    if worst:
        yield VerificationCheck("seal", worst.state, f"{worst.sentence} {text}.")
    else:
        yield VerificationCheck("seal", State.OK, f"The seed follows from {len(seals)} seal(s): {text}.")


def list_seal_chains(record: AuditRecord) -> Iterator[tuple[x509.Certificate, ...]]:
    """Yield the certificates of who signed and who stamped each seal of a record; none of one that does not hold."""
    for seal in record.provenance.seals:
        with suppress(IntegrityError, ValueError):
            opened = open_seal(seal.envelope.encode("ascii"), base64.b64decode(seal.time_stamp or "") or None)
            yield opened.certificates
            if opened.stamp:
                yield opened.stamp.certificates


def _find_time(opened: Opened, trust_store: TrustStore) -> datetime | None:
    return trust_store.find_time((opened.stamp,) if opened.stamp else (), opened.certificates)[0]


def _reopen(seal: Seal, record: AuditRecord, trust_store: TrustStore) -> Opened:
    """Hold what a record says of one of its seals to the seal itself, and to the rest of the record."""
    try:
        token = base64.b64decode(seal.time_stamp, validate=True) if seal.time_stamp else None
        if token and base64.b64encode(token).decode("ascii") != seal.time_stamp:
            raise IntegrityError("a seal's time stamp is not in its canonical form")
        opened = open_seal(seal.envelope.encode("ascii"), token)
        judged = Policy.model_validate(record.policy)
    except (binascii.Error, ValueError) as error:
        raise IntegrityError("a seal in the record cannot be read") from error
    seals = record.provenance.seals
    if seal != opened.seal.model_copy(update={"changes": list_changes(opened.policy, judged)}):
        raise IntegrityError("the record says something else of a seal than the seal does")
    if opened.policy.id != judged.id:
        raise IntegrityError(f"a seal is of another policy: '{opened.policy.id}', not '{judged.id}'")
    if all(seal.changes for seal in seals):
        raise IntegrityError(f"the policy was amended after the seal: {', '.join(seal.changes[:LONGEST])}")
    if record.provenance.seed != choose_seed(-1, seals):
        raise IntegrityError("the seed of the run does not follow from its seals")
    if not _may_precede(opened.seal.sealed, record.provenance.created):
        raise IntegrityError("a seal claims to be set after the evidence claims to be collected")
    if opened.stamp:
        if not is_before(record.provenance.created, opened.stamp.time, after=True):
            raise IntegrityError("a seal was time-stamped after the evidence claims to be collected")
        validate_certificates(opened.stamp.certificates, trust_store.all_roots, "a seal's time stamp")
    return opened


def _may_precede(sealed: str, created: str) -> bool:
    """Whether a seal may be older than the evidence, by what both claim; what is no time precedes nothing."""
    try:
        read = datetime.fromisoformat(created)
    except ValueError:
        return False
    return is_before(sealed, read if read.tzinfo else read.replace(tzinfo=UTC))


def _describe(seal: Seal, opened: Opened, trust_store: TrustStore, signed: datetime | None) -> str:
    moment = _find_time(opened, trust_store)
    when = f"{seal.sealed}, as claimed"
    if moment:
        order = "before the report was signed" if signed else "the report's own time is only claimed"
        when = f"{format_time(moment)}, time-stamped by '{seal.authority}', {order}"
    text = f"{seal.policy_id} {seal.policy_version} sealed {when}"
    if seal.changes:
        more = f" and {len(seal.changes) - LONGEST} more" if len(seal.changes) > LONGEST else ""
        text += f", amended after: {', '.join(seal.changes[:LONGEST])}{more}"
    return text
