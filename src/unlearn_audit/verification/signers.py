"""Who signed, as whom, and when: judged against the roots that the verifier trusts, and what the record says."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from cryptography import x509

from unlearn_audit.bundle.countersignatures import Countersignature, list_responsible
from unlearn_audit.pki.certificates import examine_chain
from unlearn_audit.pki.keys import fingerprint_of, is_test_certificate
from unlearn_audit.pki.time_stamps import TimeStamp, print_time
from unlearn_audit.records import AuditRecord
from unlearn_audit.verification.answers import Line, State
from unlearn_audit.verification.pdf_signatures import find_trusted_time

CLOCKS = timedelta(hours=24)
"""By how much the clock of a machine and that of an authority may differ before they contradict each other."""


@dataclass(frozen=True)
class Trust:
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

    def knowing(self, revocations: tuple[bytes, ...]) -> "Trust":
        """Return the same trust with further revocation lists; they count only where a trusted issuer signed them."""
        return replace(self, revocations=(*self.revocations, *revocations))

    def find_time(self, stamps: Sequence[TimeStamp]) -> tuple[datetime | None, str]:
        """Return the time that `stamps`, oldest first, prove to this verifier, or None and why not."""
        moment, standing = find_trusted_time(stamps, (*self.roots, *self.time_roots), self.revocations)
        return moment, standing.reason


def judge_time(stamps: Sequence[TimeStamp], record: AuditRecord, whom: Trust) -> tuple[datetime | None, Line]:
    """Return the trusted time of the signature, if there is one, and the line that says so."""
    created, required = record.provenance.created, whom.require_timestamp
    claimed = f"Claimed, not proven: evidence collected {created}"
    if not stamps:
        if not required:
            return None, Line("time", State.OK, f"{claimed}; no time stamp.")
        return None, Line("time", State.ABSENT, f"{claimed}; a time stamp was required and there is none.", asked=True)
    moment, reason = whom.find_time(stamps)
    first = stamps[0]
    if moment is None:
        state = State.UNTRUSTED if required else State.OK
        return None, Line(
            "time", state,
            f"{claimed}. A time stamp of '{first.authority}' says {print_time(first.time)}, but {reason}; give the "
            "authority's root with --trust-time.",
            required,
        )  # fmt: skip
    if not is_before(created, moment):
        said = f"signed before {print_time(moment)}, but its evidence claims to be collected {created}"
        return moment, Line("time", State.INVALID, f"The report contradicts its time stamp: {said}.", required)
    return moment, Line(
        "time", State.OK,
        f"Trusted: signed before {print_time(moment)}, says the time-stamp authority '{first.authority}'. Evidence "
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
    chain: Sequence[x509.Certificate], record: AuditRecord, whom: Trust, moment: datetime | None
) -> tuple[Line, Line]:
    """Return whether the signer is trusted, at `moment` where a trusted time is known, and is whom the record names."""
    authenticity = judge_authenticity("authenticity", chain, whom, moment)
    trusted = authenticity.state in (State.OK, State.TEST_KEY)
    return authenticity, _judge_identity(chain[0], record, trusted=trusted)


def judge_authenticity(
    name: str, chain: Sequence[x509.Certificate], whom: Trust, moment: datetime | None = None
) -> Line:  # fmt: skip
    """Return whether the first certificate of `chain` might sign at `moment` (None: now) below a trusted root."""
    subject = chain[0].subject.rfc4514_string()
    if not whom.roots:
        return Line(
            name, State.UNTRUSTED,
            f"The signature of '{subject}' holds, but nobody was named to trust: give the laboratory's root "
            "with --trust.",
        )  # fmt: skip
    standing = examine_chain(chain, whom.roots, moment=moment, revocations=whom.revocations)
    if not standing.trusted:
        return Line(name, State.UNTRUSTED, f"The signature of '{subject}' holds, but {standing.reason}.")
    if any(is_test_certificate(certificate) for certificate in chain):
        return Line(
            name, State.TEST_KEY, "TEST KEY: the signature holds, but anyone can make such a key; not for submissions."
        )
    now_expired = moment and chain[0].not_valid_after_utc < datetime.now(UTC)
    since = " The certificate has expired since; the time stamp shows that it was good then." if now_expired else ""
    return Line(name, State.OK, f"Signed by '{subject}', issued below a root that you trust.{since}")


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


def judge_countersignatures(
    signed: Sequence[Countersignature], record: AuditRecord, whom: Trust
) -> Iterator[Line]:  # fmt: skip
    """Yield a line for each countersigner, and one on whether everyone signed whom the policy asks to."""
    accepted = set()
    for number, item in enumerate(signed, start=1):
        line = _judge_countersigner(number, item, whom)
        accepted |= {item.person} if line.state is State.OK else set()
        yield line
    due = [person for person in list_responsible(record) if person.countersigns]
    missing = [f"{person.name} ({person.role})" for person in due if person not in accepted]
    if missing:
        said = f"The policy asks for the signature of {', '.join(missing)}: not there, or not accepted."
        yield Line("countersignatures", State.ABSENT, said, asked=True)
    elif due:
        yield Line("countersignatures", State.OK, "Everyone signed whom the policy asks to.", asked=True)


def _judge_countersigner(number: int, item: Countersignature, whom: Trust) -> Line:
    name = f"countersigner {number}"
    moment, _ = whom.find_time(item.stamps)
    line = judge_authenticity(name, item.certificates, whom, moment)
    if line.state is not State.OK:
        return line
    when = f"before {print_time(moment)}, time-stamped" if moment else f"{item.signed}, as claimed"
    if moment is None and whom.require_timestamp:
        return Line(
            name, State.UNTRUSTED, f"The time of {item.person.name}'s signature is only claimed: {item.signed}."
        )
    who = f"{item.person.name}, {item.person.role}: '{item.meaning}'. Signed {when}"
    key = fingerprint_of(item.certificates[0])
    return Line(name, State.OK, f"{who}; {item.certificates[0].subject.rfc4514_string()}, public key SHA-256 {key}.")
