"""The records to forget: a share of the training records, or those that a request names."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.data.apportion import apportion
from unlearn_audit.data.dataset import SPLITS, Dataset, name_some
from unlearn_audit.data.forget_list import ForgetList
from unlearn_audit.data.overlaps import CLUSTER_COLUMNS
from unlearn_audit.data.positive import CLASS_COLUMN, Task
from unlearn_audit.errors import CaseError
from unlearn_audit.records import Message, write_message

FRACTION = "fraction"
"""What `Forgotten.by` says where a share was drawn."""
CLASS_SHARES = "class shares"
"""The same where each class has a share of its own."""


@dataclass(frozen=True, eq=False)
class Forgotten:
    """The records to forget: `mask` (n,) over all records of the data set, true in train only."""

    mask: NDArray[np.bool_]
    by: str
    notes: tuple[Message, ...] = ()


def choose_forget(dataset: Dataset, fraction: float, rng: np.random.Generator) -> Forgotten:
    """Draw training records to forget, stratified by class.

    round(fraction * n) of the n training records, divided among the classes (of `dataset.classes`) in proportion by
    largest remainder, so that each class gives its share to within one record; within a class every record is equally
    likely. At least one record of each class is retained, which can make the total smaller where classes are tiny.

    Valid when: records may be drawn one by one. Several images of one lesion are *not* kept together: what is left of
    a forgotten lesion among the retained records is said in the notes.

    Args:
        dataset: the data.
        fraction: share of the training records, 0 < fraction < 1.
        rng: the only source of randomness.

    Raises:
        CaseError: a fraction outside (0, 1), or one so small that nothing would be forgotten.
    """
    if not 0 < fraction < 1:
        hint = f"a fraction; did you mean {fraction / 100:g}?" if 1 < fraction < 100 else None  # noqa: PLR2004
        raise CaseError(
            f"expected a share of the training records between 0 and 1 to forget, found {fraction}", hint=hint
        )
    train = np.flatnonzero(dataset.select("train"))
    classes, counts = np.unique(dataset.label[train], return_counts=True)
    shares = apportion(round(fraction * len(train)), [fraction * count for count in counts.tolist()])
    mask = np.zeros(len(dataset), dtype=np.bool_)
    for number, count, share in zip(classes, counts.tolist(), shares, strict=True):
        members = train[dataset.label[train] == number]
        mask[rng.choice(members, size=min(share, count - 1), replace=False)] = True
    if not mask.any():
        raise CaseError(f"a share of {fraction} of {len(train)} training records forgets nothing")
    return Forgotten(mask, FRACTION, _describe_leftovers(dataset, mask))


def choose_forget_by_class(
    dataset: Dataset, shares: Mapping[str, float], groups: Mapping[str, Sequence[int]], rng: np.random.Generator
) -> Forgotten:
    """Draw training records to forget, each class or group of classes by a share of its own; others give nothing.

    round(share * n) of the n training records of a group, divided among its classes in proportion by largest remainder.

    Args:
        dataset: the data.
        shares: by name, 0 < share < 1.
        groups: by name the numbers of the classes that it means (see `name_groups`).
        rng: the only source of randomness.

    Raises:
        CaseError: an unknown name, a class named twice, a group that would forget nothing, or a class of which nothing
            would be retained.
    """
    label, train = dataset.label, dataset.select("train")
    _validate_shares(dataset, shares, groups)
    mask = np.zeros(len(dataset), dtype=np.bool_)
    for name, share in shares.items():
        counts = [int((train & (label == number)).sum()) for number in groups[name]]
        drawn = apportion(round(share * sum(counts)), [share * count for count in counts])
        if not any(drawn):
            raise CaseError(f"a share of {share:g} of the {sum(counts)} training records of '{name}' forgets nothing")
        for number, count, wanted in zip(groups[name], counts, drawn, strict=True):
            if wanted and wanted == count:
                raise CaseError(
                    f"a share of {share:g} of '{name}' forgets all {count} training records of class "
                    f"'{dataset.classes[number]}': nothing of it would be left to retain",
                    hint="lower the share; a model cannot keep a class that no training record shows",
                )
            mask[rng.choice(np.flatnonzero(train & (label == number)), size=wanted, replace=False)] = True
    return Forgotten(mask, CLASS_SHARES, _describe_leftovers(dataset, mask))


def name_groups(task: Task) -> dict[str, tuple[int, ...]]:
    """Return what a share to forget may be named after: each class, the negative and the positive classes together.

    Raises:
        CaseError: one class is called what all negative or all positive classes are called together.
    """
    dataset, positive = task.dataset, task.positive
    groups = {name: (number,) for number, name in enumerate(dataset.classes)}
    negative = tuple(number for number in range(len(dataset.classes)) if number not in positive)
    together = dict(zip(task.names, (negative, positive), strict=True))
    for name, members in together.items():
        if groups.get(name, members) != members:
            raise CaseError(
                f"'{name}' is one class of data set '{dataset.name}' and, in the policy, several together",
                hint="give the policy another 'positive_name' or 'negative_name'",
            )
    return groups | together


def _validate_shares(dataset: Dataset, shares: Mapping[str, float], groups: Mapping[str, Sequence[int]]) -> None:
    unknown = [name for name in shares if name not in groups]
    if unknown:
        raise CaseError(
            f"expected shares to forget of classes of data set '{dataset.name}', found {name_some(unknown)}",
            hint=f"there are {name_some(groups, limit=14)}",
        )
    named = [number for name in shares for number in groups[name]]
    twice = sorted({dataset.classes[number] for number in named if named.count(number) > 1})
    if twice:
        raise CaseError(f"expected one share to forget for each class, found several for {name_some(twice)}")


def resolve_forget(dataset: Dataset, request: ForgetList) -> Forgotten:
    """Find the training records that `request` names.

    A lesion or patient that also stands in validation or test is allowed; the notes say so, because the model will be
    judged on records of somebody it had to forget.

    Args:
        dataset: the data.
        request: from `read_forget_ids`.

    Raises:
        CaseError: an empty request, a column that the data set has not, ids that do not exist, ids outside train,
            all of train, or all training records of a class.
    """
    if not request.ids:
        raise CaseError("expected ids to forget, found none")
    column = _find_column(dataset, request.column)
    wanted = np.array(sorted(set(request.ids)), dtype=np.str_)
    _validate_known(dataset, request, wanted, column)
    _validate_in_train(dataset, request.by, wanted, column)
    mask = np.isin(column, wanted) & dataset.select("train")
    _validate_remainder(dataset, mask)
    notes = chain(request.notes, _describe_leftovers(dataset, mask), _describe_lost_classes(dataset, mask))
    return Forgotten(mask, request.by, tuple(notes))


def _find_column(dataset: Dataset, by: str | None) -> NDArray[np.str_]:
    if by is None:
        return dataset.ids
    if by not in dataset.groups:
        raise CaseError(
            f"the request names records by '{by}', which data set '{dataset.name}' has not; "
            f"its columns are {name_some(dataset.groups, limit=12) or 'none'}",
            hint="name the records themselves by 'id'",
        )
    return dataset.groups[by]


def _validate_known(dataset: Dataset, request: ForgetList, wanted: NDArray[np.str_], column: NDArray[np.str_]) -> None:
    unknown = np.setdiff1d(wanted, column[column != ""])
    if unknown.size:
        known = name_some(np.unique(column[column != ""]), limit=2)
        raise CaseError(
            f"{len(unknown)} of {len(wanted)} {request.by} ids to forget do not exist in data set '{dataset.name}': "
            f"{name_some(unknown)}",
            hint=request.explain_header(unknown.tolist())
            or f"ids there look like {known}; if the first line of the list is a header, it must be "
            "id, record_id, image_id, lesion_id, patient_id or another column of the data",
        )


def _validate_in_train(dataset: Dataset, by: str, wanted: NDArray[np.str_], column: NDArray[np.str_]) -> None:
    outside = np.setdiff1d(wanted, column[dataset.select("train")])
    if not outside.size:
        return
    places = ((split, int(np.isin(outside, column[dataset.select(split)]).sum())) for split in SPLITS[1:])
    where = " and ".join(f"{count} in {split}" for split, count in places if count)
    raise CaseError(
        f"{len(outside)} of {len(wanted)} {by} ids to forget have no record in train ({where}): {name_some(outside)}",
        hint="the model was not trained on them, so there is nothing to unlearn; take them off the list",
    )


def _validate_remainder(dataset: Dataset, mask: NDArray[np.bool_]) -> None:
    train = dataset.select("train")
    if (mask == train).all():
        raise CaseError(
            f"the request names all {int(train.sum())} training records: nothing would be left to retain",
            hint="withdraw the model instead",
        )
    lost = _find_lost(np.array(dataset.classes, dtype=np.str_)[dataset.label], train, mask)
    if lost:
        raise CaseError(
            f"the request names all training records of class {', '.join(lost)}: nothing of it would be left to retain",
            hint="a model cannot keep a class that no training record shows; take the class out of the task",
        )


def _find_lost(names: NDArray[np.str_], train: NDArray[np.bool_], mask: NDArray[np.bool_]) -> list[str]:
    """Return the names of which no training record is retained, with the number of records."""
    lost = np.setdiff1d(names[mask], names[train & ~mask])
    return [f"'{name}' ({int((names[mask] == name).sum())})" for name in lost]


def _describe_lost_classes(dataset: Dataset, mask: NDArray[np.bool_]) -> Iterable[Message]:
    """A data set mapped to two classes may lose one of its original classes entirely: allowed, but said."""
    if CLASS_COLUMN in dataset.groups:
        lost = _find_lost(dataset.groups[CLASS_COLUMN], dataset.select("train"), mask)
        if lost:
            yield write_message("original-class-lost", classes=list(lost))


def _describe_leftovers(dataset: Dataset, mask: NDArray[np.bool_]) -> tuple[Message, ...]:
    """Say how many lesions and patients of forgotten records also stand elsewhere."""
    places = {"the retained training records": dataset.select("train") & ~mask}
    places |= {split: dataset.select(split) for split in SPLITS[1:]}
    notes = []
    for name in CLUSTER_COLUMNS:
        if name not in dataset.groups:
            continue
        column = dataset.groups[name]
        forgotten = np.unique(column[mask & (column != "")])
        for place, inside in places.items():
            shared = int(np.isin(forgotten, column[inside]).sum())
            if shared:
                notes.append(
                    write_message(
                        "forgotten-groups-elsewhere", shared=shared, forgotten=len(forgotten), column=name, place=place
                    )
                )
    return tuple(notes)
