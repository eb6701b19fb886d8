"""Image files become arrays: each is decoded by itself, checked, and done to it what was declared and nothing else."""

import hashlib
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.data.intake import ImageRules, Intake
from unlearn_audit.data.store import keep_images
from unlearn_audit.data.stored import Inputs, is_large
from unlearn_audit.errors import DataError
from unlearn_audit.records import ProgressCallback

if TYPE_CHECKING:
    from PIL.Image import Image

_MODES = {"L": 1, "RGB": 3}
_LARGEST_SIDE = 2_048
_LARGEST_RESIZED_SIDE = 8_192
_LARGEST_FILE = 256 * 2**20
_DECLARE = "resize all images in the same way before the audit, or declare it in the case file: 'images: {size: 224}'"
_HINTS = {
    "I": "scale pixels to 8 bits before the audit: which grey values are kept is a clinical choice",
    "F": "scale pixels to 8 bits before the audit: which grey values are kept is a clinical choice",
    "RGBA": "save it as RGB: what lies behind transparent pixels is not guessed",
    "LA": "save it as grey (L): what lies behind transparent pixels is not guessed",
    "P": "save it as RGB or grey: a palette is no colour by itself",
    "CMYK": "save it as RGB",
    "1": "save it as 8-bit grey (L)",
}


def read_images(paths: Sequence[Path], intake: Intake, progress: ProgressCallback) -> tuple[Inputs, bytes]:
    """Return the images at `paths`, all of one size and colour, and the SHA-256 digests of the files one after another.

    A set that is small enough is held in memory. A large one is hashed, then decoded into the cache, if it has not been
    decoded before; a file that changes between the two is refused.

    Raises:
        DataError: a file that is absent, huge, no image, or of another size, depth or colour than the others.
    """
    first = decode(paths[0], read_limited(paths[0], _LARGEST_FILE), intake.images)
    shape = (len(paths), *first.shape)
    digests = bytearray()
    if not is_large(shape):
        x = np.empty(shape, dtype=np.uint8)
        for row, pixels in enumerate(_decode_all(paths, intake.images, shape[1:], digests)):
            x[row] = pixels
            progress("read images", row + 1, len(paths))
        return x, bytes(digests)
    for row, path in enumerate(paths, start=1):
        digests += hashlib.sha256(read_limited(path, _LARGEST_FILE)).digest()
        progress("check images", row, len(paths))

    def decode_again() -> Iterator[NDArray[np.uint8]]:
        again = bytearray()
        for row, pixels in enumerate(_decode_all(paths, intake.images, shape[1:], again), start=1):
            if again[-32:] != digests[(row - 1) * 32 : row * 32]:
                raise DataError(f"{paths[row - 1]} changed while the images were read", hint="run the audit again")
            yield pixels
            progress("read images", row, len(paths))

    key = f"{hashlib.sha256(digests).hexdigest()} {intake.images}"
    return keep_images(intake.cache, key, shape, decode_again), bytes(digests)


def _decode_all(
    paths: Sequence[Path], rules: ImageRules, image: tuple[int, ...], digests: bytearray
) -> Iterator[NDArray[np.uint8]]:
    for path in paths:
        content = read_limited(path, _LARGEST_FILE)
        digests += hashlib.sha256(content).digest()
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
        DataError: no readable image, more than 8 bits a channel, transparency, or an image too large.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(content)) as image:  # reads the header only: size and mode are checked before pixels
            limit = _LARGEST_RESIZED_SIDE if rules.size else _LARGEST_SIDE
            if image.mode not in _MODES or max(image.size) > limit:
                raise DataError(
                    f"{path}: expected an 8-bit grey or RGB image of at most {limit} x {limit} pixels, "
                    f"found mode {image.mode}, {image.size[0]} x {image.size[1]}",
                    hint=_DECLARE if image.mode in _MODES else _HINTS.get(image.mode.partition(";")[0]),
                )
            pixels = np.asarray(_apply(image, rules), dtype=np.uint8)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{path} is not a readable image: {error}") from error
    return pixels.reshape(*pixels.shape[:2], -1)


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
