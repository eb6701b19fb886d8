"""Persons and keys: who answers for the audit, and whose key signs."""

from unlearn_audit.records import Signer
from unlearn_audit.report.views.grid import Cell, Fact, Grid
from unlearn_audit.report.views.index import Index
from unlearn_audit.report.wording import NONE, print_date


def present_responsible(index: Index) -> Grid | None:
    """Return who answers for the audit and what a signature of theirs means, None where the policy names nobody."""
    rows = tuple(
        (
            Cell(str(person.get("name", NONE))),
            Cell(str(person.get("role", NONE))),
            Cell(str(person.get("meaning") or "not stated by the policy")),
        )
        for person in index.policy.get("responsible", ())
    )
    return (
        Grid("responsible", "Responsible persons", ("Name", "Role", "Meaning of the signature"), rows) if rows else None
    )


def present_signature(index: Index) -> tuple[Fact, ...]:
    """Return whose key signs and which dates are known; when it signed stands in the signature, not in the record."""
    provenance = index.record.provenance
    return (
        Fact("Signing key", say_signer(provenance.signer)),
        Fact(
            "Date", f"evidence collected {print_date(provenance.created)}; the time of signing stands in the signature"
        ),
    )


def say_signer(signer: Signer | None) -> str:
    """Return whose key signs, and what kind of key it is."""
    if signer is None:
        return "none named when the evidence was collected"
    kind = "TEST KEY, not a valid signature" if signer.kind == "test" else "configured"
    return f"{signer.subject} ({kind}), SHA-256 of the public key {signer.fingerprint}"
