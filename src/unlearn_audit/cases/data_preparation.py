"""The data as the policy asks for it: splits that share no group, ages in bands, the records to forget."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from unlearn_audit.data import (
    SPLITS as DATA_SPLITS,
)
from unlearn_audit.data import (
    Dataset,
    Forgotten,
    Task,
    band_columns,
    choose_forget,
    choose_forget_by_class,
    make_disjoint,
    name_groups,
    read_forget_ids,
    resolve_forget,
    take_splits,
)
from unlearn_audit.data.ages import BAND
from unlearn_audit.data.dataset import name_some
from unlearn_audit.data.group_columns import Columns, read_groups
from unlearn_audit.data.overlaps import describe_independence
from unlearn_audit.data.positive import CLASS_COLUMN
from unlearn_audit.errors import CaseError, DataError
from unlearn_audit.policy import CaseFile, Policy, name_bands
from unlearn_audit.policy.columns import list_columns
from unlearn_audit.records import Disjoint, derive_rng


def prepare_data(loaded: Dataset, policy: Policy, split_column: str | None) -> tuple[Dataset, Disjoint | None]:
    """Bring splits and bands into the shape that the policy asks for.

    Raises:
        DataError: the policy keeps splits apart by a column that the data lacks.
    """
    if policy.subgroups is not None:
        bands = {column: (edges, name_bands(edges)) for column, edges in policy.subgroups.bands.items()}
        loaded = band_columns(loaded, bands)
    if split_column is not None:
        loaded = take_splits(loaded, split_column)
    if policy.data is None or policy.data.disjoint is None:
        return loaded, None
    return make_disjoint(loaded, policy.data.disjoint, split_column)


def choose_groups(loaded: Dataset, policy: Policy, case: CaseFile | None) -> Columns:
    """Return the group columns that policy or case name; only these enter the evidence.

    Raises:
        DataError: the case names a column that the data lacks, or a column spells one person in several ways.
    """
    asked = list_columns(policy) | frozenset((case.columns.groups or ()) if case else ())
    where = f"data set '{loaded.name}'"
    absent = sorted(
        {*(case.columns.groups or ())} - {*loaded.groups, *(n.removesuffix(BAND) for n in loaded.groups)}
    ) if case else []  # fmt: skip
    if absent:
        raise DataError(f"{where}: expected the group columns {name_some(absent)}, found {name_some(loaded.groups, 9)}")
    columns = read_groups(where, loaded.groups, asked, {})
    return replace(columns, intake=(*columns.intake, *describe_independence(columns.read, loaded.split, DATA_SPLITS)))


def keep_groups(dataset: Dataset, columns: Columns) -> Dataset:
    """Return `dataset` with the chosen group columns alone, and the original class where it was mapped to two."""
    own = {CLASS_COLUMN: dataset.groups[CLASS_COLUMN]} if CLASS_COLUMN in dataset.groups else {}
    return replace(dataset, groups={**columns.kept, **own}, exact={})


def validate_nothing_dropped(disjoint: Disjoint | None) -> None:
    """Refuse splits that were made to share no group by leaving out records that an external model was trained on.

    Raises:
        CaseError: training records were left out.
    """
    if disjoint is not None and disjoint.dropped["train"]:
        raise CaseError(
            f"the policy keeps splits apart by '{disjoint.column}': {disjoint.dropped['train']} training records share "
            "theirs with another split, and the external model was trained on them",
            hint="leave the validation and test records of these groups out of the data",
        )


def choose_forgotten(
    loaded: Dataset,
    task: Task,
    forget: float | Path | Mapping[str, float],
    seed: int,
    disjoint: Disjoint | None,
) -> Forgotten:
    """Choose by ids where there is a list, else a share of the training records of all classes or of those named.

    Classes are those that the models see.

    Raises:
        CaseError: the request cannot be met.
    """
    if isinstance(forget, Path):
        try:
            request = read_forget_ids(forget, columns=loaded.groups, id_names=loaded.id_names)
            return resolve_forget(task.dataset, request)
        except CaseError as error:
            if disjoint is None or not disjoint.dropped["train"]:
                raise
            hint = (
                f"{disjoint.dropped['train']} training records were left out, because their {disjoint.column} stands "
                "in another split and the policy keeps splits apart: no model here was trained on them"
            )
            raise CaseError(error.message, hint=hint) from error
    rng = derive_rng(seed, "forget")
    if isinstance(forget, Mapping):
        return choose_forget_by_class(task.dataset, forget, name_groups(task), rng)
    return choose_forget(task.dataset, forget, rng)
