"""What a table says about a folder of images, before any image is read."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.errors import DataError
from unlearn_audit.records import Message

_SHOWN = 3


@dataclass(frozen=True, eq=False)
class Listing:
    """Images by their paths, with all that is known of each.

    Attributes:
        where: the table, as messages name it.
        content: bytes of the table or tables, for the digest of the data.
        paths: of the n images.
        ids: (n,) record ids.
        split: (n,) train, validation or test.
        label: (n,) class indices.
        classes: their names.
        groups: (n,) text by column, 'age' in years among them.
        notes: what a reader of the report must see.
    """

    where: str
    content: bytes
    paths: Sequence[Path]
    ids: NDArray[np.str_]
    split: NDArray[np.str_]
    label: NDArray[np.int64]
    classes: tuple[str, ...]
    groups: dict[str, NDArray[np.str_]]
    notes: tuple[Message, ...] = ()


def validate_present(where: str, absent: Sequence[str], n: int) -> None:
    """Refuse a table that names images which are not there.

    Raises:
        DataError: names the first few.
    """
    if absent:
        more = f" and {len(absent) - _SHOWN} more" if len(absent) > _SHOWN else ""
        raise DataError(
            f"{where}: expected {n} images, {len(absent)} of them at {', '.join(absent[:_SHOWN])}{more}, found none",
            hint="complete the folder, or take their rows out of the table: which records are left out is your choice",
        )
