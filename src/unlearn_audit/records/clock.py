"""The time that records, seals and signatures state. It is the maker's word: what can be trusted is a time stamp's."""

import os
from datetime import UTC, datetime

from unlearn_audit.errors import UsageError


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
