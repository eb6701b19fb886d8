"""The store of decoded images: raw pixels, addressed by the files and their preprocessing.

An entry is two files, pixels and a note with their SHA-256; the note is written last, so that an interrupted write
leaves no entry. An entry that was cut off or edited is not used, and made again.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.data.stored import StoredImages
from unlearn_audit.errors import DataError
from unlearn_audit.records import to_canonical_json
from unlearn_audit.writing import find_home, move_file, replace_file

FORMAT = 1  # raised when the code that decodes changes what it makes
_CHUNK = 2**22
_ELSEWHERE = "choose another folder with --cache (or $XDG_CACHE_HOME, where models are external)"
_SPARE = 2**28  # bytes that are left free on the disk


def find_cache() -> Path:
    """Return the usual cache folder of this user: $XDG_CACHE_HOME/unlearn-audit, else ~/.cache/unlearn-audit."""
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else find_home() / ".cache") / "unlearn-audit"


def keep_images(
    cache: Path | None, key: str, shape: tuple[int, ...], decode: Callable[[], Iterable[NDArray[np.uint8]]]
) -> StoredImages:
    """Return the images under `key`, decoded now or before.

    Args:
        cache: folder; its subfolder 'pixels' holds the entries. None for the user's usual one.
        key: digest of everything that shapes the pixels.
        shape: (n, height, width, channels).
        decode: called where there is no entry: all images in their order, in blocks of any size.

    Raises:
        DataError: no room on the disk, a folder that cannot be written, or what `decode` raises.
    """
    folder = (cache or find_cache()) / "pixels"
    name = hashlib.sha256(to_canonical_json([FORMAT, key, list(shape)])).hexdigest()
    pixels, note = folder / f"{name}.u8", folder / f"{name}.json"
    images = StoredImages(pixels, shape[1:], np.arange(shape[0], dtype=np.int64))
    if _holds(pixels, note, shape):
        return images
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _validate_room(folder, prod(shape))
        note.unlink(missing_ok=True)
        digest = _write(pixels, shape, decode)
        facts = {"shape": list(shape), "sha256": digest}
        replace_file(note, json.dumps(facts, sort_keys=True).encode())
    except OSError as error:
        raise DataError(
            f"cannot keep decoded images in {folder}: {error.strerror or error}",
            hint=f"make room, or {_ELSEWHERE}",
        ) from error
    return images


def _holds(pixels: Path, note: Path, shape: tuple[int, ...]) -> bool:
    try:
        document = json.loads(note.read_text("utf-8"))
        if document["shape"] != list(shape) or pixels.stat().st_size != prod(shape):
            return False
        return bool(document["sha256"] == _digest(pixels))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _digest(path: Path) -> str:
    sha, buffer = hashlib.sha256(), bytearray(_CHUNK)
    with path.open("rb", buffering=0) as file:
        while got := file.readinto(buffer):
            sha.update(memoryview(buffer)[:got])
    return sha.hexdigest()


def _validate_room(folder: Path, size: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < size + _SPARE:
        raise DataError(
            f"{size:,} bytes of decoded images do not fit into {folder}: {free:,} bytes are free",
            hint=f"make room, {_ELSEWHERE}, or declare a smaller size: 'images: {{size: 224}}'",
        )


def _write(path: Path, shape: tuple[int, ...], decode: Callable[[], Iterable[NDArray[np.uint8]]]) -> str:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
    try:
        sha, written = hashlib.sha256(), 0
        with os.fdopen(handle, "wb") as file:
            for block in decode():
                content = np.ascontiguousarray(block).data.cast("B")
                sha.update(content)
                written += file.write(content)
        if written != prod(shape):
            raise DataError(f"expected {prod(shape)} bytes of pixels, found {written}")
        move_file(Path(name), path)
        return sha.hexdigest()
    finally:
        with suppress(FileNotFoundError):
            Path(name).unlink()
