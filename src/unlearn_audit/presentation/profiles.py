"""Profiles: how much of a record a report shows."""

from enum import StrEnum


class Profile(StrEnum):
    """How much of a record is shown."""

    FULL = "full"
    """All sections."""
    SUMMARY = "summary"
    """Page one alone, with where the rest is."""
