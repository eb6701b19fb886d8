"""Declared facts of predictions, which nobody here can check: of a case file, or of whoever hands in arrays."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from unlearn_audit.evidence.predictions.scores import Kind
from unlearn_audit.policy import CaseFile, ColumnNames, ExternalDataFacts, ExternalModelFacts, Policy
from unlearn_audit.records import Message, Signer, write_message
from unlearn_audit.records.intake import IntakeEntry, note_intake


@dataclass(frozen=True)
class Facts:
    """What is said of predictions from outside of them; nobody here can check it."""

    case: str
    created: str
    scores: Kind | None = None
    """What the numbers are; where nothing is said, `usual`."""
    usual: Kind = "probabilities"
    classes: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    """What labels mean that are neither names of classes nor their numbers."""
    columns: ColumnNames = field(default_factory=ColumnNames)
    models: Mapping[str, ExternalModelFacts] = field(default_factory=dict)
    data: ExternalDataFacts = field(default_factory=ExternalDataFacts)
    observations: tuple[str, ...] = ()
    forget: Path | None = None
    signer: Signer | None = None
    caveat: Message = field(default_factory=lambda: write_message("predictions-are-external"))
    intake: tuple[IntakeEntry, ...] = field(default_factory=lambda: (note_intake("pixels.none"),))
    """What is known of what lies behind the answers."""

    @classmethod
    def from_case(cls, policy: Policy, case: CaseFile | None, created: str) -> "Facts":
        """Return what the case file says; the policy's title names the case where there is no file."""
        if case is None:
            return cls(f"{policy.id}: {policy.title}", created)
        return cls(
            case=case.name,
            created=created,
            scores=case.scores,
            classes=case.classes,
            labels=case.labels,
            columns=case.columns,
            models=case.models,
            data=case.about_data,
            observations=case.observations,
        )
