"""Images of two splits that show nearly the same pixels: cropped, brightened, compressed again or scaled.

Each image becomes a grey thumbnail of 14 x 14 pixels with mean zero and length one, so that the product of two is
their correlation, whatever their brightness and contrast. Pairs above 0.90 are candidates (a blocked matrix product);
each is then compared again in 19 windows, the whole image and crops by 4 % and 8 % of its sides in nine places, either
image cropped. A pair is near-identical where the best of these correlations is at least 0.985.

Images are read block by block, so that memory stays bounded for sets of any size. Above 10 thousand million pairs it is
not looked at all, which a note says.

Measured on the rebuilt DermaMNIST (10,015 images): between train and test 43 of 14 million pairs are called so, and
each of them shows one lesion in both (883 of the pairs of one lesion do not: they are other photographs). Of images
that were changed, these are found: brightness and contrast by a fifth 99 %, JPEG at quality 75 99 %, at 50 91 %, half
the resolution and back 99 %, crops by 2 % on each side 99 %, by 3.5 % 86 %; by 5 % not even half. Rotated and mirrored
copies are not looked for.

What must not be concluded: none found is not independence, and one found is a reason to look, not a proof. Aligned
images of one view (chest X-rays) resemble one another more than skin lesions do, and were not measured.
"""

from itertools import combinations, pairwise
from math import ceil

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.data.dataset import SPLITS, Dataset
from unlearn_audit.data.stored import BLOCK_BYTES, Inputs
from unlearn_audit.records import Message, write_message

Thumbs = NDArray[np.float32]

_SIDE = 14
_SMALLEST_SIDE = 20
"""Images of fewer pixels a side are not compared: their thumbnail would be the image, and noise would decide."""
_FLATTEST = 2.0
"""Grey levels (standard deviation) below which a thumbnail shows nothing to be recognised by."""
_CANDIDATE, _ALIKE = 0.90, 0.985
SEARCH = {"side": _SIDE, "windows": 19, "least": _ALIKE}
"""What counts as near-identical: the correlation of grey thumbnails of this side in so many windows."""
_CROPS = (0.04, 0.08)
_BLOCK = 512
_NEAREST = 8
"""Candidates of one image that are looked at more closely: where everything resembles everything, the best ones."""
_MOST_TIES = 64
"""Candidates of one image where more than eight are equally good: copies of one image would be without end."""
_AT_ONCE = 2**24
"""Correlations in memory at once (64 MiB)."""
_MOST_PAIRS = 10**10
"""Pairs of images, over all splits, that are compared: minutes on one core."""


def find_near_identical(dataset: Dataset, identity: NDArray[np.str_]) -> dict[tuple[str, str], int]:
    """Return how many images of a split look nearly like one of an earlier split; pairs of splits with none are absent.

    Args:
        dataset: images; other data, and images smaller than 20 pixels, have none; nor have sets too large to be
            searched, see `note_unsearched`.
        identity: (n,) digest of each record; pairs of identical ones are not counted here.
    """
    if not _is_comparable(dataset.x) or _count_pairs(dataset) > _MOST_PAIRS:
        return {}
    whole, seen = _shrink(dataset.x, (0.0, 1.0), (0.0, 1.0))
    found = {}
    for first, second in combinations(SPLITS, 2):
        ours, theirs = (np.flatnonzero(dataset.select(name) & seen) for name in (first, second))
        pairs = _find_candidates(whole, ours, theirs)
        pairs = pairs[identity[pairs[:, 0]] != identity[pairs[:, 1]]]
        alike = pairs[_align(dataset.x, whole, pairs) >= _ALIKE]
        if len(alike):
            found[first, second] = len(np.unique(alike[:, 1]))
    return found


def note_unsearched(dataset: Dataset) -> tuple[Message, ...]:
    """Return the note that near-identical images were not looked for, where the set is too large for it."""
    if not _is_comparable(dataset.x) or (pairs := _count_pairs(dataset)) <= _MOST_PAIRS:
        return ()
    return (write_message("near-identical-not-searched", pairs=pairs, most=_MOST_PAIRS),)


def _is_comparable(x: Inputs) -> bool:
    return x.ndim == 4 and min(x.shape[1:3]) >= _SMALLEST_SIDE  # noqa: PLR2004 - images have four axes


def _count_pairs(dataset: Dataset) -> int:
    return sum(int(dataset.select(a).sum()) * int(dataset.select(b).sum()) for a, b in combinations(SPLITS, 2))


def _find_candidates(whole: Thumbs, ours: NDArray[np.int64], theirs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return (p, 2) pairs of one of `ours` and one of `theirs` that are worth a closer look."""
    pairs = [np.empty((0, 2), dtype=np.int64)]
    step = max(1, min(_BLOCK, _AT_ONCE // max(1, len(ours))))
    for start in range(0, len(theirs), step):
        block = theirs[start : start + step]
        likeness = whole[block] @ whole[ours].T
        crowded = np.count_nonzero(likeness >= _CANDIDATE, axis=1) > _NEAREST
        least = np.full((len(block), 1), _CANDIDATE, dtype=np.float32)
        if crowded.any():
            least[crowded] = np.partition(likeness[crowded], -_NEAREST, axis=1)[:, -_NEAREST, None]
        row, column = np.nonzero(likeness >= least)
        place = np.arange(len(row)) - np.searchsorted(row, row)  # of each pair among those of its row
        row, column = row[place < _MOST_TIES], column[place < _MOST_TIES]
        pairs.append(np.column_stack([ours[column], block[row]]))
    return np.concatenate(pairs)


def _align(x: Inputs, whole: Thumbs, pairs: NDArray[np.int64]) -> Thumbs:
    """Return (p,) the best correlation of each pair over the windows, either image cropped."""
    best = np.full(len(pairs), -1.0, dtype=np.float32)
    if not len(pairs):
        return best
    for side in (0, 1):
        images, place = np.unique(pairs[:, side], return_inverse=True)
        step = _choose_step(x)
        for start in range(0, len(images), step):
            pixels = x[images[start : start + step]]
            here = np.flatnonzero((place >= start) & (place < start + step))
            for rows, columns in _list_windows():
                cropped, _ = _shrink(pixels, rows, columns)
                likeness = np.einsum("nd,nd->n", cropped[place[here] - start], whole[pairs[here, 1 - side]])
                best[here] = np.maximum(best[here], likeness)
    return best


def _choose_step(x: Inputs) -> int:
    """Return how many images are shrunk at once: their grey levels as floats take more room than their pixels."""
    return max(1, min(_BLOCK, BLOCK_BYTES // (x.shape[1] * x.shape[2] * x.shape[3])))


def _list_windows() -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Return the windows as (rows, columns), each from and to as a share of the side."""
    spans = [[(place * crop, 1 - (1 - place) * crop) for place in (0.0, 0.5, 1.0)] for crop in _CROPS]
    whole = ((0.0, 1.0), (0.0, 1.0))
    return [whole, *((rows, columns) for span in spans for rows in span for columns in span)]


def _shrink(x: Inputs, rows: tuple[float, float], columns: tuple[float, float]) -> tuple[Thumbs, NDArray[np.bool_]]:
    """Return (n, 196) thumbnails of a window, of mean zero and length one, and (n,) whether they show anything."""
    down, across = (_weigh(x.shape[axis], *span) for axis, span in ((1, rows), (2, columns)))
    thumbs = np.empty((len(x), _SIDE * _SIDE), dtype=np.float32)
    step = _choose_step(x)
    for start in range(0, len(x), step):
        grey = x[start : start + step].mean(axis=3, dtype=np.float32)
        thumbs[start : start + step] = (down @ grey @ across.T).reshape(len(grey), -1)
    thumbs -= thumbs.mean(axis=1, keepdims=True)
    length = np.sqrt(np.einsum("nd,nd->n", thumbs, thumbs))
    seen = length >= _FLATTEST * _SIDE
    return np.asarray(thumbs / np.maximum(length, 1e-6)[:, None]), np.asarray(seen)


def _weigh(size: int, low: float, high: float) -> Thumbs:
    """Return (14, size) how much of each pixel falls into each of 14 equal parts from `low` to `high` of the side."""
    edges = np.linspace(low * size, high * size, _SIDE + 1)
    weights = np.zeros((_SIDE, size), dtype=np.float32)
    for part, (start, end) in enumerate(pairwise(edges)):
        for pixel in range(int(start), min(size, ceil(end))):
            weights[part, pixel] = max(0.0, min(end, pixel + 1) - max(start, pixel))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))
