"""The crosswalk: where this report and its record support which requirement. Never "complies".

Legal texts are named, not quoted; the topics are our words. A row says what the record holds, and a reader decides
whether that is enough.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from unlearn_audit.presentation.sections.contents import number_of
from unlearn_audit.presentation.sections.grid import Cell, Grid
from unlearn_audit.presentation.sections.index import Index
from unlearn_audit.presentation.wording import NONE
from unlearn_audit.records import AuditRecord, Finding

SUPPORTS, PARTLY, NOTHING = "supports", "partly", "not addressed"


@dataclass(frozen=True)
class Found:
    """A pointer to the first finding of a metric on the audited model that has an estimate, whatever its number."""

    metric: str
    subgroup: bool = False

    def locate(self, record: AuditRecord) -> str | None:
        """Return the JSON pointer, None where the record has no such finding."""
        places = (number for number, finding in enumerate(record.findings) if self._fits(finding, record.verdict.model))
        number = next(places, None)
        return None if number is None else f"/findings/{number}"

    def _fits(self, finding: Finding, model: str) -> bool:
        by_subgroup = finding.key.among.is_subgroup
        wanted = (self.metric, model, self.subgroup)
        return finding.estimate is not None and wanted == (finding.key.metric, finding.key.model, by_subgroup)


@dataclass(frozen=True)
class Requirement:
    """One row: where it comes from, what it asks in our words, where it is spoken to, and how far that can go."""

    source: str
    topic: str
    sections: tuple[str, ...]
    pointers: tuple[str | Found, ...]
    best: str = PARTLY
    """What may be said where every pointer leads somewhere; 'partly' where a record can never hold all of it."""
    beyond: str = ""
    """What no record of an audit can hold."""


REQUIREMENTS = (
    Requirement(
        "AI Act, Annex IV 1", "Which system, whose, in which version, for which purpose", ("identification",),
        ("/policy/applies_to", "/policy/intended_purpose", "/provenance/device", "/provenance/models"), SUPPORTS,
    ),
    Requirement(
        "AI Act, Annex IV 2", "How it was made and tested; test reports dated and signed", ("methods", "responsible"),
        ("/provenance/recipe", "/provenance/models", "/policy/responsible", "/provenance/signer"),
        beyond="the maker's own design file",
    ),
    Requirement(
        "AI Act, Annex IV 3", "Accuracy, for particular groups as well", ("clinical", "subgroups"),
        (Found("false-negative-rate"), Found("false-negative-rate", subgroup=True)), beyond="monitoring in use",
    ),
    Requirement(
        "AI Act, Art. 9; ISO 14971", "Risks known, estimated and judged; what remains", ("risk",),
        ("/policy/risk_analysis", "/policy/costs/rationale"), beyond="the manufacturer's risk-management file",
    ),
    Requirement(
        "AI Act, Art. 9(8)", "Measures and thresholds fixed before testing", ("protocol",),
        ("/policy/checks", "/policy_sha256", "/provenance/seals"), SUPPORTS,
    ),
    Requirement(
        "AI Act, Art. 10", "Data: origin, splits, representativeness, leakage", ("data",),
        ("/provenance/data/source", "/provenance/data/splits", "/provenance/data/sha256"),
        beyond="how data were collected",
    ),
    Requirement(
        "AI Act, Art. 12, 18", "Logs and documents that can be kept and followed", ("verify",),
        ("/provenance/created", "/provenance/environment", "/evidence_sha256"), beyond="logs of the device in use",
    ),
    Requirement(
        "AI Act, Art. 15", "Accuracy, robustness, resistance to attack", ("clinical", "forgetting"),
        (Found("global-risk"), Found("auroc"), Found("membership-auc")), beyond="robustness to shifts and to tampering",
    ),
    Requirement(
        "GDPR, Art. 17", "The erasure, and what it did to the model", ("erasure", "forgetting"),
        ("/provenance/forget/count", Found("membership-auc")), beyond="copies of the data outside of the model",
    ),
    Requirement(
        "GDPR, Art. 5(2)", "Being able to show what was done", ("erasure", "verify"),
        ("/provenance/forget/commitment", "/evidence_sha256", "/policy_sha256"), SUPPORTS,
    ),
    Requirement(
        "EDPB Opinion 28/2024, 43, 55", "Whether persons can be told to have been in the training data",
        ("forgetting",), (Found("membership-auc"), Found("membership-tpr")), beyond="attacks that were not run",
    ),
    Requirement(
        "EDPB Opinion 28/2024, 55, 58", "Inversion, reconstruction, exfiltration of training data", ("coverage",),
        (Found("inversion"), Found("reconstruction"), Found("exfiltration")),
    ),
    Requirement(
        "FDA, predetermined change control plans", "Planned change, its protocol, departures from it",
        ("protocol", "deviations"), ("/policy/checks", "/policy/remediation"), beyond="the plan's authorisation",
    ),
    Requirement(
        "21 CFR 11.50", "Who signs, when, in which meaning", ("responsible",),
        ("/policy/responsible/0/name", "/policy/responsible/0/meaning", "/provenance/signer"), SUPPORTS,
    ),
    Requirement(
        "STARD-AI; CLAIM", "Test data, reference standard, independence", ("data",),
        ("/provenance/data/splits/test", "/provenance/data/positive"), beyond="how the reference standard was set",
    ),
    Requirement(
        "TRIPOD+AI", "Performance with uncertainty; calibration", ("clinical",),
        (Found("auroc"), Found("calibration-slope"), Found("global-risk")), beyond="the model's development report",
    ),
)  # fmt: skip


def present_crosswalk(index: Index) -> Grid:
    """Return requirement, sections, JSON pointers that lead somewhere in this record, and how far they go."""
    rows = tuple(_show(requirement, index.record) for requirement in REQUIREMENTS)
    heads = ("Source", "Topic, in our words", "Section", "In record.json", "This report")
    return Grid("crosswalk", "Requirement, section, place in the record", heads, rows)


def _show(requirement: Requirement, record: AuditRecord) -> tuple[Cell, ...]:
    located = list(locate(requirement, record))
    absent = [_name(pointer) for pointer, place in zip(requirement.pointers, located, strict=True) if place is None]
    places = [place for place in located if place is not None]
    missing = f"absent: {', '.join(absent)}" if absent else None
    state = judge(requirement, record, located)
    beyond = f"beyond it: {requirement.beyond}" if requirement.beyond and state != NOTHING else None
    return (
        Cell(requirement.source),
        Cell(requirement.topic),
        Cell(", ".join(str(number_of(section)) for section in requirement.sections)),
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
