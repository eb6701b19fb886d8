"""Setting a seal, reading it for a run, and asking afterwards whether what a record says of its seals is true."""

import base64
import binascii
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography import x509

from unlearn_audit import __version__
from unlearn_audit.errors import IntegrityError, KeyFileError, UsageError
from unlearn_audit.policy import Policy
from unlearn_audit.records import AuditRecord, Seal, Signer, choose_seed, to_canonical_json
from unlearn_audit.report.answers import Line, State
from unlearn_audit.report.certificates import refuse_strangers
from unlearn_audit.report.envelope import CHAIN_FIELD, STATEMENT_TYPE, open_own_envelope, sign_envelope
from unlearn_audit.report.keys import SigningKey, fingerprint_of, is_test_certificate
from unlearn_audit.report.signers import Trust, is_before, judge_authenticity, print_time
from unlearn_audit.report.time_stamps import TimeStamp, open_token

SEAL_TYPE = "urn:unlearn-audit:policy-seal:v1"
_LARGEST = 1 << 20
_LONGEST = 5
"""How many amended places are named in a line."""


def make_seal(policy: Policy, key: SigningKey, sealed: str) -> bytes:
    """Return the envelope that seals `policy` at the time that is claimed in `sealed` (UTC, ISO 8601)."""
    statement = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": f"policy {policy.id} {policy.version}", "digest": {"sha256": policy.digest()}}],
        "predicateType": SEAL_TYPE,
        "predicate": {
            "policy": policy.model_dump(mode="json"),
            "sealed": sealed,
            "tool": f"unlearn-audit {__version__}",
            "signer": fingerprint_of(key.certificate),
            CHAIN_FIELD: key.chain_pem().decode("ascii"),
        },
    }
    return sign_envelope(to_canonical_json(statement), key)


def name_stamp(path: Path) -> Path:
    """Return where the time stamp of the seal in the file `path` lies: beside it."""
    return path.with_name(path.name.removesuffix(".json") + ".tst")


@dataclass(frozen=True)
class Opened:
    """A seal that holds, and the policy inside it. Whether its signer is trusted is asked elsewhere."""

    seal: Seal
    policy: Policy
    certificates: tuple[x509.Certificate, ...]
    stamp: TimeStamp | None


def open_seal(envelope: bytes, token: bytes | None) -> Opened:
    """Return what a seal says after checking its signature, its time stamp and that it does not contradict itself.

    Raises:
        IntegrityError: names what does not hold.
    """
    if len(envelope) > _LARGEST:
        raise IntegrityError(f"the seal is larger than {_LARGEST >> 20} MiB")
    try:
        statement, certificates = open_own_envelope(envelope, SEAL_TYPE)
        said = statement["predicate"]
        policy = Policy.model_validate(said["policy"])
        expected = [{"name": f"policy {policy.id} {policy.version}",
                     "digest": {"sha256": sha256(to_canonical_json(said["policy"])).hexdigest()}}]  # fmt: skip
        stamp = open_token(token, sha256(envelope).digest(), "the seal's time stamp") if token else None
        told = _describe(envelope, token, statement, certificates, stamp)
        consistent = statement["subject"] == expected and said["signer"] == told.signer.fingerprint
    except IntegrityError:
        raise
    except Exception as error:  # hostile bytes may fail a parser in any way, and each way is a refusal
        raise IntegrityError(f"the seal cannot be read ({type(error).__name__})") from error
    if not consistent:
        raise IntegrityError("the seal contradicts the policy or the certificate inside it")
    return Opened(told, policy, certificates, stamp)


def _describe(
    envelope: bytes, token: bytes | None, statement: dict[str, Any], certificates: Sequence[x509.Certificate],
    stamp: TimeStamp | None,
) -> Seal:  # fmt: skip
    said = statement["predicate"]
    signer = describe_signer(certificates[0])
    return Seal(
        envelope=envelope.decode("ascii"),
        time_stamp=base64.b64encode(token).decode("ascii") if token else None,
        policy_id=said["policy"]["id"],
        policy_version=said["policy"]["version"],
        policy_sha256=statement["subject"][0]["digest"]["sha256"],
        sealed=str(said["sealed"]),
        stamped=print_time(stamp.time) if stamp else None,
        authority=stamp.authority if stamp else None,
        signer=signer.model_copy(update={"level": "B-T" if stamp else "B-B"}),
    )


def describe_signer(certificate: x509.Certificate) -> Signer:
    """Return who a certificate speaks for."""
    return Signer(
        kind="test" if is_test_certificate(certificate) else "configured",
        subject=certificate.subject.rfc4514_string(),
        fingerprint=fingerprint_of(certificate),
    )


def read_seals(paths: Sequence[Path], policy: Policy) -> tuple[Seal, ...]:
    """Return the seals in `paths` for a run by `policy`, each with what was amended after it.

    Raises:
        UsageError: a file cannot be read or is named twice, a seal is of another policy, or `policy` was amended after
            the last seal.
        IntegrityError: a seal or its time stamp does not hold.
    """
    found = [_read(path) for path in paths]
    for path, opened in zip(paths, found, strict=True):
        if opened.policy.id != policy.id:
            raise UsageError(
                f"{path} seals another policy: expected '{policy.id}', found '{opened.policy.id}'",
                hint="give the seals of this policy only",
            )
    seals = tuple(opened.seal.model_copy(update={"changes": list_changes(opened.policy, policy)}) for opened in found)
    if len({seal.digest() for seal in seals}) < len(seals):
        raise UsageError("the same seal was given twice")
    if seals and all(seal.changes for seal in seals):
        places = ", ".join(seals[-1].changes[:_LONGEST])
        raise UsageError(
            f"policy '{policy.id}' was amended after it was sealed: {places}",
            hint="seal it again and give both seals: the report then lists the amendment",
        )
    return tuple(sorted(seals, key=lambda seal: (seal.sealed, seal.digest())))


def _read(path: Path) -> Opened:
    stamp = name_stamp(path)
    try:
        envelope = path.read_bytes()
        token = stamp.read_bytes() if stamp.is_file() else None
    except OSError as error:
        raise UsageError(
            f"the seal {path} cannot be read: {error.strerror}", hint="see 'unlearn-audit seal'"
        ) from error
    try:
        return open_seal(envelope, token)
    except IntegrityError as error:
        raise IntegrityError(f"{path}: {error.message}") from error


def list_changes(sealed: Policy, judged: Policy) -> tuple[str, ...]:
    """Return the places, as dotted paths, in which two policies differ; fields that came later are filled in first."""
    return tuple(_walk(sealed.model_dump(mode="json"), judged.model_dump(mode="json"), ""))


def _walk(before: Any, after: Any, where: str) -> Iterator[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys()):
            yield from _walk(before.get(key), after.get(key), f"{where}.{key}" if where else key)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for place, (left, right) in enumerate(zip(before, after, strict=True)):
            yield from _walk(left, right, f"{where}[{place}]")
    elif before != after:
        yield where


def refuse_existing(path: Path) -> None:
    """Refuse to write a seal over anything.

    Raises:
        KeyFileError: there is something already.
    """
    for place in (path, name_stamp(path)):
        if place.exists() or place.is_symlink():
            raise KeyFileError(f"{place} exists: a seal is never overwritten", hint="choose another --out")


def judge_seals(record: AuditRecord, whom: Trust) -> Iterator[Line]:
    """Yield one line on the seals of a record, none where it names none.

    They are genuine if each holds and is what the record says of it; the seed follows from all of them; the policy was
    not amended after the last; and none is younger than the evidence claims to be.
    """
    seals = record.provenance.seals
    if not seals:
        return
    try:
        found = [_reopen(seal, record, whom) for seal in seals]
    except IntegrityError as error:
        yield Line("seal", State.INVALID, error.message)
        return
    judged = [judge_authenticity("seal", o.certificates, whom, whom.find_time(_stamps(o))[0]) for o in found]
    worst = next((line for state in (State.UNTRUSTED, State.TEST_KEY) for line in judged if line.state is state), None)
    told = "; ".join(_tell(seal, opened, whom) for opened, seal in zip(found, seals, strict=True))
    if worst:
        yield Line("seal", worst.state, f"{worst.sentence} {told}.")
    else:
        yield Line("seal", State.OK, f"The seed follows from {len(seals)} seal(s): {told}.")


def _stamps(opened: Opened) -> tuple[TimeStamp, ...]:
    return (opened.stamp,) if opened.stamp else ()


def _reopen(told: Seal, record: AuditRecord, whom: Trust) -> Opened:
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
        raise IntegrityError(f"the policy was amended after the seal: {', '.join(told.changes[:_LONGEST])}")
    if record.provenance.seed != choose_seed(-1, seals):
        raise IntegrityError("the seed of the run does not follow from its seals")
    if opened.stamp:
        if not is_before(record.provenance.created, opened.stamp.time, after=True):
            raise IntegrityError("a seal was time-stamped after the evidence claims to be collected")
        refuse_strangers(opened.stamp.certificates, (*whom.roots, *whom.time_roots), "a seal's time stamp")
    return opened


def _tell(seal: Seal, opened: Opened, whom: Trust) -> str:
    moment, _ = whom.find_time(_stamps(opened))
    when = f"{print_time(moment)}, time-stamped by '{seal.authority}'" if moment else f"{seal.sealed}, as claimed"
    said = f"{seal.policy_id} {seal.policy_version} sealed {when}"
    if seal.changes:
        more = f" and {len(seal.changes) - _LONGEST} more" if len(seal.changes) > _LONGEST else ""
        said += f", amended after: {', '.join(seal.changes[:_LONGEST])}{more}"
    return said
