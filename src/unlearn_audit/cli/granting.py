"""`--waivers`: a signed file of waivers, refused before any work where none of it could count."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from unlearn_audit.errors import UsageError

if TYPE_CHECKING:
    from unlearn_audit.bundle.waiver_seals import OpenedWaivers
    from unlearn_audit.policy import Policy


def read_granted(path: Path | None, policy: "Policy", day: date) -> "OpenedWaivers | None":
    """Return the waivers in the file at `path` with who signed them, None without a file.

    Those of the policy are held against the same `day`, that of the evidence.

    Raises:
        InvalidPolicyError: the file holds no waivers of this policy.
        UsageError: nobody signed the file, or a waiver has ended by this machine's clock or lasts too long.
        IntegrityError: the signature does not hold, or is over other waivers.
    """
    from unlearn_audit.policy import lasts_too_long
    from unlearn_audit.records.clock import validate_day
    from unlearn_audit.signing.waivers import read_waivers

    signed = read_waivers(path, policy) if path else None
    waivers = (*policy.waivers, *(signed.file.waivers if signed else ()))
    validate_day(waivers, day)
    if too_long := [waiver.check for waiver in waivers if lasts_too_long(waiver, policy, day)]:
        raise UsageError(
            f"waivers of {', '.join(too_long)}: expected an end within {policy.waiver_days} days of {day}, found later",
            hint="the policy's waiver_days says how long a waiver may last; 0 takes none",
        )
    return signed
