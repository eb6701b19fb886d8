"""The clock: the one place that says what time an audit, a seal or a countersignature claims."""

import os
from datetime import UTC, datetime


def read_clock() -> str:
    """Return the time now: UTC, ISO 8601, seconds. SOURCE_DATE_EPOCH fixes it, for reproducible reports."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    moment = datetime.fromtimestamp(int(epoch), UTC) if epoch else datetime.now(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
