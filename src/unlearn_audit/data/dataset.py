"""The data of a case: records with label, split and group columns. Plain numpy, checked once at the border."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.data.stored import Inputs, take_rows
from unlearn_audit.errors import DataError
from unlearn_audit.records import Message
from unlearn_audit.records.intake import IntakeEntry

SPLITS = ("train", "validation", "test")
_RESERVED = ("id", "split", "label")
_CHANNELS = (1, 3)


def name_some(items: Iterable[Any], limit: int = 3) -> str:
    """Return the first few of `items`, quoted, and how many more there are: the examples of a refusal."""
    listed = [f"'{item}'" for item in items]
    more = f" and {len(listed) - limit} more" if len(listed) > limit else ""
    return ", ".join(listed[:limit]) + more


@dataclass(frozen=True, eq=False)
class Dataset:
    """Records of one data set, all three splits in one set of arrays.

    Attributes:
        name: name in the table of data sets.
        x: (n, height, width, channels) uint8 images with 1 or 3 channels, in memory or in a file (`StoredImages`), or
            (n, d) finite floating-point features.
        label: (n,) int64 index of the true class, 0 <= label < len(classes).
        ids: (n,) unique, non-empty record ids.
        split: (n,) one of train, validation, test; none of them is empty.
        classes: names of the classes, in the order of the labels.
        source: citation or address.
        licence: of the data, not of this software.
        sha256: of the file, or of the arrays where the data set is embedded in a library.
        official: whether the checksum equals the published one; None where none is published.
        groups: per column name (n,) strings, '' where unknown: lesion_id, patient_id, sex, age_band, ...
        exact: per column name (n,) strings too revealing to leave the data, such as an age in years: `groups` holds
            them in bands, and they enter neither evidence nor report.
        notes: what a reader of the report must see.
        intake: what was assumed about the data, and how it is known; for the properties see `records.intake`.
        id_names: what a list of ids may call the ids, beside the usual names.

    Raises:
        DataError: anything above does not hold.
    """

    name: str
    x: Inputs
    label: NDArray[np.int64]
    ids: NDArray[np.str_]
    split: NDArray[np.str_]
    classes: tuple[str, ...]
    source: str
    licence: str
    sha256: str
    official: bool | None = None
    groups: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)
    exact: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)
    notes: tuple[Message, ...] = ()
    intake: tuple[IntakeEntry, ...] = ()
    id_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self._validate_columns()
        self._validate_ids()
        self._validate_splits()
        self._validate_labels()
        self._validate_x()

    def __len__(self) -> int:
        """Return the number of records."""
        return len(self.ids)

    def select(self, split: str) -> NDArray[np.bool_]:
        """Return the (n,) mask of the records in `split`: train, validation or test."""
        return np.asarray(self.split == split, dtype=np.bool_)

    def keep(self, mask: NDArray[np.bool_]) -> "Dataset":
        """Return the data set with the records that `mask` (n,) selects.

        Raises:
            DataError: some split is left without records.
        """
        return replace(
            self,
            x=take_rows(self.x, mask),
            label=self.label[mask],
            ids=self.ids[mask],
            split=self.split[mask],
            groups={name: values[mask] for name, values in self.groups.items()},
            exact={name: values[mask] for name, values in self.exact.items()},
        )

    def _refuse(self, message: str, hint: str | None = None) -> DataError:
        return DataError(f"data set '{self.name}': {message}", hint=hint)

    def _validate_columns(self) -> None:
        n = len(self.ids)
        columns = {"ids": self.ids, "label": self.label, "split": self.split}
        columns |= {f"group '{name}'": values for name, values in (*self.groups.items(), *self.exact.items())}
        for name, column in columns.items():
            if column.shape != (n,):
                raise self._refuse(f"expected one {name} for each of {n} records, found shape {column.shape}")
        if len(self.x) != n:
            raise self._refuse(f"expected x for each of {n} records, found {len(self.x)}")
        taken = [name for name in self.groups if name in _RESERVED or not name]
        if taken:
            raise self._refuse(
                f"a group column cannot be called {name_some(taken)}: id, split and label have their own place",
                hint="rename the column",
            )

    def _validate_ids(self) -> None:
        unique, counts = np.unique(self.ids, return_counts=True)
        if (counts > 1).any():
            raise self._refuse(f"expected unique record ids, found duplicates: {name_some(unique[counts > 1])}")
        if (self.ids == "").any():
            raise self._refuse(
                f"expected a non-empty id for every record, found none at {np.flatnonzero(self.ids == '')[0]}"
            )

    def _validate_splits(self) -> None:
        unknown = np.setdiff1d(self.split, SPLITS)
        if unknown.size:
            raise self._refuse(f"expected splits {', '.join(SPLITS)}, found {name_some(unknown)}")
        for split in SPLITS:
            if not self.select(split).any():
                raise self._refuse(
                    f"expected records in each of {', '.join(SPLITS)}, found none in {split}",
                    hint="an audit needs all three: train to forget from, validation for thresholds, test to judge on",
                )

    def _validate_labels(self) -> None:
        k = len(self.classes)
        if len(set(self.classes)) != k or "" in self.classes:
            raise self._refuse(f"expected distinct, non-empty class names, found {list(self.classes)}")
        if k < 2:  # noqa: PLR2004 - two classes are the least that can be told apart
            raise self._refuse(f"expected at least two classes, found {k}: {name_some(self.classes)}")
        if self.label.dtype != np.int64:
            raise self._refuse(f"expected labels as int64, found {self.label.dtype}")
        outside = (self.label < 0) | (self.label >= k)
        if outside.any():
            found = np.unique(self.label[outside]).tolist()
            raise self._refuse(
                f"expected labels 0 to {k - 1}, one for each of {k} classes, found {', '.join(map(str, found[:5]))} "
                f"at {name_some(self.ids[outside])}"
            )

    def _validate_x(self) -> None:
        shape, dtype = self.x.shape, self.x.dtype
        if dtype == np.uint8 and len(shape) == 4 and shape[3] in _CHANNELS and 0 not in shape:  # noqa: PLR2004
            return
        if not (np.issubdtype(dtype, np.floating) and len(shape) == 2 and shape[1] > 0):  # noqa: PLR2004
            raise self._refuse(
                "expected uint8 images of shape (n, height, width, 1 or 3) or floating-point features of shape (n, d), "
                f"found {dtype} of shape {shape}"
            )
        bad = ~np.isfinite(self.x[:]).all(axis=1)
        if bad.any():
            raise self._refuse(
                f"features that are no finite numbers (NaN or infinite) at {name_some(self.ids[bad])}",
                hint="impute or drop them before the audit: the tool must not guess a patient's values",
            )
