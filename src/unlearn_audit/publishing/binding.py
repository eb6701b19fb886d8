"""Binding of a registered model to the audited one, by the bytes of the weights."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from unlearn_audit.records import AuditRecord, ModelCard


@dataclass(frozen=True)
class Binding:
    """Whether a model version holds the weights that were audited.

    Attributes:
        file: the file of the version whose bytes are those of the audited model; None where there is none.
        sentence: how that is known, or why it is not.
    """

    file: str | None
    sentence: str

    @property
    def holds(self) -> bool:
        """Whether the version is bound to the audited model."""
        return self.file is not None


def digest_files(folder: Path) -> dict[str, str]:
    """Return the SHA-256 (hex) of every file below `folder`, by its path in it. Nothing is loaded."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                found[path.relative_to(folder).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def bind(record: AuditRecord, files: Mapping[str, str]) -> Binding:
    """Return whether one of `files` (path -> SHA-256) is the model that `record` speaks of.

    Two models of a case may be the same bytes; a version that also holds another model of the case is not bound,
    because nobody could say which of them it serves.
    """
    audited = record.provenance.find_model(record.verdict.model)
    if audited.sha256 is None:
        return Binding(None, "the record names no digest of the audited model: predictions were audited, not weights")
    ours = _find(audited, files)
    others = [card for card in record.provenance.models if card.sha256 not in (None, audited.sha256)]
    also = sorted(f"{name} ({card.title})" for card in others for name in _find(card, files))
    if ours and not also:
        beside = f" with {', '.join(list(audited.parts)[1:])}" if audited.parts else ""
        return Binding(ours[0], f"{ours[0]}{beside} is the audited model, byte for byte")
    if also:
        beside = "beside the audited model, " if ours else ""
        return Binding(None, f"{beside}the version holds another model of the same audit: {', '.join(also)}")
    return Binding(None, f"none of its {len(files)} files is the audited model, sha256 {audited.sha256}")


def _find(card: ModelCard, files: Mapping[str, str]) -> list[str]:
    """Return the paths under which the model lies among `files`, all of its files side by side."""
    if not card.parts:
        return sorted(name for name, digest in files.items() if digest == card.sha256)
    first, *_ = card.parts
    folders = [name.removesuffix(first) for name in files if name == first or name.endswith(f"/{first}")]
    return sorted(
        f"{folder}{first}"
        for folder in folders
        if all(files.get(f"{folder}{name}") == digest for name, digest in card.parts.items())
    )
