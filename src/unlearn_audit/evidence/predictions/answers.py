"""What a file of predictions says, before anybody decides what its numbers and labels mean."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.data.dataset import name_some
from unlearn_audit.errors import EvidenceError

Texts = NDArray[np.str_]
_LONGEST_ID = 256


@dataclass(frozen=True, eq=False)
class Answers:
    """Records in one order, and what each model said about them.

    Attributes:
        where: the file (or 'the arrays given'), as messages name it.
        ids: (n,) unique record ids.
        classes: names of the scores' columns; () where each model gives one score: for the positive class.
        scores: per model (n, k) numbers as they stand in the file, (n, 1) where `classes` is empty.
        facts: per name (n,) text: 'split' and 'label', where this file has them.
        groups: per name (n,) text: the group columns.
    """

    where: str
    ids: Texts
    classes: tuple[str, ...]
    scores: Mapping[str, NDArray[np.float64]]
    facts: Mapping[str, Texts] = field(default_factory=dict)
    groups: Mapping[str, Texts] = field(default_factory=dict)

    def __post_init__(self) -> None:
        validate_ids(self.where, self.ids)

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
    """Refuse ids that are empty, repeated, endless, or could act on a terminal.

    Raises:
        EvidenceError: names them, escaped.
    """
    unique, counts = np.unique(ids, return_counts=True)
    if (counts > 1).any():
        raise EvidenceError(
            f"{where}: expected one row for each record, found ids more than once: {name_some(unique[counts > 1])}",
            hint="of several predictions of one record nobody can tell which one the model gave; if rows belong to "
            "different models, name the model in a column 'model'",
        )
    for item in unique.tolist():
        if not item or len(item) > _LONGEST_ID or not item.isprintable():
            raise EvidenceError(
                f"{where}: expected ids of 1 to {_LONGEST_ID} printable characters, found {item[:40]!r}"
            )


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


def merge_answers(parts: Sequence[Answers]) -> Answers:
    """Return several files' answers as one: the same records, the models of all of them.

    Raises:
        EvidenceError: other records, other classes, a model twice, or facts that contradict one another.
    """
    whole = parts[0]
    for part in parts[1:]:
        _validate_same_records(whole, part)
        whole = _merge(whole, part.order(whole.ids))
    return whole


def _validate_same_records(whole: Answers, part: Answers) -> None:
    for ours, theirs in ((whole, part), (part, whole)):
        missing = np.setdiff1d(ours.ids, theirs.ids)
        if missing.size:
            raise EvidenceError(
                f"expected the same records in all files, but {len(missing)} of {ours.where} are not in "
                f"{theirs.where}: {name_some(missing)}",
                hint=explain_mismatch(missing.tolist(), theirs.ids.tolist()),
            )


def _merge(whole: Answers, part: Answers) -> Answers:
    if whole.scores and part.scores and set(whole.classes) != set(part.classes):
        raise EvidenceError(
            f"expected the same classes in all files, found {name_some(whole.classes, 9) or 'one score'} in "
            f"{whole.where} and {name_some(part.classes, 9) or 'one score'} in {part.where}"
        )
    twice = sorted(whole.scores.keys() & part.scores.keys())
    if twice:
        raise EvidenceError(f"expected each model once, found {name_some(twice)} in {whole.where} and {part.where}")
    classes = whole.classes if whole.scores else part.classes
    places = [part.classes.index(name) for name in classes] if part.scores and classes else [0]
    return Answers(
        where=f"{whole.where}, {part.where}",
        ids=whole.ids,
        classes=classes,
        scores={**whole.scores, **{name: values[:, places] for name, values in part.scores.items()}},
        facts=_join_facts(whole, whole.facts, part, part.facts),
        groups=_join_facts(whole, whole.groups, part, part.groups),
    )


def _join_facts(
    whole: Answers, ours: Mapping[str, Texts], part: Answers, theirs: Mapping[str, Texts]
) -> dict[str, Texts]:
    for name in ours.keys() & theirs.keys():
        differ = np.flatnonzero(ours[name] != theirs[name])
        if differ.size:
            row = differ[0]
            raise EvidenceError(
                f"record '{whole.ids[row]}': '{name}' is '{ours[name][row]}' in {whole.where} and "
                f"'{theirs[name][row]}' in {part.where}, as for {len(differ)} records in all"
            )
    return {**ours, **theirs}
