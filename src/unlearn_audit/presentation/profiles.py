"""How much of a record a report shows. Apart from what shows it, so that a verifier need not load that."""

from enum import StrEnum


class Profile(StrEnum):
    """How much of a record is shown."""

    FULL = "full"
    """All sections."""
    SUMMARY = "summary"
    """Page one alone, with where the rest is."""
