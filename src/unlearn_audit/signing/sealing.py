"""Sealing: signs a policy before the run, and reads seals for a run."""

from collections.abc import Sequence
from pathlib import Path

from unlearn_audit.bundle.seals import LONGEST, SEAL, Opened, list_changes, name_stamp, open_seal
from unlearn_audit.bundle.signed_content import sign_content
from unlearn_audit.errors import IntegrityError, KeyFileError, UsageError
from unlearn_audit.pki.keys import SigningKey
from unlearn_audit.policy import Policy
from unlearn_audit.records import Seal


def make_seal(policy: Policy, key: SigningKey, sealed: str) -> bytes:
    """Return the envelope that seals `policy` at the time that is claimed in `sealed` (UTC, ISO 8601)."""
    return sign_content(SEAL, policy, key, sealed=sealed)


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
        places = ", ".join(seals[-1].changes[:LONGEST])
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


def validate_no_seal_at(path: Path) -> None:
    """Refuse to write a seal over anything.

    Raises:
        KeyFileError: there is something already.
    """
    for place in (path, name_stamp(path)):
        if place.exists() or place.is_symlink():
            raise KeyFileError(f"{place} exists: a seal is never overwritten", hint="choose another --out")
