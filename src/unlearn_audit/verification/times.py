"""Times of signing: claimed, or proven by time stamps of an authority that the verifier trusts."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from cryptography import x509

from unlearn_audit.bundle.countersignatures import CLOCKS
from unlearn_audit.pki.time_stamps import TimeStamp, format_time
from unlearn_audit.records import AuditRecord
from unlearn_audit.verification.answers import State, VerificationCheck
from unlearn_audit.verification.trust_store import TrustStore


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


def judge_time(
    stamped: Mapping[str, Sequence[TimeStamp]],
    signer: Sequence[x509.Certificate],
    record: AuditRecord,
    trust_store: TrustStore,
) -> tuple[datetime | None, VerificationCheck]:
    """Return the trusted time of the signer's signatures, if there is one, and the line that says so.

    All of them must be stamped by somebody trusted: a stranger's stamp in the PDF is none the better for a good one
    beside it. The latest is the time by which all of them were there.

    Args:
        stamped: name of what was signed -> its time stamps, oldest first.
        signer: the signer's certificates.
        record: what is signed.
        trust_store: whom the verifier trusts.
    """
    created, required = record.provenance.created, trust_store.require_timestamp
    claimed = f"Claimed, not proven: evidence collected {created}"
    bare = sorted(name for name, stamps in stamped.items() if not stamps)
    if bare:
        if not required:
            return None, VerificationCheck("time", State.OK, f"{claimed}; no time stamp.")
        text = f"{claimed}; a time stamp was required and there is none ({', '.join(bare)})."
        return None, VerificationCheck("time", State.ABSENT, text, asked=True)
    moments: list[datetime] = []
    for name, stamps in stamped.items():
        moment, reason = trust_store.find_time(stamps, signer)
        if moment is None:
            return None, VerificationCheck(
                "time", State.UNTRUSTED if required else State.OK,
                f"{claimed}. A time stamp of '{stamps[0].authority}' says {format_time(stamps[0].time)} of {name}, but "
                f"{reason}; give the authority's root with --trust-time.",
                required,
            )  # fmt: skip
        moments.append(moment)
    return _judge_moments(moments, next(iter(stamped.values()))[0].authority, created, required=required)


def _judge_moments(
    moments: Sequence[datetime], authority: str, created: str, *, required: bool
) -> tuple[datetime, VerificationCheck]:
    latest = max(moments)
    if not all(is_before(created, moment) for moment in moments):
        text = f"signed before {format_time(min(moments))}, but its evidence claims to be collected {created}"
        return latest, VerificationCheck(
            "time", State.INVALID, f"The report contradicts its time stamp: {text}.", required
        )
    return latest, VerificationCheck(
        "time", State.OK,
        f"Trusted: signed before {format_time(latest)}, says the time-stamp authority '{authority}'. Evidence "
        f"collected {created} is the signer's claim.",
        required,
    )  # fmt: skip
