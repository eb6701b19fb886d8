"""Assumptions about an input: each property is verified, declared, or printed in one line for a reader to judge.

Every reader (predictions, arrays, npz, folders, published archives, models of others) gives one entry for each property
of its kind. `run` and `evidence check` print them, the record holds them. An entry is a message of the catalogue
`messages.en.toml` with a status. Details name columns, files, models and counts; never a record or a person.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Literal, get_args

from pydantic import Field, JsonValue

from unlearn_audit.records.messages import Message, write_message

Status = Literal["verified", "declared", "assumed", "left-out", "contradicted"]
STATUSES: tuple[Status, ...] = get_args(Status)

_LEFT_OUT = "columns.left-out"
_CODES: Mapping[Status, tuple[str, ...]] = MappingProxyType(
    {
        "verified": (
            "ids.column",
            "ids.files",
            "labels.names",
            "labels.columns",
            "alignment.holds",
            "equality.none",
            "spelling.one",
            "spelling.none",
            "unknown.none",
            "independence.verified",
            "pixels.eight-bit",
            "pixels.array",
            "pixels.features",
            "weights.whole",
            "weights.tied",
            "weights.exact",
            "program.whole",
            "program.parts",
        ),
        "declared": (
            "splits.column",
            "splits.data",
            "splits.own",
            "labels.numbers",
            "labels.mapped",
            "labels.policy",
            "labels.published",
            "labels.rest",
            "scores.kind",
            "scores.classes",
            "models.named",
            "columns.kept",
            "columns.none",
            "columns.banded",
            "pixels.declared",
            "weights.declared",
            "preprocessing.declared",
        ),
        "assumed": (
            "ids.index",
            "ids.numbered",
            "ids.passed-over",
            "loader.silent",
            "splits.file-names",
            "splits.drawn",
            "splits.drawn-with-single-records",
            "splits.spelt",
            "labels.unnamed",
            "labels.absent",
            "scores.usual",
            "scores.single",
            "scores.one-sided",
            "scores.divided",
            "scores.zero",
            "models.case",
            "alignment.unknown",
            "alignment.weak",
            "unknown.counted",
            "independence.partial",
            "independence.unknown",
            "pixels.orientation",
            "pixels.none",
            "weights.key",
            "weights.counters",
            "weights.rounded",
            "code.factory",
            "preprocessing.usual",
        ),
        "left-out": (
            "models.look-alike",
            "columns.left-out",
            "columns.index",
            "columns.unread",
            "files.spare",
            "weights.left-out",
            "weights.objects",
        ),
        "contradicted": (
            "alignment.mismatch",
            "equality.same-answers",
            "independence.shared",
        ),
    }
)
STATUS_OF: Mapping[str, Status] = MappingProxyType({code: status for status, codes in _CODES.items() for code in codes})
"""The status of each code, '<property>.<variant>'; its text is in the catalogue."""

OF_LOADERS = ("ids", "splits", "labels", "pixels")
"""What a loader of data must speak of; the other properties are seen when policy and case are known."""

PROPERTIES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "data": (*OF_LOADERS, "columns", "spelling", "unknown", "independence"),
        "predictions": (
            "ids",
            "splits",
            "labels",
            "scores",
            "models",
            "alignment",
            "equality",
            "columns",
            "spelling",
            "unknown",
            "independence",
            "pixels",
        ),
    }
)
"""What each kind of reader must speak of."""


class IntakeEntry(Message):
    """One property of an input, and how it is known; `code` is '<property>.<variant>'."""

    status: Status = Field(
        description="verified here; declared by policy, case or publisher; assumed: nobody did; left-out: not read; "
        "contradicted: the input speaks against it"
    )

    @property
    def property(self) -> str:
        """What is spoken of, such as 'labels'."""
        return self.code.partition(".")[0]


def note_intake(code: str, /, **details: Any) -> IntakeEntry:
    """Return the entry of `code` with its details, and the text that the catalogue makes of them.

    Texts in the details are shown without what could act on a terminal or turn the direction of a line.

    Raises:
        KeyError: no such code, or a detail that its text needs is missing.
    """
    message = write_message(code, **{name: _clean(value) for name, value in details.items()})
    return IntakeEntry(code=code, details=message.details, text=message.text, status=STATUS_OF[code])


def join_intake(*parts: Iterable[IntakeEntry]) -> tuple[IntakeEntry, ...]:
    """Return all entries once, in the order of their statuses: what a reader must judge stands first."""
    order = ("contradicted", "assumed", "left-out", "declared", "verified")
    entries = {(entry.code, entry.text): entry for part in parts for entry in part}
    left = [entry for entry in entries.values() if entry.code == _LEFT_OUT]
    if len(left) > 1:
        names = dict.fromkeys(name for entry in left for name in _list(entry.details["columns"]))
        entries = {key: entry for key, entry in entries.items() if entry.code != _LEFT_OUT}
        entries[_LEFT_OUT, ""] = note_intake(_LEFT_OUT, columns=list(names))
    return tuple(sorted(entries.values(), key=lambda entry: order.index(entry.status)))


def _list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else [value]


def _clean(value: Any) -> Any:
    """Return `value` with each unprintable character of its texts escaped."""
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    if not isinstance(value, str):
        return value
    return "".join(character if character.isprintable() else f"\\x{ord(character):02x}" for character in value)
