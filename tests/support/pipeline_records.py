"""Records with one check for each outcome, required or not, and with texts that try to break out."""

from itertools import product
from typing import Any

from tests.support.record_factory import make_record
from unlearn_audit.formats.sources import Sources
from unlearn_audit.records import AuditRecord, CheckResult, Interval, Limit, Outcome, Verdict, quote_text

SOURCES = Sources("policies/lesions.yaml", {"fail-required": 12, "pass-required": 30, "inconclusive-optional": 41})
LIKE = make_record().verdict.checks[0]
HOSTILE = {
    "end of CDATA": "a ]]> b <![CDATA[ c",
    "markup": "<script>alert(1)</script> & <img src=x onerror=alert(1)>",
    "control characters": "a\x00b\x08c\x1bd\x7fe\x9bf\ufffeg\uffff",
    "line ends": "first\r\n::error::second\nthird\u2028fourth\x85fifth",
    "direction marks": "gp.\u202exslx\u202c \u2066mel\u2069 \u200fanoma",
    "pipes": r"a | b \| c \\| d",
    "Markdown": "**bold** `code` [link](http://evil.example) ![image](x) ~~gone~~ # head $x$ _it_",
    "mentions": "@everyone #1 http://evil.example www.evil.example a@evil.example :white_check_mark:",
    "workflow commands": "::stop-commands::x ##[error]y %0A::error::z",
    "quotes": "\"'`",
    "long": "x" * 10_000,
    "long and escaped": "@|<" * 4_000,
    "nothing": "",
    "astral": "\U0001f9ea \U000e0041 \U0010ffff",
}


def make_check(outcome: Outcome, *, required: bool = True, **changes: Any) -> CheckResult:
    name = f"{outcome.value.replace('_', '-')}-{'required' if required else 'optional'}"
    estimate = None if outcome is Outcome.NOT_RUN else LIKE.estimate
    reason = f"Because {name}."
    fields = {
        "id": name,
        "title": f"Title of {name}",
        "outcome": outcome,
        "required": required,
        "reasons": (quote_text(reason),),
    }
    parts = {part: changes.pop(part) for part in ("metric", "against", "among", "at") if part in changes}
    key = LIKE.key.model_copy(update=parts)
    return LIKE.model_copy(update={**fields, "key": key, "estimate": estimate, **changes})


def with_checks(*checks: CheckResult, outcome: Outcome = Outcome.FAIL, **changes: Any) -> AuditRecord:
    verdict = Verdict(
        model="unlearned", outcome=outcome, reasons=(quote_text("Some hold."),), confidence=0.95, checks=checks
    )
    return make_record(verdicts=(verdict,), outcome=outcome, **changes)


def with_every_outcome() -> AuditRecord:
    return with_checks(*(make_check(o, required=r) for o, r in product(Outcome, (True, False))))


def with_text(text: str) -> AuditRecord:
    """Put `text` wherever a policy or a case can put words."""
    words = {"title": text, "reasons": (quote_text(text),), "why": text, "kind": text}
    checks = (make_check(o, **words, id=o.value + text) for o in Outcome)
    record = with_checks(*checks)
    verdict = record.verdict.model_copy(update={"reasons": (quote_text(text),), "model": text})
    provenance = record.provenance.model_copy(update={"case": text})
    advice = record.recommendation.model_copy(update={"advice": (quote_text(text),)})
    policy = {**record.policy, "id": text, "version": text, "title": text}
    other = verdict.model_copy(update={"model": "remedied-warm-restart"})
    return record.model_copy(
        update={"verdicts": (verdict, other), "provenance": provenance, "recommendation": advice, "policy": policy}
    )


def with_bounds(low: float, high: float, limit: Limit, outcome: Outcome = Outcome.PASS, **changes: Any) -> CheckResult:
    bounds = Interval(low=low, high=high, confidence=0.95, method=quote_text("Jeffreys"), sides="one")
    estimate = LIKE.estimate.model_copy(update={"value": (low + high) / 2, "bounds": bounds, "interval": None})
    return make_check(outcome, **{"id": "one", "limit": limit, "estimate": estimate, **changes})
