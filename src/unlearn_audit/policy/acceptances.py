"""Acceptances: which waivers of policy and case may count for a model, and what a verdict says of them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Literal, Self

from unlearn_audit.errors import EvidenceError
from unlearn_audit.policy.model import Policy
from unlearn_audit.records.messages import Message, write_message
from unlearn_audit.records.provenance import Provenance
from unlearn_audit.records.verdicts import CheckResult, Verdict
from unlearn_audit.records.waivers import Waiver, WaiverState, choose_waiver


@dataclass(frozen=True)
class Acceptances:
    """The waivers that may count for one model, and the day they are held against.

    Waivers speak of the audited model alone: a remedy is recommended only when it passes by itself.
    """

    granted: tuple[tuple[Literal["policy", "file"], Waiver], ...] = ()
    day: date = date.min

    @classmethod
    def of(cls, policy: Policy, provenance: Provenance, role: str) -> Self:
        """Return what policy and case accept of a model in `role`.

        Raises:
            EvidenceError: there are waivers, and no date to hold them against.
        """
        if role != "unlearned" or not (policy.waivers or provenance.waivers):
            return cls()
        granted: list[tuple[Literal["policy", "file"], Waiver]] = [("policy", waiver) for waiver in policy.waivers]
        granted += [("file", waiver) for waiver in provenance.waivers]
        try:
            day = provenance.day
            return cls(tuple((where, w) for where, w in granted if not lasts_too_long(w, policy, day)), day)
        except ValueError as error:
            raise EvidenceError(
                f"expected the day the evidence was collected, to hold waivers against, found {provenance.created!r}"
            ) from error

    def apply(self, check: CheckResult) -> CheckResult:
        """Return `check` with the waiver that names it, where there is one. Its outcome stays."""
        waiver = choose_waiver(self.granted, check.id, check.outcome.value, self.day) if check.required else None
        return check if waiver is None else check.model_copy(update={"waiver": waiver})


def lasts_too_long(waiver: Waiver, policy: Policy, day: date) -> bool:
    """Whether `waiver` ends later after `day` than the policy lets any waiver last: it counts for nothing."""
    return policy.waiver_days == 0 or (waiver.expires - day).days > policy.waiver_days


def tell_waivers(checks: Iterable[CheckResult]) -> Iterator[Message]:
    """Yield which outcome each waiver sets aside, and which waiver no longer helps."""
    for check in checks:
        if check.waiver is None:
            continue
        who = {"title": check.title, "approver": check.waiver.approver, "until": check.waiver.expires.isoformat()}
        if check.is_waived:
            yield write_message("waived-although", **who, outcome=check.outcome.label)
        elif check.waiver.state is WaiverState.EXPIRED:
            yield write_message("waiver-expired", **who)


def tell_release(verdict: Verdict) -> Message:
    """Return what to do with a model that passes only with waivers."""
    until = min(check.waiver.expires for check in verdict.waived if check.waiver).isoformat()
    count = len(verdict.waived)
    if count == 1:
        return write_message("one-check-waived", until=until)
    return write_message("several-checks-waived", count=count, until=until)
