"""The manifest of a folder of images: its table, read before any image."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.data.dataset import name_some
from unlearn_audit.errors import DataError
from unlearn_audit.records.intake import IntakeEntry, note_intake

ENDINGS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
_SHOWN = 3


@dataclass(frozen=True, eq=False)
class Manifest:
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
        intake: what was assumed, and how it is known.
        id_names: what a list of ids may call the ids.
    """

    where: str
    content: bytes
    paths: Sequence[Path]
    ids: NDArray[np.str_]
    split: NDArray[np.str_]
    label: NDArray[np.int64]
    classes: tuple[str, ...]
    groups: dict[str, NDArray[np.str_]]
    intake: tuple[IntakeEntry, ...] = ()
    id_names: tuple[str, ...] = ()


def find_images(folder: Path, table: Path, ids: NDArray[np.str_]) -> tuple[list[Path], tuple[IntakeEntry, ...]]:
    """Return the image called after each of `ids`, wherever it lies below `folder`, and how many others lie there.

    Raises:
        DataError: one that is absent, lies there twice, or behind a link.
    """
    root = folder.resolve()
    found: dict[str, list[Path]] = {}
    for place, _, names in os.walk(root):
        for name in names:
            path = Path(place) / name
            if path.suffix.lower() in ENDINGS:
                found.setdefault(path.stem, []).append(path)
    validate_present(str(table), [name for name in ids.tolist() if name not in found], len(ids))
    twice = [name for name in ids.tolist() if len(found[name]) > 1]
    if twice:
        places = ", ".join(str(path.relative_to(root)) for path in found[twice[0]][:2])
        raise DataError(
            f"{folder}: expected one file for each image, found several for {name_some(twice)}: {places}",
            hint="keep one of them: which pixels are meant is not guessed",
        )
    paths = [found[name][0] for name in ids.tolist()]
    validate_inside(root, paths)
    spare = len(found.keys() - set(ids.tolist()))
    return paths, (note_intake("files.spare", count=spare, table=table.name),) if spare else ()


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


def validate_inside(folder: Path, paths: Sequence[Path]) -> None:
    """Refuse images that lie outside of `folder` or behind a link: what a name shows is then somebody else's to change.

    Args:
        folder: the data folder, resolved.
        paths: of images, as they are named below it.

    Raises:
        DataError: names the first few.
    """
    real = [Path(os.path.realpath(path)) for path in paths]
    outside = [str(path) for path, target in zip(paths, real, strict=True) if not target.is_relative_to(folder)]
    if outside:
        raise DataError(f"{folder}: expected images inside the folder, found {', '.join(outside[:_SHOWN])}")
    links = [str(path) for path, target in zip(paths, real, strict=True) if target != Path(os.path.normpath(path))]
    if links:
        raise DataError(
            f"{folder}: expected files, found links: {', '.join(links[:_SHOWN])}",
            hint="copy the files: two names for one file would be two records",
        )
