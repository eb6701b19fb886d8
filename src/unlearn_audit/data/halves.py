"""Training sets of reference models: all retained records, and random halves of the candidates, drawn by cluster."""

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
        candidates: (n,) whether the record is a candidate: forgotten, or a test record (a control).
        retain: (n,) whether every model is trained on it.
    """

    trained_on: NDArray[np.bool_]
    candidates: NDArray[np.bool_]
    retain: NDArray[np.bool_]

    @property
    def own(self) -> NDArray[np.bool_]:
        """(K, n) each model's own half of the candidates: what it is made to forget."""
        return np.asarray(self.trained_on & self.candidates)


def draw_halves(
    split: NDArray[np.str_],
    label: NDArray[np.int64],
    models: int,
    seed: int,
    clusters: NDArray[np.str_] | None = None,
) -> Halves:
    """Draw complementary halves of the candidates (the forget and all test records) for each pair of `models`.

    Records of one cluster (a patient, a lesion) go to the same half. Drawn record by record, the near-copies of a
    record on the other side give its answers away: models that unlearned nothing then look as if they had forgotten.

    Halves are stratified by split and class, and even in records as far as clusters allow: the two largest clusters
    of a stratum go to different sides, then the next two. Where a stratum is odd the two sides take turns in getting
    the larger part. The halves of pair j do not depend on `models`: more models extend a smaller ensemble.

    Args:
        split: (n,) retain, forget, validation or test.
        label: (n,) classes.
        models: K, even, at least 2.
        seed: of the draws.
        clusters: (n,) cluster of each record, '' where it is unknown; None where records are independent.

    Raises:
        CaseError: an odd number of models, or fewer than two candidates or clusters of them.
    """
    if models < 2 or models % 2:  # noqa: PLR2004 - a pair
        raise CaseError(f"expected reference models in pairs, found {models}")
    candidates = np.isin(split, ("forget", "test"))
    units = _number_units(candidates, clusters)
    count = len(np.unique(units[candidates]))
    if count < 2:  # noqa: PLR2004 - one for each half
        raise CaseError(
            f"expected at least two {'candidates' if clusters is None else 'clusters of candidates'} for reference "
            f"models, found {count}",
            hint="forget more records, or leave reference models out (--references 0)",
        )
    retain = np.asarray(split == "retain")
    trained_on = np.tile(retain, (models, 1))
    strata = _list_strata(candidates, split, label, units)
    for pair in range(models // 2):
        first = candidates & _draw_half(units, strata, derive_rng(seed, "references", f"pair {pair}"))
        trained_on[2 * pair] |= first
        trained_on[2 * pair + 1] |= candidates & ~first
    return Halves(trained_on, np.asarray(candidates), retain)


def _number_units(candidates: NDArray[np.bool_], clusters: NDArray[np.str_] | None) -> NDArray[np.int64]:
    """Return (n,) the number of what goes to one side together; -1 for records that are no candidates."""
    if clusters is None:
        units = np.arange(len(candidates))
    else:
        _, units = np.unique(clusters, return_inverse=True)
        alone = clusters == ""
        units[alone] = len(units) + np.flatnonzero(alone)
    return np.where(candidates, units, -1).astype(np.int64)


def _list_strata(
    candidates: NDArray[np.bool_], split: NDArray[np.str_], label: NDArray[np.int64], units: NDArray[np.int64]
) -> list[dict[int, int]]:
    """Return for each split and class the units that begin there, and how many candidates each holds."""
    first: dict[int, int] = {}
    size: dict[int, int] = {}
    for record in np.flatnonzero(candidates).tolist():
        unit = int(units[record])
        first.setdefault(unit, record)
        size[unit] = size.get(unit, 0) + 1
    strata: dict[tuple[str, int], dict[int, int]] = {}
    for unit, record in first.items():
        strata.setdefault((str(split[record]), int(label[record])), {})[unit] = size[unit]
    return [strata[key] for key in sorted(strata)]


def _draw_half(units: NDArray[np.int64], strata: list[dict[int, int]], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return (n,) whether each record is in the first half."""
    chosen: list[int] = []
    extra = int(rng.integers(2))
    for sizes in strata:
        shuffled = rng.permutation(np.array(list(sizes)))
        falling = shuffled[np.argsort([-sizes[int(unit)] for unit in shuffled], kind="stable")]
        sides = rng.integers(2, size=-(-len(falling) // 2))
        for pair, side in enumerate(sides.tolist()):
            both = falling[2 * pair : 2 * pair + 2].tolist()
            if len(both) == 2:  # noqa: PLR2004 - one for each side
                chosen.append(both[side])
            else:
                chosen += both * extra
                extra ^= 1
    return np.isin(units, chosen)
