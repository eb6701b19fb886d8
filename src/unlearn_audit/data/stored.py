"""Images that stay in a file and are read batch by batch, so that memory holds one batch."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from operator import index
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.errors import DataError

STREAM_FROM = 64 * 2**20
"""Bytes of pixels above which images stay in a file. As numbers, in the copies that training makes, they take up to
thirteen times as much; below this limit that is less than 1 GiB."""

BLOCK_BYTES = 16 * 2**20
"""Pixels that are read at once where all records are gone through."""

Rows: TypeAlias = NDArray[np.int64] | NDArray[np.bool_] | slice


@dataclass(frozen=True, eq=False)
class StoredImages:
    """(n, height, width, channels) uint8 images in a file of raw pixels; indexing reads, `take` does not.

    Plain enough to be pickled: a worker on the same machine reads the same file. Reading leaves nothing mapped into
    memory: pixels are copied into a buffer of the size that was asked for.

    Attributes:
        path: the file: images one after the other, row by row, in C order.
        image: (height, width, channels) of each.
        rows: (n,) positions in the file, in the order of the records.
    """

    path: Path
    image: tuple[int, ...]
    rows: NDArray[np.int64]

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, height, width, channels)."""
        return (len(self.rows), *self.image)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Always uint8."""
        return np.dtype(np.uint8)

    @property
    def ndim(self) -> int:
        """Always 4."""
        return len(self.shape)

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.rows)

    def __getitem__(self, which: Rows | int) -> NDArray[np.uint8]:
        """Read the images under a mask, at positions or in a slice; one image at a whole number.

        Raises:
            DataError: the file is gone or cut short.
        """
        if isinstance(which, slice | np.ndarray):
            return self._read(self.rows[which])
        (image,) = self._read(self.rows[[index(which)]])
        return np.asarray(image, dtype=np.uint8)

    def take(self, which: Rows) -> "StoredImages":
        """Return the images under a mask, at positions or in a slice, without reading any."""
        return StoredImages(self.path, self.image, self.rows[which])

    def _read(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        out = np.empty((len(rows), *self.image), dtype=np.uint8)
        size, target = prod(self.image), out.reshape(-1).data
        ends = [*(np.flatnonzero(np.diff(rows) != 1) + 1).tolist(), len(rows)] if len(rows) else []
        try:
            with self.path.open("rb", buffering=0) as file:
                start = 0
                for end in ends:  # neighbours in the file are read in one go
                    file.seek(int(rows[start]) * size)
                    _fill(self.path, file, target[start * size : end * size])
                    start = end
        except OSError as error:
            raise DataError(
                f"images that were put into {self.path} cannot be read back: {error.strerror or error}",
                hint="the cache was changed during the run: run the same command again",
            ) from error
        return out


def _fill(path: Path, file: Any, target: memoryview) -> None:
    done = 0
    while done < len(target):
        got = file.readinto(target[done:])
        if not got:
            raise DataError(f"{path} is cut short", hint="run the same command again: the file is made anew")
        done += got


Inputs: TypeAlias = NDArray[Any] | StoredImages
"""What a data set holds for each record: arrays in memory, or images in a file."""


def is_large(shape: tuple[int, ...]) -> bool:
    """Return whether uint8 images of `shape` are kept in a file and not in memory."""
    return prod(shape) > STREAM_FROM


def take_rows(x: Inputs, which: Rows) -> Inputs:
    """Return the records under a mask, at positions or in a slice; nothing is read of images in a file."""
    return x.take(which) if isinstance(x, StoredImages) else x[which]


def read_blocks(x: Inputs) -> Iterator[NDArray[Any]]:
    """Yield all records in their order, some 16 MiB at a time."""
    record = max(1, prod(x.shape[1:]) * x.dtype.itemsize)
    step = max(1, BLOCK_BYTES // record)
    for start in range(0, len(x), step):
        yield x[start : start + step]


def digest_rows(x: Inputs, which: Rows) -> str:
    """Return the SHA-256 (hex) of the bytes of the records under `which`, in C order, without holding them at once."""
    sha = hashlib.sha256()
    for block in read_blocks(take_rows(x, which)):
        sha.update(np.ascontiguousarray(block).data)
    return sha.hexdigest()
