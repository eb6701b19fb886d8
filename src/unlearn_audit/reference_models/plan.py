"""The plan of reference models that are made elsewhere: which records each trains on, fixed before any is trained."""

import csv
import io
import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.data import draw_halves
from unlearn_audit.data.dataset import name_some
from unlearn_audit.data.group_columns import read_groups
from unlearn_audit.errors import EvidenceError, UsageError
from unlearn_audit.evidence.predictions.answers import Answers
from unlearn_audit.evidence.predictions.assembly import read_list
from unlearn_audit.evidence.predictions.files import Table, read_table
from unlearn_audit.evidence.predictions.layout import Wanted, read_answers
from unlearn_audit.evidence.predictions.reference_answers import FEWEST, PLAN_SCHEMA
from unlearn_audit.evidence.predictions.splits import part_records
from unlearn_audit.evidence.references import digest_design
from unlearn_audit.policy import ColumnNames
from unlearn_audit.records import derive_integer
from unlearn_audit.writing import write_whole

PLAN, TABLE = "plan.json", "trains-on.csv"
_MOST = 512


@dataclass(frozen=True, eq=False)
class ReferencePlan:
    """The halves of K reference models.

    Attributes:
        ids: (n,) record ids.
        split: (n,) retain, forget, validation or test.
        trained_on: (K, n) whether model k is trained on record i.
        candidates: (n,) records that half of the models train on.
        seed: of the draw.
        by: group column whose members stand on one side together; None where records are drawn one by one.
    """

    ids: NDArray[np.str_]
    split: NDArray[np.str_]
    trained_on: NDArray[np.bool_]
    candidates: NDArray[np.bool_]
    seed: int
    by: str | None = None

    @property
    def seeds(self) -> tuple[int, ...]:
        """A seed for each model's training: those that this tool itself would take."""
        return tuple(derive_integer(self.seed, "references", "train", str(k)) for k in range(len(self.trained_on)))

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write `plan.json` and `trains-on.csv`, with a column for each model, into `folder`; return both paths.

        Raises:
            ReportError: the folder cannot be written.
        """
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["id", "split", *(str(k) for k in range(len(self.trained_on)))])
        for name, split, row in zip(self.ids.tolist(), self.split.tolist(), self.trained_on.T.tolist(), strict=True):
            writer.writerow([name, split, *map(int, row)])
        about = {
            "schema": PLAN_SCHEMA,
            "models": len(self.trained_on),
            "by": self.by,
            "seed": self.seed,
            "seeds": list(self.seeds),
            "records": len(self.ids),
            "forget": int((self.candidates & (self.split == "forget")).sum()),
            "controls": int((self.candidates & (self.split == "test")).sum()),
            "sha256": digest_design(self.ids, self.trained_on),
        }
        write_whole(folder / TABLE, text.getvalue().encode())
        write_whole(folder / PLAN, (json.dumps(about, indent=1) + "\n").encode())
        return folder / PLAN, folder / TABLE


def draw_plan(
    path: Path, models: int, seed: int, *, by: str | None = None, forget: Path | None = None
) -> ReferencePlan:
    """Draw the halves for the records in a CSV or Parquet file with id, split and label.

    Args:
        path: a file of predictions will do: its scores are not looked at.
        models: K, even, 4 to 512.
        seed: of the draw.
        by: column of persons, lesions, ...: all records of one in one split go to the same side.
        forget: list of ids, where the file says 'train'.

    Raises:
        UsageError: an odd number of models, too few or too many, or a column that is not there.
        EvidenceError: a file without ids, splits or labels. CaseError: too few candidates.
    """
    if models % 2 or not FEWEST <= models <= _MOST:
        raise UsageError(f"expected an even number of reference models from {FEWEST} to {_MOST}, found {models}")
    table = read_table(path)
    if by is not None and by not in table.names:
        raise UsageError(f"expected a column '{by}', found {name_some(table.names, 9)}")
    listed = read_list([table], forget, ColumnNames())
    answers = _read_records(table, {by, listed.request.column if listed else None})
    split = part_records(answers, listed).split
    _, label = np.unique(answers.facts["label"], return_inverse=True)
    cluster = _number_clusters(_read_clusters(table, answers, by) if by else None, split)
    trained_on, candidates = _draw(split, np.asarray(label, dtype=np.int64), cluster, models, seed)
    return ReferencePlan(answers.ids, split, trained_on, candidates, seed, by)


def _read_records(table: Table, groups: Collection[str | None]) -> Answers:
    answers = read_answers(table, Wanted(groups=frozenset(name for name in groups if name)))
    if "label" not in answers.facts:
        raise UsageError(f"{table.where}: expected a column 'label' to balance the halves by, found none")
    return answers


def _read_clusters(table: Table, answers: Answers, by: str) -> NDArray[np.str_]:
    """Return (n,) the groups of column `by`, each spelt in one way and '' where it is unknown."""
    kept = read_groups(table.where, {by: answers.groups[by]}, (by,), {}, EvidenceError).kept
    return next(iter(kept.values()))


def _number_clusters(values: NDArray[np.str_] | None, split: NDArray[np.str_]) -> NDArray[np.int64]:
    """Return (n,) a number for each group within its split; a record of unknown group is one of its own."""
    if values is None:
        return np.arange(len(split))
    alone = np.array([f"\x1f{row}" for row in range(len(values))])
    named = np.char.add(np.char.add(split, "\x1f"), np.where(values == "", alone, values))
    return np.asarray(np.unique(named, return_inverse=True)[1], dtype=np.int64)


def _draw(
    split: NDArray[np.str_], label: NDArray[np.int64], cluster: NDArray[np.int64], models: int, seed: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Draw halves of clusters as `draw_halves` draws them of records; a cluster's class is its highest."""
    numbers, first = np.unique(cluster, return_index=True)
    highest = np.full(len(numbers), -1, dtype=np.int64)
    np.maximum.at(highest, cluster, label)
    halves = draw_halves(split[first], highest, models, seed)
    return halves.trained_on[:, cluster], halves.candidates[cluster]
