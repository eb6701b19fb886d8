"""The crosswalk: where this report and its record support which requirement. Never "complies".

A row says what the record holds, and a reader decides whether that is enough. The rows are in `requirements`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from unlearn_audit.presentation.sections.contents import number_of
from unlearn_audit.presentation.sections.grid import Cell, Grid
from unlearn_audit.presentation.sections.index import Index
from unlearn_audit.presentation.sections.requirements import (
    NOTHING,
    PARTLY,
    REQUIREMENTS,
    Found,
    Requirement,
    list_sources,
)
from unlearn_audit.presentation.wording import NONE
from unlearn_audit.records import AuditRecord


def present_crosswalk(index: Index) -> Grid:
    """Return requirement, sections, JSON pointers that lead somewhere in this record, and how far they go."""
    rows = tuple(_show(requirement, index.record) for requirement in REQUIREMENTS)
    heads = ("Source and clause", "Topic, in our words", "Section", "In record.json", "This report")
    sources = "; ".join(f"{source.name}: {source.title}" for source in list_sources())
    return Grid("crosswalk", "Requirement, section, place in the record", heads, rows, (f"Sources. {sources}.",))


def _show(requirement: Requirement, record: AuditRecord) -> tuple[Cell, ...]:
    located = list(locate(requirement, record))
    absent = [_name(pointer) for pointer, place in zip(requirement.pointers, located, strict=True) if place is None]
    places = [place for place in located if place is not None]
    missing = f"absent: {', '.join(absent)}" if absent else None
    state = judge(requirement, record, located)
    beyond = f"beyond it: {requirement.beyond}" if requirement.beyond and state != NOTHING else None
    numbers = ", ".join(str(number_of(section)) for section in requirement.sections)
    return (
        Cell(requirement.name),
        Cell(requirement.topic),
        Cell(numbers, kind="sections", sections=requirement.sections),
        Cell(" ".join(places) or NONE, missing, "code"),
        Cell(state, beyond),
    )


def _name(pointer: str | Found) -> str:
    if isinstance(pointer, str):
        return pointer
    return f"{pointer.metric} by subgroup" if pointer.subgroup else pointer.metric


def locate(requirement: Requirement, record: AuditRecord) -> Iterator[str | None]:
    """Yield the JSON pointer (RFC 6901) of each part, None where the record holds nothing there."""
    for pointer in requirement.pointers:
        place = pointer.locate(record) if isinstance(pointer, Found) else pointer
        yield place if place is not None and resolve(record, place) not in (None, "", (), [], {}) else None


def judge(requirement: Requirement, record: AuditRecord, located: Sequence[str | None]) -> str:
    """Return how far the record goes: everything, something, or nothing. Nobody stands behind a TEST key."""
    if not any(located):
        return NOTHING
    signer = record.provenance.signer
    is_test = "/provenance/signer" in requirement.pointers and (signer is None or signer.kind == "test")
    return PARTLY if is_test or None in located else requirement.best


def resolve(record: AuditRecord, pointer: str) -> Any:
    """Return what `pointer` leads to in the record, None where it leads nowhere."""
    found: Any = record
    for part in pointer.split("/")[1:]:
        if isinstance(found, Mapping):
            found = found.get(part)
        elif isinstance(found, list | tuple):
            found = found[int(part)] if part.isdigit() and int(part) < len(found) else None
        else:
            found = getattr(found, part, None)
    return found
