"""Reads an untrusted npz: no pickle, no trust in declared sizes, no second copy of large arrays."""

import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from unlearn_audit.errors import DataError

_SUFFIX = ".npy"
# Deflate cannot shrink by more than 1032; photographs shrink by 1 to 10. What is small may be as empty as it likes.
_BOMB_BYTES = 256 * 2**20
_BOMB_RATIO = 200
_CHUNK = 2**20
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # what numpy writes
_LEGACY_HEADER = (1, 0)
_WIDE_HEADER = (2, 0)


@dataclass(frozen=True)
class Header:
    """What a stored array says about itself, before any of it is read."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool

    @property
    def nbytes(self) -> int:
        """Size of the array in bytes."""
        return prod(self.shape) * self.dtype.itemsize


class Archive:
    """An open npz file; made by `open_archive`."""

    def __init__(self, path: Path, members: zipfile.ZipFile) -> None:
        self.path = path
        self._members = members
        self._infos = {
            info.filename.removesuffix(_SUFFIX): info for info in members.infolist() if info.filename.endswith(_SUFFIX)
        }
        for name, info in self._infos.items():
            if info.flag_bits & 1 or info.compress_type not in _COMPRESSIONS:
                raise DataError(
                    f"{path}: '{name}' is encrypted or compressed in a way that numpy does not write",
                    hint="save the arrays with numpy.savez_compressed",
                )
        packed = sum(info.compress_size for info in self._infos.values())
        unpacked = sum(info.file_size for info in self._infos.values())
        if unpacked > _BOMB_BYTES and unpacked > _BOMB_RATIO * packed:
            raise DataError(
                f"{path}: {packed} bytes claim to unpack to {unpacked}: refused as a decompression bomb",
                hint="if the data are really that uniform, save them with numpy.savez instead of savez_compressed",
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the arrays in the file."""
        return tuple(self._infos)

    def read_header(self, name: str) -> Header:
        """Return shape and type of the array `name` without reading it."""
        with self._members.open(self._infos[name]) as stream:
            return self._parse_header(name, stream)

    def read(self, name: str) -> NDArray[Any]:
        """Return the array `name`."""
        header = self.read_header(name)
        out = np.empty(header.shape, header.dtype, order="F" if header.fortran else "C")
        self._fill(name, out)
        return out

    def read_into(self, name: str, out: NDArray[Any]) -> None:
        """Read the array `name` into `out`, a C-contiguous array of its shape and type."""
        if self.read_header(name).fortran:
            out[...] = self.read(name)
        else:
            self._fill(name, out)

    def read_blocks(self, name: str) -> Iterator[NDArray[Any]]:
        """Yield the array `name` in blocks of whole records, one mebibyte or one record at a time.

        Raises:
            DataError: the array lies in Fortran order, in which no record lies in one piece.
        """
        header = self.read_header(name)
        if header.fortran:
            raise DataError(
                f"{self.path}: '{name}' lies in Fortran order, too large to be turned around in memory",
                hint=f"save it with numpy.ascontiguousarray({name})",
            )
        record = max(1, header.nbytes // header.shape[0])
        step = max(1, _CHUNK // record)
        with self._members.open(self._infos[name]) as stream:
            self._parse_header(name, stream)
            for start in range(0, header.shape[0], step):
                block = np.empty((min(step, header.shape[0] - start), *header.shape[1:]), header.dtype)
                self._pour(name, stream, block.reshape(-1).view(np.uint8).data)
                yield block
            stream.read(1)  # one step past the end makes zipfile compare the checksum

    def _fill(self, name: str, out: NDArray[Any]) -> None:
        target = out.reshape(-1, order="A").view(np.uint8).data if out.nbytes else memoryview(b"")
        with self._members.open(self._infos[name]) as stream:
            self._parse_header(name, stream)
            self._pour(name, stream, target)
            stream.read(1)  # one step past the end makes zipfile compare the checksum

    def _pour(self, name: str, stream: IO[bytes], target: memoryview) -> None:
        done = 0
        while done < len(target):
            got = stream.readinto(target[done : done + _CHUNK])  # type: ignore[attr-defined] # ZipExtFile is a BufferedIOBase
            if not got:
                raise DataError(f"{self.path}: array '{name}' is cut short: {done} of {len(target)} bytes")
            done += got

    def _parse_header(self, name: str, stream: IO[bytes]) -> Header:
        try:
            version = npy.read_magic(stream)
            if version == _LEGACY_HEADER:
                shape, fortran, dtype = npy.read_array_header_1_0(stream)
            elif version == _WIDE_HEADER:
                shape, fortran, dtype = npy.read_array_header_2_0(stream)
            else:
                raise DataError(f"{self.path}: array '{name}' is of the npy version {version}, expected 1.0 or 2.0")
        except (ValueError, TypeError, SyntaxError, tokenize.TokenError) as error:
            raise DataError(f"{self.path}: '{name}' is no numpy array: {error}") from error
        header = Header(shape, dtype, fortran)
        if dtype.hasobject:
            raise DataError(
                f"{self.path}: '{name}' is a pickled array (dtype object), which is never loaded: "
                "a pickle can run any program",
                hint=f"save it as strings or numbers, such as {name}.astype(str)",
            )
        if min(shape, default=1) < 1:
            raise DataError(f"{self.path}: array '{name}' is empty, found shape {shape}")
        stored = self._infos[name].file_size - stream.tell()
        if header.nbytes != stored:
            raise DataError(
                f"{self.path}: array '{name}' says it holds {header.nbytes} bytes (shape {shape}, {dtype}), "
                f"found {stored}"
            )
        return header


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Open the npz at `path`; whatever is wrong with its bytes is refused while the context lasts.

    Arrays are read with their declared size held against the stored one, so that a false header cannot make the
    reader reserve memory that the file does not fill; pickled arrays are never loaded.

    Raises:
        DataError: there is no such file, it is not an npz, it is cut short, damaged, encrypted or a decompression
            bomb, or holds a pickled array.
    """
    if not path.is_file():
        found = "a folder" if path.is_dir() else "nothing"
        raise DataError(f"expected an npz file at {path}, found {found}")
    try:
        with zipfile.ZipFile(path) as members:
            yield Archive(path, members)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise DataError(
            f"{path} is not a readable npz file: {error}",
            hint="the file may be cut short or damaged: compare its size and checksum with the source, copy it again",
        ) from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
