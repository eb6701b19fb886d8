"""The time that records, seals and signatures state. It is claimed; only a time stamp's can be trusted."""

import os
from collections.abc import Iterable
from datetime import UTC, date, datetime

from unlearn_audit.errors import UsageError
from unlearn_audit.records.waivers import Waiver


def read_clock() -> str:
    """Return the present time in UTC, ISO 8601 to the second; SOURCE_DATE_EPOCH fixes it, for reproducible reports.

    Only what is written asks here. Whether a certificate or a waiver is in force is judged by the machine's clock,
    which no variable may set.

    Raises:
        UsageError: SOURCE_DATE_EPOCH is no number of seconds.
    """
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if epoch is None:
        moment = datetime.now(UTC)
    else:
        try:
            moment = datetime.fromtimestamp(int(epoch), UTC)
        except (ValueError, OverflowError, OSError) as error:
            raise UsageError(
                f"SOURCE_DATE_EPOCH: expected seconds since 1970, found {epoch[:40]!r}",
                hint="unset it, or set a number",
            ) from error
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def validate_day(waivers: Iterable[Waiver], day: date, today: date | None = None) -> None:
    """Refuse a stated day on which a waiver counts that has ended by the machine's clock.

    Args:
        waivers: that the run is given.
        day: that the record will state, and waivers are held against.
        today: by the machine's clock, in UTC.

    Raises:
        UsageError: SOURCE_DATE_EPOCH would bring a waiver back to life.
    """
    now = today or datetime.now(UTC).date()
    ended = [waiver for waiver in waivers if day <= waiver.expires < now]
    if ended:
        named = ", ".join(f"'{waiver.check}' ({waiver.expires.isoformat()})" for waiver in ended)
        raise UsageError(
            f"waivers that have ended by this machine's clock, {now.isoformat()}: {named}; the record is to be dated "
            f"{day.isoformat()}",
            hint="unset SOURCE_DATE_EPOCH, or renew the waiver",
        )
