"""The records of a case as they are stored, and as the tensors that models are given."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.data import Inputs as Stored
from unlearn_audit.data import StoredImages

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from unlearn_audit.training import Records, Streamed


MOST_INPUT_BYTES = 512 * 2**20
"""Inputs above this size, as float numbers, are not all made at once."""


def to_inputs(x: NDArray[Any]) -> "Tensor":
    """Images to [-1, 1], channels first; features as they are. No statistic of the data: nothing leaks from forget."""
    import torch

    if x.dtype == np.uint8:
        images = torch.from_numpy(x).permute(0, 3, 1, 2).to(torch.float32)
        return (images / 127.5 - 1).contiguous(memory_format=torch.channels_last)
    return torch.from_numpy(np.ascontiguousarray(x, dtype=np.float32))


def show_inputs(x: Stored, convert: "Callable[[NDArray[Any]], Tensor]" = to_inputs) -> "Tensor | Streamed":
    """Return what models are given for `x`, converted at once, or batch by batch where it lies in a file."""
    if is_streamed(x, convert):
        from unlearn_audit.training import Streamed

        return Streamed.of(x, convert)
    return convert(np.asarray(x[:]))


def is_streamed(x: Stored, convert: "Callable[[NDArray[Any]], Tensor]") -> bool:
    """Return whether inputs are made batch by batch: of stored images, and where a declared step makes them large."""
    if isinstance(x, StoredImages):
        return True
    if convert is to_inputs:
        return False
    first = convert(x[:1])
    return first.element_size() * first.numel() * len(x) > MOST_INPUT_BYTES


@dataclass(frozen=True, eq=False)
class Pool:
    """Plain arrays, so that many workers can share one copy in memory; each cuts its own tensors from it.

    Attributes:
        x: (n, ...) images as uint8, in memory or in a file that all workers can read, or features.
        label: (n,) classes.
        positive: (n,) whether the class is a positive one.
        convert: from stored records to inputs of models.
    """

    x: Stored
    label: NDArray[np.int64]
    positive: NDArray[np.bool_]
    convert: "Callable[[NDArray[Any]], Tensor]" = to_inputs

    def show(self, which: slice) -> "Tensor | Streamed":
        """Return the inputs of the records in `which`."""
        if self._is_streamed:
            return self._stream(which)
        return self.convert(np.array(self.x[which]))  # a copy: torch does not take arrays that are mapped read-only

    def cut(self, which: NDArray[np.bool_]) -> "Records":
        """Return the records under the mask `which` (n,) as a model is trained on them."""
        import torch

        from unlearn_audit.training import Records

        y, positive = self.label[which].astype(np.int64), self.positive[which]  # copies, as above
        x = self._stream(which) if self._is_streamed else self.convert(self.x[which])
        return Records(x, torch.from_numpy(y), torch.from_numpy(positive))

    @cached_property
    def _is_streamed(self) -> bool:
        return is_streamed(self.x, self.convert)

    def _stream(self, which: "slice | NDArray[np.bool_]") -> "Streamed":
        from unlearn_audit.training import Streamed

        # of the whole pool: inputs of one source can be joined
        return Streamed.of(self.x, self.convert).select(which if isinstance(which, slice) else np.flatnonzero(which))
