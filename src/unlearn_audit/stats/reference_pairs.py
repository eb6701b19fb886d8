"""Complementary pairs of reference models, and what training on a record changed: D = phi(IN) - phi(OUT).

The two models of a pair share the audit set between them: each record was in the training data of exactly one. So a
pair gives every record one IN and one OUT answer, and exchanging the two models of a pair changes the sign of D for
all records at once. The pair is the independent unit of every statistic built on D.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.errors import MeasurementError
from unlearn_audit.records import write_message

Floats = NDArray[np.float64]
Masks = NDArray[np.bool_]
Persons = NDArray[Any]

PHI_BOUND = 60.0
"""Largest |phi| in log-odds; beyond it a probability differs from 0 or 1 by less than 1e-26."""

FEWEST_PAIRS = 6
"""With five pairs the smallest two-sided p-value of a sign flip is 1/16: no test at 5 % could reject."""

_MOST_NAMED = 5


def bound_logit(phi: Floats) -> Floats:
    """Return phi held within [-60, 60], which for two classes holds every log-probability at -60 or above.

    Models that are certain of a record differ by tens of log-odds from one training run to the next. No reader of
    probabilities can see that, yet it would rule means and variances. Two answers beyond the bound are a tie: D = 0.

    >>> bound_logit(np.array([-149.0, 2.5, 80.0])).tolist()
    [-60.0, 2.5, 60.0]
    """
    return np.asarray(np.clip(phi, -PHI_BOUND, PHI_BOUND))


def find_pairs(trained_on: Masks, *, fewest: int = FEWEST_PAIRS) -> NDArray[np.int64]:
    """Return (P, 2) indices of the models that trained on complementary parts of the audit set, in order of the first.

    Where several models trained on the same part, each is paired with the nearest one before it that is still free.
    The pairing looks at the training data alone, never at answers.

    Args:
        trained_on: (K, c) whether model k was trained on record i of the audit set.
        fewest: pairs that are needed.

    Raises:
        MeasurementError: no record, a record that all or no models were trained on, models without a partner, fewer
            pairs than needed.
    """
    _validate_design(trained_on)
    waiting: dict[bytes, list[int]] = {}
    pairs: list[tuple[int, int]] = []
    for model, mask in enumerate(trained_on):
        partners = waiting.get((~mask).tobytes())
        if partners:
            pairs.append((partners.pop(), model))
        else:
            waiting.setdefault(mask.tobytes(), []).append(model)
    alone = sorted(model for models in waiting.values() for model in models)
    if alone:
        shown = [*alone[:_MOST_NAMED], *(["..."] if len(alone) > _MOST_NAMED else [])]
        raise MeasurementError(
            write_message("reference-models-without-partner", alone=len(alone), models=len(trained_on), numbers=shown),
            hint="each pair must share all records of the audit set between its two models",
        )
    validate_pair_count(len(pairs), fewest)
    return np.array(sorted(pairs), dtype=np.int64)


def validate_pair_count(pairs: int, fewest: int = FEWEST_PAIRS) -> None:
    """Refuse fewer pairs than needed.

    Raises:
        MeasurementError: there are fewer.
    """
    if pairs < fewest:
        raise MeasurementError(
            write_message("too-few-reference-pairs", least=fewest, models=2 * fewest, found=pairs),
            hint=f"with {pairs} pairs no two-sided p-value below 1/{2 ** max(pairs - 1, 0)} can come out",
        )


def _validate_design(trained_on: Masks) -> None:
    if trained_on.ndim != 2 or trained_on.dtype != np.bool_:  # noqa: PLR2004 - models, records
        raise MeasurementError(write_message("not-who-trained-on-what", dtype=trained_on.dtype, shape=trained_on.shape))
    if not trained_on.shape[1]:
        raise MeasurementError(write_message("empty-audit-set"))
    for found, code in (
        (trained_on.all(axis=0), "records-all-trained-on"),
        (~trained_on.any(axis=0), "records-none-trained-on"),
    ):
        if found.any():
            raise MeasurementError(
                write_message(code, found=found.sum(), records=trained_on.shape[1]),
                hint="leave out of the audit set what all models saw or none did",
            )


@dataclass(frozen=True, eq=False)
class PairedDifferences:
    """D for c records (or persons) and P pairs, in log-odds; above 0 where the model trained on it is more certain.

    Attributes:
        values: (c, P) D = phi(IN) - phi(OUT), each phi held within [-60, 60].
        first_in: (c, P) whether the first model of the pair is the one that trained on the record.
    """

    values: Floats
    first_in: Masks

    def __post_init__(self) -> None:
        validate_differences(self.values)
        if self.first_in.shape != self.values.shape or self.first_in.dtype != np.bool_:
            raise MeasurementError(
                write_message(
                    "not-a-side-per-difference",
                    expected=self.values.shape,
                    dtype=self.first_in.dtype,
                    shape=self.first_in.shape,
                )
            )

    @classmethod
    def of(cls, phi: Floats, trained_on: Masks, *, fewest: int = FEWEST_PAIRS) -> "PairedDifferences":
        """Return the differences from what K models say about c records.

        Args:
            phi: (K, c) log p(true class) - log p(others), as `score_logit` gives it; held within [-60, 60] here.
            trained_on: (K, c) whether model k was trained on record i.
            fewest: pairs that are needed.

        Raises:
            MeasurementError: as `find_pairs`; shapes that differ, phi that is not finite.
        """
        if phi.shape != trained_on.shape:
            raise MeasurementError(write_message("log-odds-of-other-shape", expected=trained_on.shape, found=phi.shape))
        _validate_finite(phi)
        first, second = find_pairs(trained_on, fewest=fewest).T
        held = bound_logit(phi)
        sign = np.where(trained_on[first], 1.0, -1.0)
        return cls((sign * (held[first] - held[second])).T, trained_on[first].T)

    @property
    def records(self) -> int:
        """c, the number of records or persons."""
        return len(self.values)

    @property
    def pairs(self) -> int:
        """P, the number of pairs."""
        return int(self.values.shape[1])

    @property
    def ties(self) -> float:
        """Share of comparisons where both models of the pair say the same."""
        return float((self.values == 0).mean())

    def select(self, mask: Masks) -> "PairedDifferences":
        """Return the differences of the records in `mask` (c,): a class or a subgroup.

        Raises:
            MeasurementError: the mask has another shape, or selects none.
        """
        if mask.shape != (self.records,) or mask.dtype != np.bool_:
            raise MeasurementError(
                write_message("not-a-mask-of-records", n=self.records, dtype=mask.dtype, shape=mask.shape)
            )
        if not mask.any():
            raise MeasurementError(write_message("no-record-in-group"))
        return PairedDifferences(self.values[mask], self.first_in[mask])

    def average_by_person(self, persons: Persons) -> tuple["PairedDifferences", Persons]:
        """Return the differences of persons, phi averaged over each person's records, and (g,) the persons, sorted.

        A person with many records is found more easily than any one of them: what is left of each adds up.

        Args:
            persons: (c,) name of the person whose record it is.

        Raises:
            MeasurementError: another number of names, or a person with records on both sides of a pair: then neither
                model of the pair is free of that person.
        """
        if persons.shape != (self.records,):
            raise MeasurementError(write_message("persons-not-per-record", n=self.records, shape=persons.shape))
        names, index, sizes = np.unique(persons, return_inverse=True, return_counts=True)
        seen = _sum_by(index, self.first_in.astype(np.float64), len(names))
        divided = ((seen > 0) & (seen < sizes[:, None])).any(axis=1)
        if divided.any():
            raise MeasurementError(
                write_message("persons-divided", found=divided.sum(), persons=len(names)),
                hint="draw the training data of reference models by person",
            )
        return PairedDifferences(_sum_by(index, self.values, len(names)) / sizes[:, None], seen > 0), names


def _sum_by(index: NDArray[np.int64], rows: Floats, groups: int) -> Floats:
    sums = np.zeros((groups, rows.shape[1]))
    np.add.at(sums, index, rows)
    return sums


def validate_differences(values: Floats) -> None:
    """Refuse differences that are no (c, P) finite numbers.

    Raises:
        MeasurementError: they are not.
    """
    if values.ndim != 2 or not values.size:  # noqa: PLR2004 - records, pairs
        raise MeasurementError(write_message("not-differences", shape=values.shape))
    _validate_finite(values)


def _validate_finite(values: Floats) -> None:
    wrong = int((~np.isfinite(values)).sum())
    if wrong:
        raise MeasurementError(write_message("log-odds-not-finite", wrong=wrong, n=values.size))
