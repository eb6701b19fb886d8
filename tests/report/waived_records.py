"""Records with a waiver on one check, consistent with themselves: what `judge` would have written."""

from datetime import date
from typing import Any

from record_factory import make_provenance, make_record

from unlearn_audit.records import (
    AuditRecord,
    Outcome,
    Recommendation,
    Signer,
    Waiver,
    decide_outcome,
    digest_of,
    settle_waivers,
)
from unlearn_audit.records.waivers import AppliedWaiver

APPROVER, REASON = (
    "Dr. C. Example, head of the safety board",
    "A second reader sees every lesion until the next release.",
)


def make_waiver(check: str, expires: str = "2026-12-31", covers: str = "fail") -> Waiver:
    return Waiver(check=check, reason=REASON, approver=APPROVER, expires=date.fromisoformat(expires), covers=covers)


def with_waivers(
    outcomes: dict[str, Outcome], *waivers: Waiver, given_in: str = "policy", signer: Signer | None = None, **rest: Any
) -> AuditRecord:
    """Give the audited model's checks these outcomes (pass where unnamed) and hold the waivers against them."""
    plain = make_record(signer)
    provenance = make_provenance(signer)
    policy = {**plain.policy}
    if given_in == "policy":
        policy["waivers"] = [waiver.model_dump(mode="json") for waiver in waivers]
    else:
        provenance = provenance.model_copy(update={"waivers": waivers})
    by_check = {waiver.check: waiver for waiver in waivers}
    checks = []
    for check in plain.verdict.checks:
        outcome = outcomes.get(check.id, Outcome.PASS)
        found = by_check.get(check.id)
        applied = AppliedWaiver.of(found, outcome.value, provenance.day, given_in) if found else None
        checks.append(check.model_copy(update={"outcome": outcome, "waiver": applied}))
    settled = settle_waivers(checks)
    outcome = decide_outcome(settled)
    verdict = plain.verdict.model_copy(update={"checks": settled, "outcome": outcome, "reason": "See the checks."})
    advice = Recommendation(action="release", text="See above.")
    fields = {
        "policy": policy, "policy_sha256": digest_of(policy), "provenance": provenance, "outcome": outcome,
        "verdicts": (verdict, *plain.verdicts[1:]), "recommendation": advice,
    }  # fmt: skip
    return plain.model_copy(update={**fields, **rest})
