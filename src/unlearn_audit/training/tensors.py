"""Labelled records, in memory or in a file, as training and unlearning are given them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from unlearn_audit.errors import CaseError
from unlearn_audit.training.streamed import Inputs, Streamed, select_inputs

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class Records:
    """Inputs with their true classes.

    Attributes:
        x: (n, ...) float inputs, normalised; images are (n, channels, height, width). A tensor, or `Streamed` where the
            data are too large for memory: both are indexed in batches.
        y: (n,) int64 index of the true class, 0 <= y.
        positive: (n,) bool, whether the true class is a positive (malignant) one.

    Raises:
        CaseError: shapes or types differ from these, or an input is not a finite number.
    """

    x: Inputs
    y: Tensor
    positive: Tensor

    def __post_init__(self) -> None:
        import torch

        n = len(self.x)
        _validate_tensor(self.y, "y", torch.int64, n)
        _validate_tensor(self.positive, "positive", torch.bool, n)
        if not self.x.is_floating_point():
            raise CaseError(f"expected inputs x of a floating-point type, found {self.x.dtype}")
        self._validate_finite(n)
        if n and int(self.y.min()) < 0:
            raise CaseError(f"expected class indices y from 0 on, found {int(self.y.min())}")

    def _validate_finite(self, n: int) -> None:
        import torch

        if isinstance(self.x, Streamed) or not n:
            return  # what is in a file is checked when it is read
        finite = torch.isfinite(self.x).flatten(1).all(dim=1)
        if not finite.all():
            first = int((~finite).nonzero()[0])
            raise CaseError(
                f"expected finite inputs x, found NaN or infinity in {int((~finite).sum())} of {n} records, "
                f"the first at row {first}"
            )

    def __len__(self) -> int:
        """Return the number of records."""
        return len(self.y)

    def __getitem__(self, row: int) -> tuple[Tensor, Tensor]:
        """Return input and class of one record, as torch's DataLoader asks for them."""
        return self.x[row], self.y[row]

    def __getitems__(self, rows: list[int]) -> list[tuple[Tensor, Tensor]]:
        """Return the same of many, read at once."""
        return list(zip(self.x[rows], self.y[rows], strict=True))

    def to(self, device: str) -> Self:
        """Return the records on `device`; those in a file are moved batch by batch when they are read."""
        x = self.x.to(device) if not isinstance(self.x, Streamed) else replace(self.x, device=device)
        return type(self)(x, self.y.to(device), self.positive.to(device))

    def select(self, which: NDArray[np.bool_] | NDArray[np.int64] | Tensor) -> Self:
        """Return the records under a boolean mask (n,), or at int64 indices in their order."""
        import numpy as np
        import torch

        # a copy: torch warns of sharing memory with arrays that are read-only
        chosen = which if isinstance(which, torch.Tensor) else torch.from_numpy(np.array(which))
        if chosen.dtype == torch.bool and chosen.shape != (len(self),):
            raise CaseError(f"expected a mask over {len(self)} records, found shape {tuple(chosen.shape)}")
        return type(self)(select_inputs(self.x, chosen), self.y[chosen], self.positive[chosen])


def _validate_tensor(column: Tensor, name: str, dtype: torch.dtype, n: int) -> None:
    if column.dtype != dtype or column.shape != (n,):
        raise CaseError(
            f"expected {name} as {dtype} of shape ({n},), one for each input; "
            f"found {column.dtype} of shape {tuple(column.shape)}"
        )


def validate_not_empty(records: Records, name: str) -> None:
    """Refuse `records` without a single record; `name` is what they are called in the message.

    Raises:
        CaseError: there are no records.
    """
    if len(records) == 0:
        raise CaseError(f"expected at least one record to {name}, found none")
