"""Records with a waiver on one check, consistent with themselves: what `judge` would have written."""

from datetime import date
from typing import Any

from tests.support.record_factory import make_policy, make_provenance, make_record, make_verdicts, shape_findings
from unlearn_audit.policy import find_model_digest
from unlearn_audit.records import (
    AuditRecord,
    Deviation,
    Device,
    EarlierRun,
    GrantedWaiver,
    Outcome,
    Signer,
    Waiver,
    WaiverSeal,
    decide_outcome,
    digest_of,
    quote_text,
    settle_waivers,
)
from unlearn_audit.records.waivers import AppliedWaiver
from unlearn_audit.verdict.recommendation import recommend

POLICY_SHA256 = make_policy().digest()
SIGNER = {"kind": "configured", "subject": "CN=Safety board", "fingerprint": "1" * 64}
APPROVER, REASON = (
    "Dr. C. Example, head of the safety board",
    "A second reader sees every lesion until the next release.",
)


def make_waiver(check: str, expires: str = "2026-12-31", covers: str = "fail") -> Waiver:
    return Waiver(
        check=check,
        reason=REASON,
        approver=APPROVER,
        expires=date.fromisoformat(expires),
        covers=covers,
        model_sha256=find_model_digest(make_provenance()),
        versions=">=0",
        policy_sha256=POLICY_SHA256,
    )


def _apply(waiver: Waiver | None, outcome: str, day: date, given_in: str) -> AppliedWaiver | None:
    return AppliedWaiver.of(GrantedWaiver(given_in, waiver), outcome, day) if waiver else None


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
        seal = WaiverSeal(envelope="{}", granted="2026-01-01T00:00:00Z", signer=Signer(**SIGNER))
        provenance = provenance.model_copy(update={"waivers": waivers, "waiver_seal": seal})
    by_check = {waiver.check: waiver for waiver in waivers}
    findings = shape_findings(plain.findings, plain.verdict.model, outcomes)
    checks = []
    for check in make_verdicts(findings)[0].checks:
        found = by_check.get(check.id)
        applied = _apply(found, check.outcome.value, provenance.day, given_in)
        checks.append(check.model_copy(update={"waiver": applied}))
    settled = settle_waivers(checks)
    outcome = decide_outcome(settled)
    verdict = plain.verdict.model_copy(
        update={"checks": settled, "outcome": outcome, "reasons": (quote_text("See the checks."),)}
    )
    verdicts = (verdict, *plain.verdicts[1:])
    advice = recommend(verdicts, provenance).model_copy(update={"advice": (quote_text("See above."),)})
    fields = {
        "findings": findings,
        "policy": policy, "policy_sha256": digest_of(policy), "provenance": provenance, "outcome": outcome,
        "verdicts": verdicts, "recommendation": advice,
    }  # fmt: skip
    return plain.model_copy(update={**fields, **rest})


HAZARD = {
    "hazard": "A melanoma is called benign",
    "harm": "Excision is delayed by months",
    "severity": "critical",
    "checks": ["missed", "newly-missed"],
    "control": "A second reader sees every lesion",
    "residual": "One in ten, borne because the biopsy follows the second reader",
}
CASE = {
    "device": Device(name="SkinTriage", version="2.4", manufacturer="Example Devices", identifier="(01)0401"),
    "deviations": (Deviation(what="Sixty records fewer", reason="Consent was withdrawn", approver="A. Head"),),
    "earlier_runs": (
        EarlierRun(record_sha256="a" * 64, created="2026-03-01T00:00:00Z", case="c", policy="dermatology 1.1",
                   policy_sha256="b" * 64, evidence_sha256="c" * 64, model="SalUn", outcome="fail"),
    ),
}  # fmt: skip


def with_policy(record: AuditRecord, **changes: Any) -> AuditRecord:
    """Return the record with parts of its policy changed, and the digest to fit."""
    policy = {**record.policy, **changes}
    return record.model_copy(update={"policy": policy, "policy_sha256": digest_of(policy)})


def make_whole() -> AuditRecord:
    """Return a record with all that is optional in it."""
    signer = Signer(kind="configured", subject="CN=Audit desk", fingerprint="0" * 64)
    record = with_waivers({"ranking": Outcome.FAIL}, make_waiver("ranking"), signer=signer)
    persons = [{"name": "Dr. A. Example", "role": "clinical safety officer", "meaning": "approval"}]
    record = with_policy(record, risk_analysis=[HAZARD], intended_purpose="Triage by nurses", responsible=persons)
    return record.model_copy(update={"provenance": record.provenance.model_copy(update=CASE)})
