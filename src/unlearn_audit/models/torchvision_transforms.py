"""Transforms of torchvision's v2 by name: what a training script does to an image, written in a case file."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from unlearn_audit.errors import CaseError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

TRANSFORMS = ("CenterCrop", "Grayscale", "Normalize", "Pad", "RGB", "Resize", "ToDtype", "ToImage")
"""Those that may be declared: none of them draws, so that a model is asked the same about a record every time."""


def apply_transforms(steps: Sequence[Mapping[str, Mapping[str, Any]]], images: NDArray[np.uint8]) -> Tensor:
    """Return (n, channels, height, width) float32, each image having gone through `steps` in their order.

    An image starts as Pillow's, as in training scripts: what stands before ToImage is done by Pillow, what stands
    behind it on tensors, whose resizing differs in the last bits of a pixel.

    Args:
        steps: one name out of `TRANSFORMS` with its arguments each.
        images: (n, height, width, 1 or 3) uint8.

    Raises:
        CaseError: torchvision is absent or does not load; another transform, or an argument that it does not take;
            images that come out in several shapes, or as something else than floating-point tensors.
    """
    import torch
    from PIL import Image

    whole = _load().Compose([_build(name, arguments) for step in steps for name, arguments in step.items()])
    try:
        found = [whole(Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)) for image in images]
    except (TypeError, ValueError, RuntimeError, AttributeError) as error:
        raise CaseError(f"'preprocessing.transforms' cannot be applied to the images: {error}") from error
    if not all(isinstance(one, torch.Tensor) and one.is_floating_point() for one in found):
        raise CaseError(
            "'preprocessing.transforms' do not end with floating-point tensors",
            hint="add 'ToImage: {}' and 'ToDtype: {dtype: float32, scale: true}'",
        )
    if len({tuple(one.shape) for one in found}) > 1:
        raise CaseError(
            "'preprocessing.transforms' give images of several shapes: "
            + ", ".join(sorted({" x ".join(map(str, one.shape)) for one in found})[:3]),
            hint="a crop after 'Resize: {size: 256}' makes them equal",
        )
    return torch.stack([one.as_subclass(torch.Tensor) for one in found]).float()


def _load() -> Any:
    try:
        from torchvision.transforms import v2
    except ImportError as error:
        raise CaseError("'preprocessing.transforms' needs torchvision", hint="pip install torchvision") from error
    except RuntimeError as error:
        raise CaseError(
            f"torchvision does not load: {error}", hint="install the torchvision that fits this build of torch"
        ) from error
    return v2


def _build(name: str, arguments: Mapping[str, Any]) -> Any:
    import torch

    if name not in TRANSFORMS:
        raise CaseError(
            f"expected transforms out of {', '.join(TRANSFORMS)}, found '{name}'",
            hint="a transform that draws would ask another question each time; others: 'functions: {preprocess: ...}'",
        )
    kind = getattr(_load(), name)
    takes = list(inspect.signature(kind).parameters)
    if unknown := [argument for argument in arguments if argument not in takes]:
        raise CaseError(f"transform {name} has no argument '{unknown[0]}'", hint=f"it takes {', '.join(takes)}")
    given = dict(arguments)
    if name == "ToDtype":
        given["dtype"] = getattr(torch, str(given.get("dtype")), None)
        if given["dtype"] not in (torch.float32, torch.uint8):
            raise CaseError(f"expected 'float32' or 'uint8' as dtype of ToDtype, found {arguments.get('dtype')!r}")
    if "interpolation" in given:
        given["interpolation"] = str(given["interpolation"]).lower()
    try:
        return kind(**given)
    except (TypeError, ValueError, KeyError) as error:
        raise CaseError(f"transform {name}: {error}") from error
