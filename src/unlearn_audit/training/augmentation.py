"""Augmentation: changes of images that keep their class, drawn for each batch from a seeded generator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unlearn_audit.errors import CaseError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Generator, Tensor

KINDS = ("horizontal-flip", "vertical-flip", "shift")
_IMAGE_AXES = 4
_SHIFT = 8
"""An image moves by an eighth of its side at most."""


def augment(x: Tensor, kinds: Sequence[str], generator: Generator) -> Tensor:
    """Return images x (m, channels, height, width), each flipped with probability 1/2, or moved, as `kinds` say.

    'shift' moves by up to an eighth of each side, drawn uniformly; the edge is repeated. Draws are made on the
    processor, so that they are the same on any device.

    Raises:
        CaseError: no images, or a kind that is not known.
    """
    import torch

    if x.ndim != _IMAGE_AXES:
        raise CaseError(
            f"'recipe.augmentation' changes images, found inputs of shape {tuple(x.shape[1:])}",
            hint="leave it out for features and embeddings",
        )
    for kind in kinds:
        if kind not in KINDS:
            raise CaseError(f"expected augmentation {', '.join(KINDS)}, found '{kind}'")
        if kind == "shift":
            x = _shift(x, generator)
            continue
        chosen = (torch.rand(len(x), generator=generator) < 0.5).to(x.device)  # noqa: PLR2004 - a coin
        flipped = x.flip(-1 if kind == "horizontal-flip" else -2)
        x = torch.where(chosen[:, None, None, None], flipped, x)
    return x


def _shift(x: Tensor, generator: Generator) -> Tensor:
    import torch

    rows, columns = (_move(side, len(x), generator).to(x.device) for side in x.shape[-2:])
    batch = torch.arange(len(x), device=x.device)[:, None, None]
    return x.permute(0, 2, 3, 1)[batch, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def _move(side: int, count: int, generator: Generator) -> Tensor:
    """Return (m, side) for each image the row that comes to stand at each place; the edge is repeated."""
    import torch

    most = side // _SHIFT
    by = torch.randint(-most, most + 1, (count, 1), generator=generator)
    return (torch.arange(side)[None] + by).clamp(0, side - 1)
