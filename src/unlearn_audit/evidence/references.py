"""Answers of reference models: the original's recipe on random halves of the candidates, then unlearned as audited."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.errors import EvidenceError
from unlearn_audit.records.canonical import digest_of

_SUM_TOLERANCE = 1e-4  # as in `Evidence`


def digest_design(ids: NDArray[np.str_], trained_on: NDArray[np.bool_]) -> str:
    """Return the SHA-256 of who trains on what, whatever the order of records and models.

    Args:
        ids: (n,) record ids.
        trained_on: (K, n) whether model k is trained on record i.
    """
    order = np.argsort(ids)
    rows = sorted(np.packbits(mask[order]).tobytes().hex() for mask in trained_on)
    return digest_of([ids[order].tolist(), rows])


class _Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...


@dataclass(frozen=True, eq=False)
class References:
    """Log-probabilities of K reference models on the n records of the evidence, and what each was trained on.

    Every reference model was trained by the original's recipe, with a seed of its own, on all retain records and one
    half of the *candidates*: the forget records and all test records (the controls). Models come
    in pairs with complementary halves, so that each candidate was trained on by exactly K / 2 of them. None of this
    depends on the audited model; `unlearned` does, and holds what the same models say after a method made each of them
    forget its own half.

    Attributes:
        trained_on: (K, n) whether model k was trained on record i; before unlearning, where it was unlearned.
        candidates: (n,) whether the record is a candidate: its score can be calibrated from both sides.
        log_probs: (K, n, k) log-probabilities of the reference models.
        unlearned: per name of a model of the case, (K, n, k) log-probabilities of the reference models after the
            method that made that model. The model itself need not have answered.

    Raises:
        EvidenceError: shapes that differ, no model, numbers that are no log-probabilities.
    """

    trained_on: NDArray[np.bool_]
    candidates: NDArray[np.bool_]
    log_probs: NDArray[np.float64]
    unlearned: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shape = self.log_probs.shape
        if len(shape) != 3 or not shape[0]:  # noqa: PLR2004 - models, records, classes
            raise EvidenceError(f"expected log-probabilities of reference models (models, n, classes), found {shape}")
        if self.trained_on.shape != shape[:2] or self.candidates.shape != shape[1:2]:
            raise EvidenceError(
                f"expected what {shape[0]} reference models were trained on among {shape[1]} records, found shapes "
                f"{self.trained_on.shape} and {self.candidates.shape}"
            )
        for name, values in {"": self.log_probs, **self.unlearned}.items():
            text = f"reference models{f' unlearned as {name!r}' if name else ''}"
            if values.shape != shape:
                raise EvidenceError(f"{text}: expected predictions of shape {shape}, found {values.shape}")
            if not np.isfinite(values).all() or (np.abs(np.exp(values).sum(axis=2) - 1) > _SUM_TOLERANCE).any():
                raise EvidenceError(f"{text}: expected log-probabilities that sum to one for each record, found others")

    @property
    def count(self) -> int:
        """K, the number of reference models."""
        return len(self.log_probs)

    def feed(self, sha: _Hash) -> None:
        """Feed the content into a hash, in a form that no other content shares."""
        names = "\x1f".join(["references", str(self.log_probs.shape), *self.unlearned])
        sha.update(names.encode())
        for mask in (self.trained_on, self.candidates):
            sha.update(np.ascontiguousarray(mask).tobytes())
        for values in (self.log_probs, *self.unlearned.values()):
            sha.update(np.ascontiguousarray(values, dtype="<f8").tobytes())
