"""Which records were retained, forgotten, validated on and tested on."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unlearn_audit.data import read_forget_ids
from unlearn_audit.data.dataset import name_some
from unlearn_audit.errors import CaseError, EvidenceError
from unlearn_audit.evidence import SPLITS
from unlearn_audit.evidence.predictions.answers import Answers, Texts, explain_mismatch
from unlearn_audit.records import Message

_SPELLINGS = {**{name: name for name in SPLITS}, "train": "train", "val": "validation", "valid": "validation"}


@dataclass(frozen=True, eq=False)
class Parted:
    """(n,) the split of each record, how the forgotten ones were named, and notes."""

    split: Texts
    by: str
    notes: tuple[Message, ...] = ()


def part_records(answers: Answers, forget: Path | None) -> Parted:
    """Return each record's split.

    The file says retain, forget, validation (val, valid) and test; or train, and a list says whom to forget.

    Args:
        answers: with a fact 'split'.
        forget: the list, see `read_forget_ids`; None where the file names the forget records itself.

    Raises:
        EvidenceError: no splits, unknown ones, no test or no forget records, train without a list.
        CaseError: a list that names records which are not there or not in train.
    """
    if "split" not in answers.facts:
        raise EvidenceError(
            f"{answers.where}: expected a column 'split' with {', '.join(SPLITS)}, found none",
            hint="is it called otherwise? say so in the case file: 'columns: {split: NAME}'",
        )
    split = _spell(answers)
    if forget is None:
        if (split == "train").any():
            raise EvidenceError(
                f"{answers.where}: {int((split == 'train').sum())} records are in train, and nothing says which of "
                "them are to be forgotten",
                hint="add --forget CSV with their ids, or write retain and forget instead of train",
            )
        parted = Parted(split, "split")
    else:
        parted = _apply_list(answers, split, forget)
    for name, why in (("forget", "whom the model had to forget"), ("test", "what a model is judged on")):
        if not (parted.split == name).any():
            raise EvidenceError(f"{answers.where}: expected {name} records, {why}; found none")
    return parted


def _spell(answers: Answers) -> Texts:
    found, place = np.unique(np.char.lower(answers.facts["split"]), return_inverse=True)
    unknown = [name for name in found.tolist() if name not in _SPELLINGS]
    if unknown:
        others = {**answers.groups, "label": answers.facts.get("label", answers.ids[:0])}
        swapped = [
            name for name, values in others.items() if set(np.unique(np.char.lower(values)).tolist()) <= {*_SPELLINGS}
        ]
        raise EvidenceError(
            f"{answers.where}: expected splits {', '.join(_SPELLINGS)}, found {name_some(unknown)}",
            hint=f"the column '{swapped[0]}' holds splits: are the two swapped?"
            if swapped and len(answers.ids)
            else "name the records' part in the training: 'retain', 'forget', 'validation' or 'test'",
        )
    return np.array([_SPELLINGS[name] for name in found.tolist()], dtype=np.str_)[place]


def _apply_list(answers: Answers, split: Texts, path: Path) -> Parted:
    if (split == "forget").any():
        raise EvidenceError(
            f"{answers.where} names {int((split == 'forget').sum())} forget records itself, and {path} names some too",
            hint="write train instead of retain and forget, or leave out the list",
        )
    request = read_forget_ids(path, columns=answers.groups)
    column = answers.groups.get(request.by, answers.ids)
    train = np.isin(split, ("train", "retain"))
    wanted = np.array(request.ids, dtype=np.str_)
    for among, what in ((column, f"are not in {answers.where}"), (column[train], "have no record in train")):
        unknown = np.setdiff1d(wanted, among)
        if unknown.size:
            raise CaseError(
                f"{len(unknown)} of {len(wanted)} {request.by} ids of {path} {what}: {name_some(unknown)}",
                hint=explain_mismatch(unknown.tolist(), among.tolist())
                or "every forgotten record needs a prediction of every model",
            )
    parted = np.where(split == "train", "retain", split)
    return Parted(np.where(np.isin(column, wanted) & train, "forget", parted), request.by, request.notes)
