"""Waivers: someone accepts, with name, reason and expiry, that a check does not pass. The outcome stays what it is."""

from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints

from unlearn_audit.records.frozen import Frozen
from unlearn_audit.records.messages import write_message

_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class Waiver(Frozen):
    """One acceptance as it was granted: which check, why, by whom, until when. All four are required."""

    check: _Text = Field(description="id of the required check that is waived")
    reason: _Text = Field(description="why the check may be left unpassed, as printed in the report")
    approver: _Text = Field(description="name and role of the person who accepts this")
    expires: date = Field(
        description="last day on which it counts, as YYYY-MM-DD; held against the day the evidence was collected",
        json_schema_extra={"patternErrorMessage": "a date as YYYY-MM-DD"},
    )
    covers: Literal["inconclusive", "fail"] = Field(
        default="inconclusive",
        description="the worst outcome that is accepted; 'fail' accepts an inconclusive one as well",
    )


class WaiverState(StrEnum):
    """What a waiver does for the check it names."""

    IN_FORCE = "in force"
    """The check keeps its outcome and no longer counts against the verdict."""
    EXPIRED = "expired"
    """It ended before the evidence was collected: the check counts."""
    TOO_NARROW = "does not cover"
    """The outcome is worse than what was accepted: the check counts."""
    NOT_NEEDED = "not needed"
    """The check passes by itself."""
    VOID = "void"
    """Every required check of its kind (clinical, forgetting, utility) is waived: none of these waivers counts."""


class AppliedWaiver(Waiver):
    """A waiver held against an outcome and a day."""

    state: WaiverState
    given_in: Literal["policy", "file"] = Field(description="whether the policy grants it or a file given to the run")

    @classmethod
    def of(cls, waiver: Waiver, outcome: str, day: date, given_in: Literal["policy", "file"]) -> Self:
        """Hold `waiver` against the `outcome` of its check and the `day` the evidence was collected (UTC)."""
        return cls(**waiver.model_dump(), state=judge_waiver(waiver, outcome, day), given_in=given_in)

    @property
    def sentence(self) -> str:
        """As printed beside the check."""
        who = {"approver": self.approver, "until": self.expires.isoformat()}
        return write_message(_CODES[self.state], **who, reason=self.reason, covers=self.covers).text


_CODES = {
    WaiverState.IN_FORCE: "waiver-in-force",
    WaiverState.EXPIRED: "waiver-expired-before-evidence",
    WaiverState.TOO_NARROW: "waiver-too-narrow",
    WaiverState.NOT_NEEDED: "waiver-not-needed",
    WaiverState.VOID: "waiver-void",
}
_ACCEPTED = {"inconclusive": frozenset({"inconclusive"}), "fail": frozenset({"inconclusive", "fail"})}


def judge_waiver(waiver: Waiver, outcome: str, day: date) -> WaiverState:
    """Return what `waiver` does for a check of this outcome on this day; nobody can accept what was not run.

    It counts through the whole of its last day. A check that passes needs none.
    """
    if outcome == "pass":
        return WaiverState.NOT_NEEDED
    if day > waiver.expires:
        return WaiverState.EXPIRED
    return WaiverState.IN_FORCE if outcome in _ACCEPTED[waiver.covers] else WaiverState.TOO_NARROW


def choose_waiver(
    granted: Iterable[tuple[Literal["policy", "file"], Waiver]], check: str, outcome: str, day: date
) -> AppliedWaiver | None:
    """Return the waiver of `check` that does most for it: one in force, else the one that ends last; None for none."""
    applied = [AppliedWaiver.of(waiver, outcome, day, where) for where, waiver in granted if waiver.check == check]
    return max(applied, key=lambda w: (w.state is WaiverState.IN_FORCE, w.expires), default=None)
