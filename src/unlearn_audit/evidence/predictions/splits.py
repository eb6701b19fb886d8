"""The split of each record: retained, forgotten, validation or test."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unlearn_audit.data.dataset import name_some
from unlearn_audit.data.forget_list import ForgetList
from unlearn_audit.data.spelling import find_values
from unlearn_audit.data.split_names import PARTS, read_splits
from unlearn_audit.errors import CaseError, EvidenceError
from unlearn_audit.evidence import SPLITS
from unlearn_audit.evidence.predictions.answers import Answers, Texts, explain_mismatch
from unlearn_audit.records import Message
from unlearn_audit.records.intake import IntakeEntry, note_intake


@dataclass(frozen=True, eq=False)
class Parted:
    """(n,) the split of each record, how the forgotten ones were named, and what is to be said of both."""

    split: Texts
    by: str
    notes: tuple[Message, ...] = ()
    intake: tuple[IntakeEntry, ...] = ()


def part_records(answers: Answers, forget: "ListedIds | None") -> Parted:
    """Return each record's split.

    The file says retain, forget, validation (val, valid) and test; or train, and a list says whom to forget.

    Args:
        answers: with a fact 'split'.
        forget: the list and where it was read from; None where the file names the forget records itself.

    Raises:
        EvidenceError: no splits, unknown ones, no test or no forget records, train without a list.
        CaseError: a list that names records which are not there or not in train.
    """
    if "split" not in answers.facts:
        raise EvidenceError(
            f"{answers.where}: expected a column 'split' with {', '.join(SPLITS)}, found none",
            hint="is it called otherwise? say so in the case file: 'columns: {split: NAME}'. Files of one split each "
            "may have it in their names: predictions_train.csv, predictions_val.csv, predictions_test.csv",
        )
    split, intake = _spell(answers)
    if forget is None:
        if (split == "train").any():
            raise EvidenceError(
                f"{answers.where}: {int((split == 'train').sum())} records are in train, and nothing says which of "
                "them are to be forgotten",
                hint="add --forget CSV with their ids, or write retain and forget instead of train",
            )
        parted = Parted(split, "split", intake=intake)
    else:
        parted = _apply_list(answers, split, forget, intake)
    for name, why in (("forget", "whom the model had to forget"), ("test", "what a model is judged on")):
        if not (parted.split == name).any():
            raise EvidenceError(f"{answers.where}: expected {name} records, {why}; found none")
    return parted


def _spell(answers: Answers) -> tuple[Texts, tuple[IntakeEntry, ...]]:
    values = answers.facts["split"]
    unknown = [name for name in find_values(values).texts if name.casefold() not in PARTS]
    if unknown:
        others = {**answers.groups, "label": answers.facts.get("label", answers.ids[:0])}
        swapped = [
            name for name, column in others.items() if {t.casefold() for t in find_values(column).texts} <= {*PARTS}
        ]
        raise EvidenceError(
            f"{answers.where}: expected splits {', '.join(PARTS)}, found {name_some(unknown)}",
            hint=f"the column '{swapped[0]}' holds splits: are the two swapped?"
            if swapped and len(answers.ids)
            else "name the records' part in the training: 'retain', 'forget', 'validation' or 'test'",
        )
    split, spelt = read_splits(answers.where, values, PARTS, EvidenceError)
    named = any(entry.code == "splits.file-names" for entry in answers.intake)
    return split, spelt if named else (note_intake("splits.column", column="split"), *spelt)


@dataclass(frozen=True)
class ListedIds:
    """A list of whom to forget and the file that it was read from."""

    path: Path
    request: ForgetList


def _apply_list(answers: Answers, split: Texts, forget: ListedIds, intake: tuple[IntakeEntry, ...]) -> Parted:
    path, request = forget.path, forget.request
    if (split == "forget").any():
        raise EvidenceError(
            f"{answers.where} names {int((split == 'forget').sum())} forget records itself, and {path} names some too",
            hint="write train instead of retain and forget, or leave out the list",
        )
    column = answers.ids if request.column is None else answers.groups[request.column]
    train = np.isin(split, ("train", "retain"))
    wanted = np.array(request.ids, dtype=np.str_)
    for among, what in ((column, f"are not in {answers.where}"), (column[train], "have no record in train")):
        unknown = np.setdiff1d(wanted, among)
        if unknown.size:
            raise CaseError(
                f"{len(unknown)} of {len(wanted)} {request.by} ids of {path} {what}: {name_some(unknown)}",
                hint=explain_mismatch(unknown.tolist(), among.tolist())
                or request.explain_header(unknown.tolist())
                or "every forgotten record needs a prediction of every model",
            )
    parted = np.where(split == "train", "retain", split)
    return Parted(np.where(np.isin(column, wanted) & train, "forget", parted), request.by, request.notes, intake)
