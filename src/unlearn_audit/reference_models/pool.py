"""All records of a case as they are stored, and the tensors that models see."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.data import Inputs as Stored
from unlearn_audit.data import StoredImages

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from unlearn_audit.training import Records, Streamed


def to_inputs(x: NDArray[Any]) -> "Tensor":
    """Images to [-1, 1], channels first; features as they are. No statistic of the data: nothing leaks from forget."""
    import torch

    if x.dtype == np.uint8:
        images = torch.from_numpy(x).permute(0, 3, 1, 2).to(torch.float32)
        return (images / 127.5 - 1).contiguous(memory_format=torch.channels_last)
    return torch.from_numpy(np.ascontiguousarray(x, dtype=np.float32))


def show_inputs(x: Stored, convert: "Callable[[NDArray[Any]], Tensor]" = to_inputs) -> "Tensor | Streamed":
    """Return what models are given for `x`, converted at once, or batch by batch where it lies in a file."""
    if isinstance(x, StoredImages):
        from unlearn_audit.training import Streamed

        return Streamed.of(x, convert)
    return convert(x)


@dataclass(frozen=True, eq=False)
class Pool:
    """Plain arrays, so that many workers can share one copy in memory; each cuts its own tensors from it.

    Attributes:
        x: (n, ...) images as uint8, in memory or in a file that all workers can read, or features.
        label: (n,) classes.
        positive: (n,) whether the class is a positive one.
    """

    x: Stored
    label: NDArray[np.int64]
    positive: NDArray[np.bool_]

    def show(self, which: slice) -> "Tensor | Streamed":
        """Return the inputs of the records in `which`."""
        if isinstance(self.x, StoredImages):
            return self._stream(which)
        return to_inputs(np.array(self.x[which]))  # a copy: torch does not take arrays that are mapped read-only

    def cut(self, which: NDArray[np.bool_]) -> "Records":
        """Return the records under the mask `which` (n,) as a model is trained on them."""
        import torch

        from unlearn_audit.training import Records

        y, positive = self.label[which].astype(np.int64), self.positive[which]  # copies, as above
        x = self._stream(which) if isinstance(self.x, StoredImages) else to_inputs(self.x[which])
        return Records(x, torch.from_numpy(y), torch.from_numpy(positive))

    def _stream(self, which: "slice | NDArray[np.bool_]") -> "Streamed":
        from unlearn_audit.training import Streamed

        # of the whole pool: inputs of one source can be joined
        return Streamed.of(self.x, to_inputs).select(which if isinstance(which, slice) else np.flatnonzero(which))
