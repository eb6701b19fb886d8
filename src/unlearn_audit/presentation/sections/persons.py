"""Persons and keys: who is responsible for the audit, and whose key signs."""

from unlearn_audit.presentation.sections.grid import Cell, Fact, Grid
from unlearn_audit.presentation.sections.index import Index
from unlearn_audit.presentation.wording import NONE, clip, format_date
from unlearn_audit.records import SignatureLevel, Signer


def present_responsible(index: Index) -> Grid | None:
    """Return who answers for the audit and what a signature of theirs means, None where the policy names nobody."""
    rows = tuple(
        (
            Cell(str(person.get("name", NONE))),
            Cell(str(person.get("role", NONE))),
            Cell(str(person.get("meaning") or "not stated by the policy")),
            Cell("required" if person.get("countersigns") else "not required"),
        )
        for person in index.policy.get("responsible", ())
    )
    heads = ("Name", "Role", "Meaning of the signature", "Signature on this report")
    return Grid("responsible", "Responsible persons", heads, rows) if rows else None


def name_persons(index: Index) -> str:
    """Return who answers for the audit in a line."""
    named = [f"{p.get('name')} ({p.get('role')})" for p in index.policy.get("responsible", ())]
    return clip("; ".join(named), 130) or "nobody is named by the policy"


def present_signature(index: Index) -> tuple[Fact, ...]:
    """Return whose key signs and which dates are known; when it signed stands in the signature, not in the record."""
    provenance = index.record.provenance
    return (
        Fact("Signing key", _describe_signer(provenance.signer)),
        Fact("Level", _describe_level(provenance.signer)),
        Fact(
            "Date", f"evidence collected {format_date(provenance.created)}; the time of signing stands in the signature"
        ),
    )


def _describe_level(signer: Signer | None) -> str:
    if signer is None or not signer.level.stamped:
        return f"PAdES {SignatureLevel.B}: the time of signing is the signer's claim"
    return f"PAdES {signer.level}: signed with time stamps of an authority, which are part of the signature"


def _describe_signer(signer: Signer | None) -> str:
    if signer is None:
        return "none named when the evidence was collected"
    kind = "TEST KEY, not a valid signature" if signer.kind == "test" else "configured"
    return f"{signer.subject} ({kind}), SHA-256 of the public key {signer.fingerprint}"
