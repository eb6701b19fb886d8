"""Files of waivers: signed by who grants them, and read for a run with that signature."""

from pathlib import Path

from unlearn_audit.bundle.signed_content import sign_content
from unlearn_audit.bundle.waiver_seals import WAIVERS, OpenedWaivers, name_waiver_seal, open_waiver_seal
from unlearn_audit.errors import IntegrityError, UsageError
from unlearn_audit.pki.keys import SigningKey
from unlearn_audit.policy import Policy, WaiverFile, load_waivers


def sign_waivers(file: WaiverFile, key: SigningKey, granted: str) -> bytes:
    """Return the envelope that signs `file` at the time that is claimed in `granted` (UTC, ISO 8601)."""
    return sign_content(WAIVERS, file, key, granted=granted)


def read_waivers(path: Path, policy: Policy) -> OpenedWaivers:
    """Return the waivers in the file at `path` for a run by `policy`, with the signature beside it.

    Raises:
        InvalidPolicyError: the file holds no waivers of this policy.
        UsageError: nobody signed the file.
        IntegrityError: the signature does not hold, or is over other waivers than those in the file.
    """
    file, place = load_waivers(path, policy), name_waiver_seal(path)
    hint = f"whoever grants them signs them: unlearn-audit seal --policy POLICY --waivers {path}"
    try:
        envelope = place.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(
            f"waivers in {path}: expected their signature at {place}, could not read one: {reason}", hint=hint
        ) from error
    try:
        opened = open_waiver_seal(envelope)
    except IntegrityError as error:
        raise IntegrityError(f"{place}: {error.message}", hint=hint) from error
    if opened.file != file:
        raise IntegrityError(
            f"{place}: expected a signature over the waivers in {path}, found one over other waivers", hint=hint
        )
    return opened
