"""A record in which one text stands wherever a policy, a case, an id or a group can put words."""

from tests.support.record_factory import make_provenance
from tests.support.waived_records import CASE, HAZARD, make_waiver, with_waivers
from unlearn_audit.records import (
    AuditRecord,
    Deviation,
    Device,
    Outcome,
    Population,
    Recommendation,
    Signer,
    quote_text,
)


def with_text_everywhere(text: str) -> AuditRecord:
    """Put `text` wherever a policy, a case, an id or a group can put words."""
    record = with_waivers({"ranking": Outcome.FAIL}, make_waiver("ranking"))
    checks = tuple(
        check.model_copy(
            update={"title": text, "reasons": (quote_text(text),), "why": text}
            | {"key": check.key.model_copy(update={"among": Population.of_group("c", text), "attack": text})}
            | ({"waiver": check.waiver.model_copy(update={"reason": text, "approver": text})} if check.waiver else {})
        )
        for check in record.verdict.checks
    )
    findings = tuple(
        f.model_copy(
            update={"caveats": (quote_text(text),), "title": text, "records": (text,) * 3 if f.records else ()}
        )
        for f in record.findings
    )
    cards = tuple(
        c.model_copy(update={"title": text, "source": text, "notes": (quote_text(text),)})
        for c in record.provenance.models
    )
    made = make_provenance()
    data = made.data.model_copy(
        update={"name": text, "source": text, "licence": text, "classes": (text, "b"), "cluster": text}
    )
    case = {
        "models": cards, "data": data, "case": text, "notes": (quote_text(text),), "environment": {text: text},
        "device": Device(name=text, version=text), "deviations": (Deviation(what=text, reason=text),),
        "earlier_runs": (CASE["earlier_runs"][0].model_copy(update={"model": text, "policy": text}),),
        "signer": Signer(kind="configured", subject=text, fingerprint="0" * 64),
    }  # fmt: skip
    policy = {
        **record.policy, "title": text, "owner": text, "applies_to": text, "intended_purpose": text, "id": text,
        "version": text, "responsible": [{"name": text, "role": text, "meaning": text}],
        "task": {**record.policy["task"], "positive_name": text, "negative_name": text},
        "costs": {**record.policy["costs"], "rationale": text},
        "risk_analysis": [{**dict.fromkeys(HAZARD, text), "checks": ["ranking"]}],
        "checks": [{**check, "id": text, "why": text} for check in record.policy["checks"]],
    }  # fmt: skip
    verdict = record.verdict.model_copy(update={"checks": checks, "reasons": (quote_text(text),)})
    return record.model_copy(
        update={
            "policy": policy, "provenance": made.model_copy(update=case), "findings": findings,
            "verdicts": (verdict, *record.verdicts[1:]),
            "recommendation": Recommendation(action="release", advice=(quote_text(text),)),
        }
    )  # fmt: skip
