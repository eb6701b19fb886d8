"""Inputs in a file: read batch by batch, and joined or cut without being read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, Union

from unlearn_audit.errors import CaseError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy as np
    import torch
    from numpy.typing import NDArray
    from torch import Tensor


class Source(Protocol):
    """Records that lie outside of memory: indexing with positions (m,) reads them."""

    def __len__(self) -> int:
        """Return the number of records."""
        ...

    def __getitem__(self, rows: NDArray[np.int64], /) -> NDArray[Any]:
        """Read the records at `rows`."""
        ...


@dataclass(frozen=True, eq=False)
class Streamed:
    """Inputs of models, in a file: indexing gives the float tensor that a batch in memory would be, bit for bit.

    A method of a third party that indexes `records.x` in batches, or splits it with `split_inputs`, works on either.
    Torch's own functions cannot be applied to the whole, and say so.

    Attributes:
        source: all records of the data set.
        rows: (n,) int64 positions in the source.
        convert: from stored records (m, ...) to finite float inputs (m, ...), each by itself.
        shape: (n, ...) of the inputs.
        dtype: of the inputs.
        device: where batches are moved once they are read.
    """

    source: Source
    rows: Tensor
    convert: Callable[[NDArray[Any]], Tensor]
    item: tuple[int, ...]
    dtype: torch.dtype
    device: str = "cpu"

    @classmethod
    def of(cls, source: Source, convert: Callable[[NDArray[Any]], Tensor]) -> Streamed:
        """Return all records of `source` as inputs; the first is read to learn their shape."""
        import numpy as np
        import torch

        first = convert(source[np.zeros(1, dtype=np.int64)])
        return cls(source, torch.arange(len(source)), convert, tuple(first.shape[1:]), first.dtype)

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, ...) of the inputs."""
        return (len(self.rows), *self.item)

    def __len__(self) -> int:
        """Return the number of records."""
        return len(self.rows)

    def is_floating_point(self) -> bool:
        """Return whether the inputs are of a floating-point type."""
        return self.dtype.is_floating_point

    def __getitem__(self, which: Any) -> Tensor:
        """Read the inputs at positions (of any shape), under a mask (n,) or in a slice.

        Raises:
            CaseError: an input that is not a finite number after its conversion.
            DataError: the file is gone or cut short.
        """
        import torch

        rows = self.rows[which]
        x = self.convert(self.source[rows.flatten().numpy()])
        if not torch.isfinite(x).all():
            raise CaseError(
                "expected finite inputs x, found NaN or infinity: does 'preprocessing' scale the data well?"
            )
        x = x if rows.dim() == 1 else x.reshape(*rows.shape, *self.item)
        return x if self.device == "cpu" else x.to(self.device)

    def select(self, which: Any) -> Streamed:
        """Return the inputs under a mask (n,), at positions (m,) or in a slice, without reading any."""
        return replace(self, rows=self.rows[which])

    @classmethod
    def __torch_function__(cls, function: Any, _types: Any, _args: Any = (), _kwargs: Any = None) -> Any:
        """Refuse what would read everything at once."""
        raise CaseError(
            f"torch.{getattr(function, '__name__', function)} was applied to all inputs of a data set too large for "
            "memory",
            hint="index them in batches (records.x[part]), or use unlearn_audit.training.split_inputs and join_inputs",
        )


Inputs: TypeAlias = Union["Tensor", Streamed]
"""What a batch is indexed from: a tensor in memory, or a file."""


MOST_AT_ONCE = 512
"""Records in a batch that a model is asked about."""
_BATCH_BYTES = 32 * 2**20


def choose_batch(x: Inputs) -> int:
    """Return in batches of how many records a model is asked about `x`: 512, and fewer of large ones.

    A power of two, and the same in memory and from a file, because the last bits of an answer may depend on it. A batch
    takes 32 MiB at most, since the activations of a network take many times as much.
    """
    size = max(1, prod(x.shape[1:]) * x.dtype.itemsize)
    return min(MOST_AT_ONCE, 1 << max(0, (_BATCH_BYTES // size).bit_length() - 1))


def select_inputs(x: Inputs, which: NDArray[np.bool_] | NDArray[np.int64] | Tensor) -> Inputs:
    """Return the inputs under a mask (n,) or at positions (m,); those of a file are not read."""
    import numpy as np
    import torch

    # a copy: torch warns of sharing memory with arrays that are read-only
    chosen = which if isinstance(which, torch.Tensor) else torch.from_numpy(np.array(which))
    return x.select(chosen) if isinstance(x, Streamed) else x[chosen]


def split_inputs(x: Inputs, size: int | None = None) -> Iterator[Tensor]:
    """Yield the inputs in batches of `size` records (`choose_batch`); those of a file are read one batch at a time."""
    import torch

    size = size or choose_batch(x)
    if isinstance(x, Streamed):
        for start in range(0, len(x), size):
            yield x[start : start + size]
    else:
        yield from torch.split(x, size)


def join_inputs(parts: Sequence[Inputs]) -> Inputs:
    """Return the inputs of all `parts`, one after another.

    Raises:
        CaseError: parts of different data sets.
    """
    import torch

    streamed = [part for part in parts if isinstance(part, Streamed)]
    if not streamed:
        return torch.cat([part for part in parts if not isinstance(part, Streamed)])
    first = streamed[0]
    if len(streamed) != len(parts) or any(part.source is not first.source for part in streamed):
        raise CaseError("expected inputs of one data set to join, found several")
    return replace(first, rows=torch.cat([part.rows for part in streamed]))
