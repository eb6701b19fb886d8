"""All records of a case as they are stored, and the tensors that models see."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

    from unlearn_audit.training import Records


def to_inputs(x: NDArray[Any]) -> "Tensor":
    """Images to [-1, 1], channels first; features as they are. No statistic of the data: nothing leaks from forget."""
    import torch

    if x.dtype == np.uint8:
        images = torch.from_numpy(x).permute(0, 3, 1, 2).to(torch.float32)
        return (images / 127.5 - 1).contiguous(memory_format=torch.channels_last)
    return torch.from_numpy(np.ascontiguousarray(x, dtype=np.float32))


@dataclass(frozen=True, eq=False)
class Pool:
    """Plain arrays, so that many workers can share one copy in memory; each cuts its own tensors from it.

    Attributes:
        x: (n, ...) images as uint8, or features.
        label: (n,) classes.
        positive: (n,) whether the class is a positive one.
    """

    x: NDArray[Any]
    label: NDArray[np.int64]
    positive: NDArray[np.bool_]

    def show(self, which: slice) -> "Tensor":
        """Return the inputs of the records in `which`."""
        return to_inputs(np.array(self.x[which]))  # a copy: torch does not take arrays that are mapped read-only

    def cut(self, which: NDArray[np.bool_]) -> "Records":
        """Return the records under the mask `which` (n,) as a model is trained on them."""
        import torch

        from unlearn_audit.training import Records

        x, y, positive = self.x[which], self.label[which].astype(np.int64), self.positive[which]  # copies, as above
        return Records(to_inputs(x), torch.from_numpy(y), torch.from_numpy(positive))
