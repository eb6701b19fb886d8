"""Image files as arrays: each is checked by its head, decoded, and preprocessed as declared.

Decoders are those of PNG, JPEG, TIFF and BMP and no other: some formats start programs (EPS) or fetch files.
"""

import hashlib
import io
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from unlearn_audit import limits
from unlearn_audit.data.load_options import ImageRules, LoadOptions
from unlearn_audit.data.store import keep_images
from unlearn_audit.data.stored import Inputs, is_large
from unlearn_audit.errors import DataError
from unlearn_audit.records import ProgressCallback
from unlearn_audit.records.intake import IntakeEntry, note_intake

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("PNG", "JPEG", "TIFF", "BMP")
_MODES = {"L": 1, "RGB": 3}
_LARGEST_FILE = limits.IMAGE_FILE.most
_ORIENTATION, _UPRIGHT = 0x0112, 1
_BITS_PER_SAMPLE, _EXTRA_SAMPLES = 258, 338
_BYTE = 8
_PNG_DEPTH = struct.Struct(">16xIIB")
_DECLARE = "resize all images in the same way before the audit, or declare it in the case file: 'images: {size: 224}'"
_HINTS = {
    "I": "scale pixels to 8 bits before the audit: which grey values are kept is a clinical choice",
    "F": "scale pixels to 8 bits before the audit: which grey values are kept is a clinical choice",
    "RGBA": "save it as RGB: what lies behind transparent pixels is not guessed",
    "LA": "save it as grey (L): what lies behind transparent pixels is not guessed",
    "P": "save it as RGB or grey: a palette is no colour by itself",
    "CMYK": "save it as RGB",
    "1": "save it as 8-bit grey (L)",
    "16": "scale pixels to 8 bits a channel before the audit: which values are kept is a clinical choice",
    "transparency": "save it without transparency: what lies behind transparent pixels is not guessed",
    "frames": "save the one frame or page that is meant as an image of its own: which one it is is not guessed",
}


@dataclass(frozen=True)
class _Head:
    """What an image says of itself before its pixels are decoded."""

    format: str
    turned: bool


def describe_images(heads: Sequence[_Head]) -> tuple[IntakeEntry, ...]:
    """Return what was verified of the images, and how many carry an orientation that was not applied."""
    entries = [note_intake("pixels.eight-bit", formats=sorted({head.format for head in heads}))]
    if turned := sum(head.turned for head in heads):
        entries.append(note_intake("pixels.orientation", count=turned, n=len(heads)))
    return tuple(entries)


def read_images(
    paths: Sequence[Path], options: LoadOptions, progress: ProgressCallback
) -> tuple[Inputs, bytes, tuple[IntakeEntry, ...]]:
    """Return the images at `paths`, all of one size and colour, the SHA-256 digests of the files, and what was checked.

    A set that is small enough is held in memory. A large one is hashed, then decoded into the cache, if it has not been
    decoded before; a file that changes between the two is refused.

    Raises:
        DataError: a file that is absent, huge, no image, or of another size, depth or colour than the others.
    """
    first = decode(paths[0], read_limited(paths[0], _LARGEST_FILE), options.images)
    shape = (len(paths), *first.shape)
    digests = bytearray()
    heads: list[_Head] = []
    if not is_large(shape):
        x = np.empty(shape, dtype=np.uint8)
        for row, pixels in enumerate(_decode_all(paths, options.images, shape[1:], digests, heads)):
            x[row] = pixels
            progress("read images", row + 1, len(paths))
        return x, bytes(digests), describe_images(heads)
    for row, path in enumerate(paths, start=1):
        content = read_limited(path, _LARGEST_FILE)
        digests += hashlib.sha256(content).digest()
        heads.append(check_head(path, content, options.images))
        progress("check images", row, len(paths))

    def decode_again() -> Iterator[NDArray[np.uint8]]:
        again = bytearray()
        for row, pixels in enumerate(_decode_all(paths, options.images, shape[1:], again, []), start=1):
            if again[-32:] != digests[(row - 1) * 32 : row * 32]:
                raise DataError(f"{paths[row - 1]} changed while the images were read", hint="run the audit again")
            yield pixels
            progress("read images", row, len(paths))

    key = f"{hashlib.sha256(digests).hexdigest()} {options.images}"
    return keep_images(options.cache, key, shape, decode_again), bytes(digests), describe_images(heads)


def _decode_all(
    paths: Sequence[Path], rules: ImageRules, image: tuple[int, ...], digests: bytearray, heads: list[_Head]
) -> Iterator[NDArray[np.uint8]]:
    for path in paths:
        content = read_limited(path, _LARGEST_FILE)
        digests += hashlib.sha256(content).digest()
        heads.append(check_head(path, content, rules))
        pixels = decode(path, content, rules)
        if pixels.shape != image:
            raise DataError(
                f"{path}: expected images of one size and colour, {image} like the first, found {pixels.shape}",
                hint=_DECLARE if pixels.shape[2] == image[2] else "declare 'images: {channels: 3}' (or 1) in the case",
            )
        yield pixels


def read_limited(path: Path, limit: int, what: str = "an image") -> bytes:
    """Return the content of the regular file at `path`; `what` says in messages what it should be.

    Raises:
        DataError: no such file, no regular file (a device or pipe may never end), or more than `limit` bytes.
    """
    try:
        if not path.is_file():
            found = "something else than a file" if path.exists() else "none"
            raise DataError(f"expected {what} at {path}, found {found}")
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    if len(content) > limit:
        raise DataError(f"{path}: expected a file of at most {limit:,} bytes, found more")
    return content


def decode(path: Path, content: bytes, rules: ImageRules) -> NDArray[np.uint8]:
    """Return (height, width, 1 or 3) pixels of one image; EXIF orientation is not applied.

    Raises:
        DataError: what `check_head` refuses, or pixels that cannot be decoded.
    """
    check_head(path, content, rules)
    with _open(path, content) as image:
        pixels = np.asarray(_apply(image, rules), dtype=np.uint8)
    return pixels.reshape(*pixels.shape[:2], -1)


def check_head(path: Path, content: bytes, rules: ImageRules) -> _Head:
    """Return format and orientation of an image that can be read as it is meant; pixels are not decoded.

    Raises:
        DataError: no image of the formats that are read, more than 8 bits a channel, transparency, several frames or
            pages, or an image too large.
    """
    limit = (limits.IMAGE_RESIZED_SIDE if rules.size else limits.IMAGE_SIDE).most
    with _open(path, content) as image:
        fault = _find_fault(image, content)
        if fault is not None or image.mode not in _MODES or max(image.size) > limit:
            found, hint = fault or (f"mode {image.mode}, {image.size[0]} x {image.size[1]}", None)
            usual = _DECLARE if image.mode in _MODES else _HINTS.get(image.mode.partition(";")[0])
            raise DataError(
                f"{path}: expected an 8-bit grey or RGB image of at most {limit} x {limit} pixels, found {found}",
                hint=_HINTS[hint] if hint else usual,
            )
        return _Head(str(image.format), image.getexif().get(_ORIENTATION, _UPRIGHT) != _UPRIGHT)


def _find_fault(image: "Image", content: bytes) -> tuple[str, str] | None:
    """Return what Pillow would pass over in silence, and the hint for it: depth, transparency, frames."""
    tags = dict(getattr(image, "tag_v2", {}))
    bits = [_PNG_DEPTH.unpack_from(content)[2]] if image.format == "PNG" else tags.get(_BITS_PER_SAMPLE, ())
    if max(bits if isinstance(bits, tuple | list) else (bits,), default=_BYTE) > _BYTE:
        return f"{max(bits)} bits a channel", "16"
    if "transparency" in image.info or tags.get(_EXTRA_SAMPLES) or image.mode in {"RGBA", "LA", "PA", "RGBa", "La"}:
        return f"transparency (mode {image.mode})", "transparency"
    try:
        image.seek(1)
    except EOFError:
        return None
    return "several frames or pages", "frames"


@contextmanager
def _open(path: Path, content: bytes) -> "Iterator[Image]":
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            yield image
    except UnidentifiedImageError as error:
        raise DataError(
            f"{path} is not a readable image of the formats {', '.join(FORMATS)}",
            hint="save it as PNG; formats that start other programs or hold vectors are never opened",
        ) from error
    except (OSError, SyntaxError, ValueError, TypeError, struct.error, Image.DecompressionBombError) as error:
        raise DataError(f"{path} is not a readable image: {error}") from error


def _apply(image: "Image", rules: ImageRules) -> "Image":
    from PIL import Image, ImageOps

    changed: Image.Image = image
    if rules.channels is not None and _MODES[image.mode] != rules.channels:
        changed = changed.convert("RGB" if rules.channels > 1 else "L")
    if rules.size is None or changed.size == rules.size[::-1]:
        return changed
    way = Image.Resampling[(rules.interpolation or "bilinear").upper()]
    if rules.fit == "crop":
        return ImageOps.fit(changed, rules.size[::-1], way)
    return changed.resize(rules.size[::-1], way)
