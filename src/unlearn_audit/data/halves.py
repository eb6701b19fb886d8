"""What reference models are trained on: all retained records, and random halves of the candidates."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.errors import CaseError
from unlearn_audit.records import derive_rng


@dataclass(frozen=True, eq=False)
class Halves:
    """Which records each reference model sees.

    Attributes:
        trained_on: (K, n) whether model k is trained on record i. Models 2j and 2j + 1 share the candidates between
            them, so that each candidate is trained on by exactly K / 2 models.
        candidates: (n,) whether the record is a candidate: forgotten, or a test record drawn beside these.
        retain: (n,) whether every model is trained on it.
    """

    trained_on: NDArray[np.bool_]
    candidates: NDArray[np.bool_]
    retain: NDArray[np.bool_]

    @property
    def own(self) -> NDArray[np.bool_]:
        """(K, n) each model's own half of the candidates: what it is made to forget."""
        return np.asarray(self.trained_on & self.candidates)


def draw_halves(split: NDArray[np.str_], label: NDArray[np.int64], models: int, seed: int) -> Halves:
    """Draw the controls and, for each pair of `models`, complementary halves of the candidates.

    Controls are as many test records as are forgotten, class by class where the test split has so many, else filled
    up from its other classes; all test records where they are fewer. Halves are stratified by split and class; where
    a stratum is odd the two sides take turns in getting the larger part. The halves of pair j do not depend on
    `models`: more models extend a smaller ensemble.

    Args:
        split: (n,) retain, forget, validation or test.
        label: (n,) classes.
        models: K, even, at least 2.
        seed: of the draws.

    Raises:
        CaseError: an odd number of models, or fewer than two candidates.
    """
    if models < 2 or models % 2:  # noqa: PLR2004 - a pair
        raise CaseError(f"expected reference models in pairs, found {models}")
    candidates = (split == "forget") | _draw_controls(split, label, seed)
    if candidates.sum() < 2:  # noqa: PLR2004 - one for each half
        raise CaseError(
            f"expected at least two candidates for reference models, found {int(candidates.sum())}",
            hint="forget more records, or leave reference models out (--references 0)",
        )
    retain = np.asarray(split == "retain")
    trained_on = np.tile(retain, (models, 1))
    for pair in range(models // 2):
        first = _draw_half(candidates, split, label, derive_rng(seed, "references", f"pair {pair}"))
        trained_on[2 * pair] |= first
        trained_on[2 * pair + 1] |= candidates & ~first
    return Halves(trained_on, np.asarray(candidates), retain)


def _draw_controls(split: NDArray[np.str_], label: NDArray[np.int64], seed: int) -> NDArray[np.bool_]:
    rng = derive_rng(seed, "references", "controls")
    order = rng.permutation(np.flatnonzero(split == "test"))
    forgotten = label[split == "forget"]
    chosen = np.concatenate([order[label[order] == c][: (forgotten == c).sum()] for c in np.unique(label)])
    rest = order[~np.isin(order, chosen)]
    controls = np.zeros(len(split), dtype=np.bool_)
    controls[chosen] = True
    controls[rest[: len(forgotten) - len(chosen)]] = True
    return controls


def _draw_half(
    candidates: NDArray[np.bool_], split: NDArray[np.str_], label: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.bool_]:
    half = np.zeros(len(candidates), dtype=np.bool_)
    extra = int(rng.integers(2))
    for name in ("forget", "test"):
        for c in np.unique(label):
            members = rng.permutation(np.flatnonzero(candidates & (split == name) & (label == c)))
            odd = len(members) % 2
            half[members[: len(members) // 2 + odd * extra]] = True
            extra = extra ^ odd
    return half
