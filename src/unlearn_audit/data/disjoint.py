"""Splits that share no group: taken from a column of the data, or made by leaving records out."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.data.dataset import Dataset, name_some
from unlearn_audit.data.split_names import read_splits
from unlearn_audit.errors import DataError
from unlearn_audit.records import Disjoint
from unlearn_audit.records.intake import note_intake


def take_splits(dataset: Dataset, column: str) -> Dataset:
    """Return `dataset` with the splits that its group column `column` names, in place of its own.

    Args:
        dataset: as loaded.
        column: holds train, val (or validation) or test for every record.

    Raises:
        DataError: the data lacks the column, or it holds something else.
    """
    values = _find_column(dataset, column)
    split, spelt = read_splits(f"data set '{dataset.name}', column '{column}'", values)
    others = (*(entry for entry in dataset.intake if entry.property != "splits"), *spelt)
    return replace(dataset, split=split, intake=(*others, note_intake("splits.column", column=column)))


def make_disjoint(dataset: Dataset, column: str, split_column: str | None = None) -> tuple[Dataset, Disjoint]:
    """Leave out what makes two splits share a group of `column`, so that the test records are of strangers.

    The test split stays whole. A group that stands in test is left out of validation and train; one that then stands
    in validation is left out of train, which has the most to spare. Nothing is drawn: same data, same splits.

    What must not be concluded: a record of unknown group is taken as a group of its own, and may well be of somebody
    who stands in another split. How many there are is counted.

    Args:
        dataset: the data.
        column: group column, such as patient_id.
        split_column: where the splits were taken from, for the account.

    Returns:
        The remaining records, and how many of which split were left out.

    Raises:
        DataError: the data lacks the column, it is unknown for every record, or no record of a split is left.
    """
    values = _find_column(dataset, column)
    if not (values != "").any():
        raise DataError(f"data set '{dataset.name}': '{column}' is unknown for every record: nothing can be kept apart")
    test, validation = dataset.select("test"), dataset.select("validation")
    known = values != ""
    out_of_validation = validation & known & np.isin(values, values[test])
    kept = test | (validation & ~out_of_validation)
    out_of_train = dataset.select("train") & known & np.isin(values, values[kept])
    dropped = {"train": int(out_of_train.sum()), "validation": int(out_of_validation.sum())}
    account = Disjoint(column=column, split_column=split_column, dropped=dropped, unknown=int((~known).sum()))
    return dataset.keep(~(out_of_validation | out_of_train)), account


def _find_column(dataset: Dataset, column: str) -> NDArray[np.str_]:
    if column not in dataset.groups:
        raise DataError(
            f"the policy needs the column '{column}' of the data to keep splits apart; data set '{dataset.name}' has "
            f"{name_some(dataset.groups, limit=12) or 'no group columns'}",
            hint="add the column to the data: a split cannot be shown to be free of known patients without it",
        )
    return dataset.groups[column]
