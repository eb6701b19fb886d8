"""Verification of seals: are they genuine, and does the record say of them what they say?"""

import base64
import binascii
from collections.abc import Iterator

from unlearn_audit.bundle.seals import MOST_NAMED, Opened, list_changes, open_seal
from unlearn_audit.errors import IntegrityError
from unlearn_audit.pki.certificates import validate_certificates
from unlearn_audit.pki.time_stamps import TimeStamp, format_time
from unlearn_audit.policy import Policy
from unlearn_audit.records import AuditRecord, Seal, choose_seed
from unlearn_audit.verification.answers import State, VerificationCheck
from unlearn_audit.verification.signers import TrustStore, is_before, judge_authenticity


def judge_seals(record: AuditRecord, trust_store: TrustStore) -> Iterator[VerificationCheck]:
    """Yield one line on the seals of a record, none where it names none.

    They are genuine if each holds and is what the record says of it; the seed follows from all of them; the policy was
    not amended after the last; and none is younger than the evidence claims to be.
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
        judge_authenticity("seal", o.certificates, trust_store, trust_store.find_time(_stamps(o))[0]) for o in found
    ]
    worst = next((line for state in (State.UNTRUSTED, State.TEST_KEY) for line in judged if line.state is state), None)
    told = "; ".join(_tell(seal, opened, trust_store) for opened, seal in zip(found, seals, strict=True))
    if worst:
        yield VerificationCheck("seal", worst.state, f"{worst.sentence} {told}.")
    else:
        yield VerificationCheck("seal", State.OK, f"The seed follows from {len(seals)} seal(s): {told}.")


def _stamps(opened: Opened) -> tuple[TimeStamp, ...]:
    return (opened.stamp,) if opened.stamp else ()


def _reopen(told: Seal, record: AuditRecord, trust_store: TrustStore) -> Opened:
    """Hold what a record says of one of its seals to the seal itself, and to the rest of the record."""
    try:
        token = base64.b64decode(told.time_stamp, validate=True) if told.time_stamp else None
        if token and base64.b64encode(token).decode("ascii") != told.time_stamp:
            raise IntegrityError("a seal's time stamp is not in its canonical form")
        opened = open_seal(told.envelope.encode("ascii"), token)
        judged = Policy.model_validate(record.policy)
    except (binascii.Error, ValueError) as error:
        raise IntegrityError("a seal in the record cannot be read") from error
    seals = record.provenance.seals
    if told != opened.seal.model_copy(update={"changes": list_changes(opened.policy, judged)}):
        raise IntegrityError("the record says something else of a seal than the seal does")
    if opened.policy.id != judged.id:
        raise IntegrityError(f"a seal is of another policy: '{opened.policy.id}', not '{judged.id}'")
    if all(seal.changes for seal in seals):
        raise IntegrityError(f"the policy was amended after the seal: {', '.join(told.changes[:MOST_NAMED])}")
    if record.provenance.seed != choose_seed(-1, seals):
        raise IntegrityError("the seed of the run does not follow from its seals")
    if opened.stamp:
        if not is_before(record.provenance.created, opened.stamp.time, after=True):
            raise IntegrityError("a seal was time-stamped after the evidence claims to be collected")
        validate_certificates(
            opened.stamp.certificates, (*trust_store.roots, *trust_store.time_roots), "a seal's time stamp"
        )
    return opened


def _tell(seal: Seal, opened: Opened, trust_store: TrustStore) -> str:
    moment, _ = trust_store.find_time(_stamps(opened))
    when = f"{format_time(moment)}, time-stamped by '{seal.authority}'" if moment else f"{seal.sealed}, as claimed"
    said = f"{seal.policy_id} {seal.policy_version} sealed {when}"
    if seal.changes:
        more = f" and {len(seal.changes) - MOST_NAMED} more" if len(seal.changes) > MOST_NAMED else ""
        said += f", amended after: {', '.join(seal.changes[:MOST_NAMED])}{more}"
    return said
