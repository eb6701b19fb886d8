"""Acceptances: which waivers of policy and case may count for a model, and what a verdict says of them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Self

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from unlearn_audit.errors import EvidenceError
from unlearn_audit.policy.model import Policy
from unlearn_audit.records.messages import Message, write_message
from unlearn_audit.records.provenance import Provenance
from unlearn_audit.records.verdicts import CheckResult, Verdict
from unlearn_audit.records.waivers import GrantedWaiver, Waiver, WaiverState, choose_waiver


@dataclass(frozen=True)
class Acceptances:
    """The waivers that may count for one model, and the day they are held against.

    Waivers speak of the audited model alone: a remedy is recommended only when it passes by itself.
    """

    granted: tuple[GrantedWaiver, ...] = ()
    day: date = date.min

    @classmethod
    def of(cls, policy: Policy, provenance: Provenance, role: str) -> Self:
        """Return what policy and case accept of a model in `role`.

        Raises:
            EvidenceError: there are waivers, and no date to hold them against.
        """
        if role != "unlearned" or not (policy.waivers or provenance.waivers):
            return cls()
        granted = [GrantedWaiver("policy", w, explain_unbound(w, provenance)) for w in policy.waivers]
        digest = policy.digest() if provenance.waivers else ""
        granted += [GrantedWaiver("file", w, explain_unbound(w, provenance, digest)) for w in provenance.waivers]
        try:
            day = provenance.day
            return cls(tuple(each for each in granted if not lasts_too_long(each.waiver, policy, day)), day)
        except ValueError as error:
            raise EvidenceError(
                f"expected the day the evidence was collected, to hold waivers against, found {provenance.created!r}"
            ) from error

    def apply(self, check: CheckResult) -> CheckResult:
        """Return `check` with the waiver that names it, where there is one. Its outcome stays."""
        waiver = choose_waiver(self.granted, check.id, check.outcome.value, self.day) if check.required else None
        return check if waiver is None else check.model_copy(update={"waiver": waiver})


def find_model_digest(provenance: Provenance) -> str:
    """Return the SHA-256 that a waiver of the audited model names: of its file, else of the predictions."""
    digests = (card.sha256 for card in provenance.models if card.role == "unlearned")
    return next(digests, None) or provenance.data.sha256


def explain_unbound(waiver: Waiver, provenance: Provenance, policy_digest: str | None = None) -> Message | None:
    """Return why `waiver` is not bound to what is audited: policy, model, version of the tool; None where it is.

    `policy_digest` is given for a waiver from a file; one in the policy is covered by the policy's digest itself.
    """
    if policy_digest is not None and provenance.waiver_seal is None:
        return write_message("waiver-unsigned")
    bound = {"model_sha256": (find_model_digest(provenance), waiver.model_sha256)}
    if policy_digest is not None:
        bound["policy_sha256"] = (policy_digest, waiver.policy_sha256)
    for name, (expected, found) in bound.items():
        if expected != found:
            return write_message("waiver-bound-elsewhere", field=name, expected=expected, found=found or "none")
    if not covers_version(waiver, provenance.version):
        return write_message("waiver-of-other-version", expected=provenance.version, found=waiver.versions or "none")
    return None


def covers_version(waiver: Waiver, version: str) -> bool:
    """Whether `version` of the tool, a pre-release too, lies in the range that the waiver names."""
    try:
        found = Version(version)
    except InvalidVersion:
        return False
    return waiver.versions is not None and SpecifierSet(waiver.versions).contains(found, prereleases=True)


def lasts_too_long(waiver: Waiver, policy: Policy, day: date) -> bool:
    """Whether `waiver` ends later after `day` than the policy lets any waiver last: it counts for nothing."""
    return policy.waiver_days == 0 or (waiver.expires - day).days > policy.waiver_days


def describe_waivers(checks: Iterable[CheckResult]) -> Iterator[Message]:
    """Yield which outcome each waiver sets aside, and which waiver no longer helps."""
    for check in checks:
        if check.waiver is None:
            continue
        who = {"title": check.title, "approver": check.waiver.approver, "until": check.waiver.expires.isoformat()}
        if check.is_waived:
            yield write_message("waived-although", **who, outcome=check.outcome.label)
        elif check.waiver.state is WaiverState.EXPIRED:
            yield write_message("waiver-expired", **who)


def describe_release(verdict: Verdict) -> Message:
    """Return what to do with a model that passes only with waivers."""
    until = min(check.waiver.expires for check in verdict.waived if check.waiver).isoformat()
    count = len(verdict.waived)
    if count == 1:
        return write_message("one-check-waived", until=until)
    return write_message("several-checks-waived", count=count, until=until)
