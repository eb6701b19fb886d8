"""Names of the splits in all their spellings: one table for every reader."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.data.dataset import name_some
from unlearn_audit.data.spelling import find_values
from unlearn_audit.errors import AuditError, DataError
from unlearn_audit.records.intake import IntakeEntry, note_intake

Texts = NDArray[np.str_]

SPELLINGS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""Of the splits of data. `retain` and `forget` are parts of train that predictions may tell apart."""

PARTS = {**SPELLINGS, "retain": "retain", "forget": "forget"}


def read_splits(
    where: str, values: Texts, known: dict[str, str] = SPELLINGS, error: Callable[..., AuditError] = DataError
) -> tuple[Texts, tuple[IntakeEntry, ...]]:
    """Return (n,) the splits that `values` mean, whatever their capitals, and how they were spelt where otherwise.

    Raises:
        AuditError: `error`, names what is no split.
    """
    found = find_values(values)
    read = [known.get(text.strip().casefold()) for text in found.texts]
    unknown = [text for text, split in zip(found.texts, read, strict=True) if split is None]
    if unknown:
        raise error(
            f"{where}: expected the splits {', '.join(known)}, found {name_some(unknown)}",
            hint="name each record's part in the training",
        )
    other = {text: split for text, split in zip(found.texts, read, strict=True) if text != split}
    spelt = [note_intake("splits.spelt", found=sorted(other), read=[other[text] for text in sorted(other)])]
    return np.array(read, dtype=np.str_)[found.place], tuple(spelt if other else ())


def find_split(path: Path) -> str | None:
    """Return the one split that the name of a file speaks of as a word of its own, None where it names none or several.

    >>> find_split(Path("model_val.csv"))
    'validation'
    """
    words = re.findall(r"[a-z]+", path.stem.casefold())
    named = {PARTS[word] for word in words if word in PARTS}
    return named.pop() if len(named) == 1 else None
