"""The content of a file of predictions, before numbers and labels are interpreted."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from unlearn_audit import limits
from unlearn_audit.data.dataset import name_some
from unlearn_audit.data.spelling import validate_spelling
from unlearn_audit.errors import EvidenceError
from unlearn_audit.records.intake import IntakeEntry

Texts = NDArray[np.str_]


@dataclass(frozen=True, eq=False)
class Answers:
    """Records in one order, and what each model said about them; made by readers, after `validate_ids`.

    Attributes:
        where: the file (or 'the arrays given'), as messages name it.
        ids: (n,) unique record ids.
        classes: names of the scores' columns; () where each model gives one score: for the positive class.
        scores: per model (n, k) numbers as they stand in the file, (n, 1) where `classes` is empty.
        facts: per name (n,) text: 'split' and 'label', where this file has them.
        groups: per name (n,) text: the group columns that were read.
        id_names: what a list of ids may call the ids.
        split: of all records, as the name of the file says it; None where it says none.
        intake: what reading assumed, and what was left out.
    """

    where: str
    ids: Texts
    classes: tuple[str, ...]
    scores: Mapping[str, NDArray[np.float64]]
    facts: Mapping[str, Texts] = field(default_factory=dict)
    groups: Mapping[str, Texts] = field(default_factory=dict)
    id_names: tuple[str, ...] = ()
    split: str | None = None
    intake: tuple[IntakeEntry, ...] = ()

    def order(self, ids: Texts) -> "Answers":
        """Return the same answers in the order of `ids`, which are the same ids."""
        position = {name: row for row, name in enumerate(self.ids.tolist())}
        rows = np.array([position[name] for name in ids.tolist()])
        return replace(
            self,
            ids=ids,
            scores={name: values[rows] for name, values in self.scores.items()},
            facts={name: values[rows] for name, values in self.facts.items()},
            groups={name: values[rows] for name, values in self.groups.items()},
        )


def validate_ids(where: str, ids: Texts) -> None:
    """Refuse ids that are empty, repeated, endless, spelt in two ways, or could act on a terminal.

    Raises:
        EvidenceError: names them, escaped.
    """
    listed = ids.tolist()
    if len(set(listed)) < len(listed):
        unique, counts = np.unique(ids, return_counts=True)
        raise EvidenceError(
            f"{where}: expected one row for each record, found ids more than once: {name_some(unique[counts > 1])}",
            hint="of several predictions of one record nobody can tell which one the model gave; if rows belong to "
            "different models, name the model in a column 'model'",
        )
    longest = limits.RECORD_ID.most
    if not "".join(listed).isprintable() or "" in listed or max(map(len, listed), default=0) > longest:
        wrong = next(item for item in listed if not item or len(item) > longest or not item.isprintable())
        raise EvidenceError(f"{where}: expected ids of 1 to {longest} printable characters, found {wrong[:40]!r}")
    validate_spelling(where, "id", listed, EvidenceError)


def explain_mismatch(ours: Iterable[str], theirs: Iterable[str]) -> str | None:
    """Return a hint where ids would meet if they were written alike, None where they would not.

    Args:
        ours: ids of one side that the other side has not.
        theirs: all ids of the other side.
    """
    mine, others = list(ours), set(theirs)
    ways: dict[str, Callable[[str], str]] = {
        "zeros in front": lambda item: item.lstrip("0") or "0",
        "'.0' behind, as spreadsheets and floats write numbers": lambda item: item.removesuffix(".0"),
        "capitals": str.casefold,
        "the file's ending": lambda item: item.rpartition(".")[0] or item,
    }
    for what, simplify in ways.items():
        alike = {simplify(item): item for item in others}
        met = [item for item in mine if simplify(item) in alike]
        if met:
            other = alike[simplify(met[0])]
            return f"the ids differ by {what}: '{met[0]}' against '{other}'; write them alike, they are not guessed"
    return None
