"""Preprocessing of data for an external model: declared, never guessed from the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from unlearn_audit.errors import CaseError
from unlearn_audit.models.torchvision_transforms import apply_transforms
from unlearn_audit.records.intake import IntakeEntry, note_intake

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from torch import Tensor

_SCALES = {None: (2 / 255, -1.0), "-1..1": (2 / 255, -1.0), "0..1": (1 / 255, 0.0), "0..255": (1.0, 0.0)}
_COLOURS = 3


@dataclass(frozen=True)
class Preprocessing:
    """The declared steps, in this order: colour, size, crop, scale, mean and std, layout; or `transforms` in theirs.

    Images are resized by Pillow on 8-bit pixels, as torchvision's transforms do on images: its filters widen when they
    shrink (antialiasing), unlike those of array libraries.
    """

    size: int | None = None
    interpolation: str | None = None
    channels: int | None = None
    scale: str | None = None
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    layout: str = "channels-first"
    fit: str | None = None
    crop: int | None = None
    transforms: tuple[Mapping[str, Mapping[str, Any]], ...] = ()

    def prepare(self, x: NDArray[Any]) -> Tensor:
        """Return a batch as the model wants it, float32.

        Args:
            x: (n, height, width, 1 or 3) uint8 images, or (n, d) features.

        Raises:
            CaseError: steps that images alone can take on features; a mean or std that does not fit the channels;
                transforms that `apply_transforms` refuses.
        """
        import torch

        if x.dtype != np.uint8:
            self._validate_no_image_steps()
            return torch.from_numpy(self._normalise(np.asarray(x, dtype=np.float64)))
        if self.transforms:
            return apply_transforms(self.transforms, x)
        pixels = self._crop(self._resize(self._colour(x)))
        factor, shift = _SCALES[self.scale]
        values = self._normalise(pixels.astype(np.float64) * factor + shift)
        if self.layout == "channels-first":
            values = np.ascontiguousarray(values.transpose(0, 3, 1, 2))
        return torch.from_numpy(values)

    def _validate_no_image_steps(self) -> None:
        steps = (self.size, self.interpolation, self.channels, self.scale, self.fit, self.crop)
        if any(step is not None for step in steps) or self.transforms or self.layout != "channels-first":
            raise CaseError(
                "the case prepares images (size, channels, scale, layout, transforms), the data holds features",
                hint="features can be given 'mean' and 'std'",
            )

    def _normalise(self, values: NDArray[np.float64]) -> NDArray[np.float32]:
        width = values.shape[-1]
        for name, numbers in (("mean", self.mean), ("std", self.std)):
            if len(numbers) not in {0, 1, width}:
                raise CaseError(
                    f"expected 'preprocessing.{name}' to hold 1 or {width} numbers, one for each channel or feature, "
                    f"found {len(numbers)}"
                )
        if any(number <= 0 for number in self.std):
            raise CaseError(f"expected 'preprocessing.std' above zero, found {min(self.std):g}")
        values = values - np.array(self.mean or (0.0,))
        return np.asarray(values / np.array(self.std or (1.0,)), dtype=np.float32)

    def _colour(self, x: NDArray[np.uint8]) -> NDArray[np.uint8]:
        have = x.shape[-1]
        if self.channels in {None, have}:
            return x
        if self.channels == _COLOURS:
            return np.repeat(x, _COLOURS, axis=-1)
        from PIL import Image

        return np.stack([np.asarray(Image.fromarray(image).convert("L"))[..., np.newaxis] for image in x])

    def _resize(self, x: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if self.size is None:
            for step in ("interpolation", "fit"):
                if getattr(self, step) is not None:
                    raise CaseError(f"'preprocessing.{step}' without 'size' would do nothing", hint="say the size")
            return x
        height, width = self._find_size(x.shape[1], x.shape[2])
        if x.shape[1:3] == (height, width):
            return x
        from PIL import Image

        way = Image.Resampling[(self.interpolation or "bilinear").upper()]
        shown = x[..., 0] if x.shape[-1] == 1 else x
        resized = np.stack([np.asarray(Image.fromarray(one).resize((width, height), way)) for one in shown])
        return resized.reshape(*resized.shape[:3], x.shape[-1])

    def _find_size(self, height: int, width: int) -> tuple[int, int]:
        """Return height and width after resizing; torchvision's rule: the longer side is rounded down."""
        size = self.size or 0
        if self.fit != "shorter-side":
            return size, size
        if height <= width:
            return size, int(size * width / height)
        return int(size * height / width), size

    def _crop(self, x: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the middle; where an odd number of pixels is cut away, torchvision's rule says from which side."""
        if self.crop is None:
            return x
        height, width = x.shape[1:3]
        if min(height, width) < self.crop:
            raise CaseError(
                f"expected images of {self.crop} pixels or more a side to crop, found {height} x {width}",
                hint="resize them before: 'preprocessing: {size: 256, fit: shorter-side, crop: 224}'",
            )
        top, left = round((height - self.crop) / 2), round((width - self.crop) / 2)
        return x[:, top : top + self.crop, left : left + self.crop]


def describe_preprocessing(preprocessing: Preprocessing) -> IntakeEntry:
    """Return what is declared to be done to data before a model sees it, or what is done since nothing is declared."""
    declared = {name: value for name, value in vars(preprocessing).items() if value not in (None, (), "channels-first")}
    if not declared:
        return note_intake("preprocessing.usual")
    steps = [_describe_transform(step) for step in declared.pop("transforms", ())]
    return note_intake(
        "preprocessing.declared", steps=[*steps, *(f"{name} {value}" for name, value in declared.items())]
    )


def _describe_transform(step: Mapping[str, Mapping[str, Any]]) -> str:
    return " ".join(
        f"{name}({', '.join(f'{key}={value}' for key, value in given.items())})" for name, given in step.items()
    )
