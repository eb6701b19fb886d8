"""Signers: who signed, in which role and when, against the roots of the verifier and the words of the record."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from cryptography import x509

from unlearn_audit.bundle.countersignatures import CLOCKS, Countersignature, find_person, list_responsible
from unlearn_audit.pki.chains import examine_chain, find_authorities
from unlearn_audit.pki.keys import fingerprint_of, is_test_certificate
from unlearn_audit.pki.purposes import KeyPurpose, find_misuse, is_named, names_no_purpose
from unlearn_audit.pki.revocation import find_unanswered
from unlearn_audit.pki.time_stamps import format_time
from unlearn_audit.records import AuditRecord
from unlearn_audit.verification.answers import State, VerificationCheck
from unlearn_audit.verification.trust_store import TrustStore


def judge_signer(
    chain: Sequence[x509.Certificate], record: AuditRecord, trust_store: TrustStore, moment: datetime | None
) -> tuple[VerificationCheck, VerificationCheck]:
    """Return whether the signer is trusted, at `moment` where a trusted time is known, and is whom the record names."""
    authenticity = judge_authenticity("authenticity", chain, trust_store, KeyPurpose.REPORT, moment)
    trusted = authenticity.state in (State.OK, State.TEST_KEY)
    if trusted and (problem := _find_unexpected(chain[0], record, trust_store)):
        subject = chain[0].subject.rfc4514_string()
        text = f"The signature of '{subject}' holds, but {problem}."
        authenticity, trusted = VerificationCheck("authenticity", State.UNTRUSTED, text), False
    return authenticity, _judge_identity(chain[0], record, trusted=trusted)


def _find_unexpected(signer: x509.Certificate, record: AuditRecord, trust_store: TrustStore) -> str:
    """Return why a trusted signer is not the laboratory that was expected, as the end of a sentence."""
    if trust_store.signers and not is_named(signer, trust_store.signers):
        return f"you expect another one: {', '.join(trust_store.signers)}"
    person = find_person(record, signer)
    if person is not None and person.countersigns:
        return f"the policy asks {person.name} to countersign: who made the report cannot be who approves it"
    return ""


def judge_authenticity(
    name: str,
    chain: Sequence[x509.Certificate],
    trust_store: TrustStore,
    purpose: KeyPurpose,
    moment: datetime | None = None,
) -> VerificationCheck:
    """Return whether the first certificate of `chain` might sign for `purpose` at `moment` (None: now).

    It must descend from a trusted root, and be for that purpose as far as it says what it is for. A TEST key is one
    wherever in the chain, the root included.
    """
    signer = chain[0]
    subject = signer.subject.rfc4514_string()
    if not trust_store.roots:
        return VerificationCheck(
            name, State.UNTRUSTED,
            f"The signature of '{subject}' holds, but nobody was named to trust: give the laboratory's root "
            "with --trust.",
        )  # fmt: skip
    standing = examine_chain(chain, trust_store.roots, moment=moment, revocations=trust_store.known_revocations)
    problem = standing.reason or find_misuse(signer, purpose, trust_store.purposes)
    if problem:
        return VerificationCheck(name, State.UNTRUSTED, f"The signature of '{subject}' holds, but {problem}.")
    if any(is_test_certificate(certificate) for certificate in (*chain, *standing.path)):
        return VerificationCheck(
            name, State.TEST_KEY, "TEST KEY: the signature holds, but anyone can make such a key; not for submissions."
        )
    now_expired = moment and signer.not_valid_after_utc < datetime.now(UTC)
    since = " The certificate has expired since; the time stamp shows that it was good then." if now_expired else ""
    pinned = purpose is KeyPurpose.REPORT and trust_store.signers
    if names_no_purpose(signer) and not pinned:
        since += " Its certificate does not say what it is for: name whom you expect with --signer."
    return VerificationCheck(name, State.OK, f"Signed by '{subject}', issued below a root that you trust.{since}")


def _judge_identity(signer: x509.Certificate, record: AuditRecord, *, trusted: bool) -> VerificationCheck:
    named, key = record.provenance.signer, fingerprint_of(signer)
    if named is None or named.fingerprint != key:
        who = named.subject if named else "nobody"
        return VerificationCheck(
            "signer identity", State.INVALID, f"The record names {who} as signer, another key signed."
        )
    if (named.kind == "test") != is_test_certificate(signer):
        return VerificationCheck(
            "signer identity", State.INVALID, "The record and the certificate disagree on this being a TEST key."
        )
    state = State.TEST_KEY if named.kind == "test" else State.OK if trusted else State.UNTRUSTED
    return VerificationCheck("signer identity", state, f"{signer.subject.rfc4514_string()}, public key SHA-256 {key}.")


def judge_countersignatures(
    signed: Sequence[Countersignature], record: AuditRecord, trust_store: TrustStore
) -> Iterator[VerificationCheck]:  # fmt: skip
    """Yield a line for each countersigner, and one on whether everyone signed whom the policy asks to."""
    accepted = set()
    for number, item in enumerate(signed, start=1):
        line = _judge_countersigner(number, item, trust_store)
        accepted |= {item.person} if line.state is State.OK else set()
        yield line
    due = [person for person in list_responsible(record) if person.countersigns]
    missing = [f"{person.name} ({person.role})" for person in due if person not in accepted]
    if missing:
        text = f"The policy asks for the signature of {', '.join(missing)}: not there, or not accepted."
        yield VerificationCheck("countersignatures", State.ABSENT, text, asked=True)
    elif due:
        yield VerificationCheck("countersignatures", State.OK, "Everyone signed whom the policy asks to.", asked=True)


def _judge_countersigner(number: int, item: Countersignature, trust_store: TrustStore) -> VerificationCheck:
    name = f"countersigner {number}"
    times = [trust_store.find_time(stamps, item.certificates)[0] for stamps in item.stamped]
    moment = max((time for time in times if time), default=None) if all(times) else None
    line = judge_authenticity(name, item.certificates, trust_store, KeyPurpose.COUNTERSIGNATURE, moment)
    if line.state is not State.OK:
        return line
    if datetime.fromisoformat(item.signed) > (moment or datetime.now(UTC)) + CLOCKS:
        return VerificationCheck(
            name, State.INVALID, f"{item.person.name} claims to have signed on {item.signed}: later."
        )
    when = f"before {format_time(moment)}, time-stamped" if moment else f"{item.signed}, as claimed"
    if moment is None and trust_store.require_timestamp:
        return VerificationCheck(
            name, State.UNTRUSTED, f"The time of {item.person.name}'s signature is only claimed: {item.signed}."
        )
    who = f"{item.person.name}, {item.person.role}: '{item.meaning}'. Signed {when}"
    key = fingerprint_of(item.certificates[0])
    return VerificationCheck(
        name, State.OK, f"{who}; {item.certificates[0].subject.rfc4514_string()}, public key SHA-256 {key}."
    )


def judge_revocation_lists(
    chains: Sequence[Sequence[x509.Certificate]], trust_store: TrustStore
) -> Iterator[VerificationCheck]:
    """Yield a line where the verifier gave revocation lists: each must speak of this report, today, and as a whole."""
    if not trust_store.revocations:
        return
    name, count = "revocation lists", len(trust_store.revocations)
    above = [item for chain in chains for item in find_authorities(chain, trust_store.all_roots)]
    silent = [text for content in trust_store.revocations if (text := find_unanswered(content, above))]
    if silent:
        yield VerificationCheck(name, State.INVALID, " ".join(dict.fromkeys(silent)), asked=True)
    else:
        yield VerificationCheck(name, State.OK, f"{count} given, current, by authorities of this report.", asked=True)
