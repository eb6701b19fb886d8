"""Seals: which versions of the policy were signed before the run, by whom, and what was amended after each."""

from unlearn_audit.presentation.sections.grid import Cell, Grid
from unlearn_audit.presentation.sections.index import Index
from unlearn_audit.presentation.wording import format_date, group_digits
from unlearn_audit.records import Seal, Signer

_HEADS = ("Policy version, SHA-256", "Sealed", "By", "Amended after this seal")


def present_seals(index: Index) -> Grid | None:
    """Return every seal that the run was given, oldest first, None where the policy was not sealed."""
    rows = tuple(
        (
            Cell(f"{seal.policy_id} {seal.policy_version}, {group_digits(seal.policy_sha256)}"),
            Cell(_describe_when(seal, index.record.provenance.signer)),
            Cell(f"{seal.signer.subject}{' (TEST KEY)' if seal.signer.kind == 'test' else ''}"),
            Cell(", ".join(seal.changes) or "nothing: this is the policy of this report"),
        )
        for seal in index.record.provenance.seals
    )
    return Grid("seals", "Seals of the policy", _HEADS, rows) if rows else None


def _describe_when(seal: Seal, signer: Signer | None) -> str:
    """'Before' needs a time stamp on both sides: on the seal, and on the report that claims to be later."""
    if seal.stamped and signer is not None and signer.level != "B-B":
        return f"before {format_date(seal.stamped)}, says the time-stamp authority {seal.authority}"
    if seal.stamped:
        text = f"{format_date(seal.stamped)}, says the time-stamp authority {seal.authority}"
        return f"{text}; the report's own time is only claimed"
    return f"{format_date(seal.sealed)}, as the signer claims"
