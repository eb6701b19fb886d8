"""What was assumed about an input: each property is verified, declared, or printed in one line for a reader to judge.

Every reader (predictions, arrays, npz, folders, published archives, models of others) gives one entry for each property
of its kind. `run` and `evidence check` print them, the record holds them. The text of an entry is made here, from its
code and details, and nowhere else. Details name columns, files, models and counts; never a record or a person.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Literal, get_args

from pydantic import Field

from unlearn_audit.records.frozen import Frozen

Status = Literal["verified", "declared", "assumed", "left-out", "contradicted"]
STATUSES: tuple[Status, ...] = get_args(Status)

_SHOWN = 8
_LEFT_OUT = "columns.left-out"

CATALOGUE: Mapping[str, tuple[Status, str]] = MappingProxyType(
    {
        # records and their ids
        "ids.column": ("verified", "Records are named by {column}: each id stands once, and no two are spelt alike."),
        "ids.index": ("assumed", "Records are named by the table's first column, which has no name of its own."),
        "ids.numbered": ("assumed", "{where} names no records: they were numbered in the order of the file."),
        "ids.files": ("verified", "Records are named by their image files."),
        "ids.passed-over": (
            "assumed",
            "In {where} the column '{column}' repeats values or lacks some, and so names no records.",
        ),
        "loader.silent": ("assumed", "The loader of '{name}' says nothing about: {properties}."),
        # splits
        "splits.column": ("declared", "Splits are those of the column {column}."),
        "splits.data": ("declared", "Splits are those of the data set."),
        "splits.own": ("declared", "Splits are fixed by this tool for this data set; none are published."),
        "splits.file-names": ("assumed", "Splits are read from the names of the files: {files}."),
        "splits.drawn": ("assumed", "The data have no splits: 70 / 10 / 20 % were drawn by {by} from the run's seed."),
        "splits.spelt": ("assumed", "Splits were spelt {found} and read as {read}."),
        # labels
        "labels.names": ("verified", "Labels are names of the classes: {classes}."),
        "labels.columns": ("verified", "Labels are names of the columns of scores: {classes}."),
        "labels.numbers": ("declared", "Labels are class numbers, which mean {meaning}."),
        "labels.mapped": ("declared", "Labels mean what the case declares: {meaning}."),
        "labels.policy": ("declared", "Labels were read as the policy names its classes: {classes}."),
        "labels.published": ("declared", "Labels mean what {title} publishes: {classes}."),
        "labels.unnamed": (
            "assumed",
            "Labels are numbers that nothing names; the policy names the positive ones by number.",
        ),
        "labels.absent": ("assumed", "No image is of the class {classes}."),
        "labels.rest": ("declared", "{n} images of neither class are called {name}, as {title} defines it."),
        # scores
        "scores.kind": ("declared", "Numbers are {kind}, as declared; in that range in every row."),
        "scores.usual": (
            "assumed",
            "Numbers were read as {kind}, since nothing else is declared; in that range in every row.",
        ),
        "scores.single": (
            "assumed",
            "One column a model was read as the score of '{positive}'; it falls on both sides of one half.",
        ),
        "scores.one-sided": (
            "assumed",
            "The one column of '{model}' is never below one half: it calls every record positive.",
        ),
        "scores.classes": ("declared", "Columns of scores stand for {classes}."),
        "scores.divided": (
            "assumed",
            "Probabilities of '{model}' sum to one within {worst}; each row was divided by its sum.",
        ),
        "scores.zero": (
            "assumed",
            (
                "{count} of {n} answers of '{model}' are probabilities of exactly 0 or 1, rounded by whoever wrote "
                "them; 0 was taken as {floor}. Logits would say more about who is remembered."
            ),
        ),
        # models
        "models.named": ("declared", "Models are called as in the files: {models}."),
        "models.case": ("assumed", "Columns {found} were read as the models {models}, whatever their capitals."),
        "models.look-alike": (
            "left-out",
            (
                "Columns {columns} hold numbers between 0 and 1 and were not read: if they are models' answers, name "
                "them under 'models' in the case file."
            ),
        ),
        # alignment of answers and records
        "alignment.holds": (
            "verified",
            "Models answer no worse on the records they were trained on than on test: answers stand at their records.",
        ),
        "alignment.unknown": ("assumed", "Whether answers stand at their own records cannot be seen: {why}."),
        "alignment.mismatch": (
            "contradicted",
            (
                "'{model}' does worse on the {split} records that it was trained on than on test ({z} standard "
                "errors): answers seem to stand at other records' ids. Forgetting is not measured."
            ),
        ),
        "alignment.weak": (
            "assumed",
            (
                "'{model}' does slightly worse on the {split} records that it was trained on than on test (AUC {auc}): "
                "look whether answers stand at their own records."
            ),
        ),
        "equality.none": ("verified", "No model answers exactly as another."),
        "equality.same-answers": (
            "contradicted",
            "'{model}' gives every record the very answer of '{other}': nothing tells the two apart.",
        ),
        # group columns
        "columns.kept": ("declared", "Columns kept, because policy or case name them: {columns}."),
        "columns.none": ("declared", "No column beside ids, splits and labels is kept: policy and case name none."),
        "columns.left-out": ("left-out", "Columns not kept, because neither policy nor case names them: {columns}."),
        "columns.index": ("left-out", "Column {column} counts the rows and was not read."),
        "columns.banded": ("declared", "Ages are kept in bands only: {columns}."),
        "columns.unread": ("left-out", "{where}: not read: {names}."),
        "spelling.one": ("verified", "In {columns} no two values differ by spelling alone."),
        "spelling.none": ("verified", "No kept column names persons or groups."),
        "unknown.none": ("verified", "Every record has a value in each kept column."),
        "unknown.counted": ("assumed", "Unknown values in '{column}': {count} of {n} records, written {spelt}."),
        # independence of the splits
        "independence.verified": ("verified", "No {columns} stands in two splits."),
        "independence.shared": ("contradicted", "{count} values of '{column}' stand in both {first} and {second}."),
        "independence.partial": (
            "assumed",
            "{count} of {n} records have no known {columns}: whether they share a split with one another is not known.",
        ),
        "independence.unknown": (
            "assumed",
            "Nothing says which records belong to one patient or lesion: that the splits share none is not shown.",
        ),
        # pixels and features
        "pixels.eight-bit": ("verified", "Images hold 8 bits a channel, one frame and no transparency: {formats}."),
        "pixels.array": ("verified", "Images are arrays of 8 bits a channel."),
        "pixels.declared": ("declared", "{text}"),
        "pixels.orientation": (
            "assumed",
            "{count} of {n} images carry an orientation other than upright in their EXIF data; it was not applied.",
        ),
        "pixels.features": ("verified", "Features are finite numbers in every record."),
        "pixels.none": ("assumed", "The images behind the predictions were not seen here."),
        "files.spare": ("left-out", "{count} images of the folder are not in {table} and were not read."),
        # models that were made elsewhere
        "weights.whole": (
            "verified",
            "Weights are the whole of {file}: {tensors} tensors, each of its place and shape.",
        ),
        "weights.key": ("assumed", "Weights are {key} of {file}, the only ones there that fit the network."),
        "weights.declared": ("declared", "Weights are {key} of {file}, as the case declares."),
        "weights.left-out": ("left-out", "In {file} {count} tensors beside the weights were not read: {names}."),
        "weights.counters": (
            "assumed",
            (
                "{file} has no batch counters of normalisation (num_batches_tracked), as older torch left them out: no "
                "answer depends on them."
            ),
        ),
        "weights.tied": ("verified", "{file} holds weights that the network shares once: {names}."),
        "weights.rounded": (
            "assumed",
            "{file} holds 64-bit weights, rounded to 32 bits for the network: by {change} of themselves at most.",
        ),
        "weights.exact": ("verified", "{file} holds 64-bit weights that are 32-bit numbers: none was rounded."),
        "weights.objects": ("left-out", "{file} holds objects that are no tensors; they were not made: {names}."),
        "program.whole": (
            "verified",
            "{file} is a program ({kind}), run here as any other; its digest covers every byte of it.",
        ),
        "program.parts": (
            "verified",
            "{file} is a program ({kind}) with weights in {parts}; its digest covers them all.",
        ),
        "code.factory": (
            "assumed",
            "The network is made by {factory}{digest}: code of the user's, which no digest of a model covers.",
        ),
        "preparation.declared": ("declared", "Data as the models saw it: {steps}."),
        "preparation.usual": ("assumed", "Nothing declares how data was prepared for the models: {steps}."),
    }
)

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


class IntakeEntry(Frozen):
    """One property of an input, and how it is known."""

    code: str = Field(description="'<property>.<variant>', see the catalogue of this tool's version")
    status: Status = Field(
        description="verified here; declared by policy, case or publisher; assumed: nobody did; left-out: not read; "
        "contradicted: the input speaks against it"
    )
    text: str
    details: dict[str, Any] = Field(default_factory=dict)

    @property
    def property(self) -> str:
        """What is spoken of, such as 'labels'."""
        return self.code.partition(".")[0]


def note_intake(code: str, **details: Any) -> IntakeEntry:
    """Return the entry of `code` in the catalogue with its text made from `details`.

    Raises:
        KeyError: no such code, or a detail that its text needs is missing.
    """
    status, template = CATALOGUE[code]
    plain = {name: list(value) if isinstance(value, tuple | list) else value for name, value in details.items()}
    text = template.format_map({name: _show(value) for name, value in plain.items()})
    return IntakeEntry(code=code, status=status, text=text, details=plain)


def join_intake(*parts: Iterable[IntakeEntry]) -> tuple[IntakeEntry, ...]:
    """Return all entries once, in the order of their statuses: what a reader must judge stands first."""
    order = ("contradicted", "assumed", "left-out", "declared", "verified")
    entries = {(entry.code, entry.text): entry for part in parts for entry in part}
    left = [entry for entry in entries.values() if entry.code == _LEFT_OUT]
    if len(left) > 1:
        names = dict.fromkeys(name for entry in left for name in entry.details["columns"])
        entries = {key: entry for key, entry in entries.items() if entry.code != _LEFT_OUT}
        entries[_LEFT_OUT, ""] = note_intake(_LEFT_OUT, columns=list(names))
    return tuple(sorted(entries.values(), key=lambda entry: order.index(entry.status)))


def _show(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.2g}"
    if isinstance(value, list):
        more = f" and {len(value) - _SHOWN} more" if len(value) > _SHOWN else ""
        return ", ".join(f"'{_clean(str(item))}'" for item in value[:_SHOWN]) + more
    return _clean(str(value))


def _clean(text: str) -> str:
    """Return `text` without what could act on a terminal or turn the direction of a line."""
    return "".join(character if character.isprintable() else f"\\x{ord(character):02x}" for character in text)
