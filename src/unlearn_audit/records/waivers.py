"""Waivers: a person accepts, with name, reason and expiry, that a check does not pass. The outcome stays what it is."""

from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from typing import Annotated, Literal, NamedTuple, Self

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from pydantic import Field, StringConstraints, field_validator

from unlearn_audit.records.frozen import Frozen, is_absent
from unlearn_audit.records.messages import Message, write_message
from unlearn_audit.records.signer import Signer

_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
_Digest = Annotated[
    str,
    Field(pattern=r"^[0-9a-f]{64}$", json_schema_extra={"patternErrorMessage": "a SHA-256 of 64 hexadecimal digits"}),
]


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
    model_sha256: _Digest | None = Field(
        default=None,
        exclude_if=is_absent,
        description="the model that is accepted: `sha256` of its card in the record, of the data where it has none "
        "(predictions); without it the waiver counts for nothing",
    )
    versions: _Text | None = Field(
        default=None,
        exclude_if=is_absent,
        description="versions of this tool under which it counts, as '>=1.2,<2'; without them it counts for nothing",
    )
    policy_sha256: _Digest | None = Field(
        default=None,
        exclude_if=is_absent,
        description="digest of the policy under which it counts; needed in a file, not in the policy itself",
    )

    @field_validator("versions")
    @classmethod
    def _is_range(cls, versions: str | None) -> str | None:
        try:
            SpecifierSet(versions or "")
        except InvalidSpecifier as error:
            raise ValueError("a range of versions such as '>=1.2,<2'") from error
        return versions


class WaiverSeal(Frozen):
    """Who signed a file of waivers. All but `envelope` is told by it again."""

    envelope: str = Field(description="the DSSE envelope over the file's waivers, as in its file")
    granted: str = Field(description="when, as the signer claims: UTC, ISO 8601")
    signer: Signer


class GrantedWaiver(NamedTuple):
    """A waiver with where it was given, and why it is not bound to what is audited; None where it is."""

    given_in: Literal["policy", "file"]
    waiver: Waiver
    unbound: Message | None = None


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
    UNBOUND = "not bound"
    """It names another model, policy or version than the audited ones, or none, or is unsigned: the check counts."""


class AppliedWaiver(Waiver):
    """A waiver held against an outcome and a day."""

    state: WaiverState
    given_in: Literal["policy", "file"] = Field(description="whether the policy grants it or a file given to the run")

    unbound: Message | None = Field(
        default=None, exclude_if=is_absent, description="why it is not bound to what was audited, where it is not"
    )

    @classmethod
    def of(cls, granted: GrantedWaiver, outcome: str, day: date) -> Self:
        """Hold a waiver against the `outcome` of its check and the `day` the evidence was collected (UTC)."""
        where, waiver, unbound = granted
        state = judge_waiver(waiver, outcome, day)
        if unbound is not None and state is WaiverState.IN_FORCE:
            state = WaiverState.UNBOUND
        return cls(**waiver.model_dump(), state=state, given_in=where, unbound=unbound)

    @property
    def sentence(self) -> str:
        """As printed beside the check."""
        who = {"approver": self.approver, "until": self.expires.isoformat()}
        return write_message(
            _CODES[self.state], **who, reason=self.reason, covers=self.covers, cause=self.unbound or ""
        ).text


_CODES = {
    WaiverState.IN_FORCE: "waiver-in-force",
    WaiverState.EXPIRED: "waiver-expired-before-evidence",
    WaiverState.TOO_NARROW: "waiver-too-narrow",
    WaiverState.NOT_NEEDED: "waiver-not-needed",
    WaiverState.VOID: "waiver-void",
    WaiverState.UNBOUND: "waiver-unbound",
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


def choose_waiver(granted: Iterable[GrantedWaiver], check: str, outcome: str, day: date) -> AppliedWaiver | None:
    """Return the waiver of `check` that does most for it: one in force, else the one that ends last; None for none."""
    applied = [AppliedWaiver.of(each, outcome, day) for each in granted if each.waiver.check == check]
    return max(applied, key=lambda w: (w.state is WaiverState.IN_FORCE, w.expires), default=None)
