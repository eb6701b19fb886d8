"""Who signed, as whom, and when: judged against the roots that the verifier trusts, and what the record says."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from cryptography import x509

from unlearn_audit.bundle.countersignatures import Countersignature, list_responsible
from unlearn_audit.pki.certificates import examine_chain
from unlearn_audit.pki.keys import fingerprint_of, is_test_certificate
from unlearn_audit.pki.time_stamps import TimeStamp, format_time
from unlearn_audit.records import AuditRecord
from unlearn_audit.verification.answers import State, VerificationCheck
from unlearn_audit.verification.pdf_signatures import find_trusted_time

CLOCKS = timedelta(hours=24)
"""By how much the clock of a machine and that of an authority may differ before they contradict each other."""


@dataclass(frozen=True)
class TrustStore:
    """Whom a verifier trusts, for what.

    Attributes:
        roots: for signatures, and for time stamps too.
        time_roots: for time stamps only.
        revocations: revocation lists (DER): the verifier's own, and those that the report carries.
        require_timestamp: whether a time that is only claimed is not enough.
    """

    roots: tuple[x509.Certificate, ...] = ()
    time_roots: tuple[x509.Certificate, ...] = ()
    revocations: tuple[bytes, ...] = ()
    require_timestamp: bool = False

    def knowing(self, revocations: tuple[bytes, ...]) -> "TrustStore":
        """Return the same trust with further revocation lists; they count only where a trusted issuer signed them."""
        return replace(self, revocations=(*self.revocations, *revocations))

    def find_time(self, stamps: Sequence[TimeStamp]) -> tuple[datetime | None, str]:
        """Return the time that `stamps`, oldest first, prove to this verifier, or None and why not."""
        moment, standing = find_trusted_time(stamps, (*self.roots, *self.time_roots), self.revocations)
        return moment, standing.reason


def judge_time(
    stamps: Sequence[TimeStamp], record: AuditRecord, trust_store: TrustStore
) -> tuple[datetime | None, VerificationCheck]:
    """Return the trusted time of the signature, if there is one, and the line that says so."""
    created, required = record.provenance.created, trust_store.require_timestamp
    claimed = f"Claimed, not proven: evidence collected {created}"
    if not stamps:
        if not required:
            return None, VerificationCheck("time", State.OK, f"{claimed}; no time stamp.")
        return None, VerificationCheck(
            "time", State.ABSENT, f"{claimed}; a time stamp was required and there is none.", asked=True
        )
    moment, reason = trust_store.find_time(stamps)
    first = stamps[0]
    if moment is None:
        state = State.UNTRUSTED if required else State.OK
        return None, VerificationCheck(
            "time", state,
            f"{claimed}. A time stamp of '{first.authority}' says {format_time(first.time)}, but {reason}; give the "
            "authority's root with --trust-time.",
            required,
        )  # fmt: skip
    if not is_before(created, moment):
        said = f"signed before {format_time(moment)}, but its evidence claims to be collected {created}"
        return moment, VerificationCheck(
            "time", State.INVALID, f"The report contradicts its time stamp: {said}.", required
        )
    return moment, VerificationCheck(
        "time", State.OK,
        f"Trusted: signed before {format_time(moment)}, says the time-stamp authority '{first.authority}'. Evidence "
        f"collected {created} is the signer's claim.",
        required,
    )  # fmt: skip


def is_before(claimed: str, moment: datetime, *, after: bool = False) -> bool:
    """Return whether the time that is `claimed` (ISO 8601) may lie before `moment`, or `after` it.

    Clocks may differ by `CLOCKS`. What is no time lies nowhere.
    """
    try:
        read = datetime.fromisoformat(claimed)
    except ValueError:
        return False
    when = read if read.tzinfo else read.replace(tzinfo=UTC)
    return when + CLOCKS >= moment if after else when <= moment + CLOCKS


def judge_signer(
    chain: Sequence[x509.Certificate], record: AuditRecord, trust_store: TrustStore, moment: datetime | None
) -> tuple[VerificationCheck, VerificationCheck]:
    """Return whether the signer is trusted, at `moment` where a trusted time is known, and is whom the record names."""
    authenticity = judge_authenticity("authenticity", chain, trust_store, moment)
    trusted = authenticity.state in (State.OK, State.TEST_KEY)
    return authenticity, _judge_identity(chain[0], record, trusted=trusted)


def judge_authenticity(
    name: str, chain: Sequence[x509.Certificate], trust_store: TrustStore, moment: datetime | None = None
) -> VerificationCheck:  # fmt: skip
    """Return whether the first certificate of `chain` might sign at `moment` (None: now) below a trusted root."""
    subject = chain[0].subject.rfc4514_string()
    if not trust_store.roots:
        return VerificationCheck(
            name, State.UNTRUSTED,
            f"The signature of '{subject}' holds, but nobody was named to trust: give the laboratory's root "
            "with --trust.",
        )  # fmt: skip
    standing = examine_chain(chain, trust_store.roots, moment=moment, revocations=trust_store.revocations)
    if not standing.trusted:
        return VerificationCheck(name, State.UNTRUSTED, f"The signature of '{subject}' holds, but {standing.reason}.")
    if any(is_test_certificate(certificate) for certificate in chain):
        return VerificationCheck(
            name, State.TEST_KEY, "TEST KEY: the signature holds, but anyone can make such a key; not for submissions."
        )
    now_expired = moment and chain[0].not_valid_after_utc < datetime.now(UTC)
    since = " The certificate has expired since; the time stamp shows that it was good then." if now_expired else ""
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
        said = f"The policy asks for the signature of {', '.join(missing)}: not there, or not accepted."
        yield VerificationCheck("countersignatures", State.ABSENT, said, asked=True)
    elif due:
        yield VerificationCheck("countersignatures", State.OK, "Everyone signed whom the policy asks to.", asked=True)


def _judge_countersigner(number: int, item: Countersignature, trust_store: TrustStore) -> VerificationCheck:
    name = f"countersigner {number}"
    moment, _ = trust_store.find_time(item.stamps)
    line = judge_authenticity(name, item.certificates, trust_store, moment)
    if line.state is not State.OK:
        return line
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
