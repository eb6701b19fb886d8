"""The rows of a long file: one for each record and model, or for each record, model and class."""

import math
from collections.abc import Mapping

import numpy as np

from unlearn_audit.data.dataset import name_some
from unlearn_audit.errors import EvidenceError
from unlearn_audit.evidence.predictions.answers import Texts, validate_ids

_FEW = 1_000_000


class LongRows:
    """The rows of a long file, by record, model and class."""

    def __init__(self, where: str, ids: Texts, models: Texts, parts: Texts, values: np.ndarray) -> None:
        self.where, self.ids, self.values = where, ids, values
        self.records, self._first, self._record = np.unique(ids, return_index=True, return_inverse=True)
        validate_ids(where, self.records)
        self.models, self._model = np.unique(models, return_inverse=True)
        self.parts, self._part = np.unique(parts, return_inverse=True)

    def pivot(self) -> tuple[Mapping[str, np.ndarray], tuple[str, ...]]:
        """Return (n, k) scores for each model, and the names of the classes where rows name them."""
        shape = (len(self.models), len(self.records), len(self.parts))
        if math.prod(shape) > max(2 * len(self.ids), _FEW):  # no room is made for what cannot be complete
            raise EvidenceError(
                f"{self.where}: expected one row for each record and model, found {len(self.ids)} rows for "
                f"{shape[1]} records and {shape[0]} models ({name_some(self.models)})"
            )
        place = np.ravel_multi_index((self._model, self._record, self._part), shape)
        counts = np.bincount(place, minlength=int(np.prod(shape)))
        for bad, what in ((counts > 1, "more than one row"), (counts == 0, "no row")):
            if bad.any():
                model, record, part = np.unravel_index(int(np.flatnonzero(bad)[0]), shape)
                named = f", class '{self.parts[part]}'" if self.parts[part] else ""
                raise EvidenceError(
                    f"{self.where}: expected one row for each record and model, found {what} for record "
                    f"'{self.records[record]}', model '{self.models[model]}'{named} ({int(bad.sum())} such in all)",
                    hint="every model must have answered about the same records",
                )
        order = np.argsort(place)
        values = self.values[order].reshape(*shape[:2], -1)
        classes = tuple(part for part in self.parts.tolist() if part)
        return {name: values[index] for index, name in enumerate(self.models.tolist())}, classes

    def take(self, name: str, values: Texts) -> Texts:
        """Return (n,) one value for each record, which all its rows must agree on."""
        kept = values[self._first]
        differ = np.flatnonzero(kept[self._record] != values)
        if differ.size:
            row = differ[0]
            raise EvidenceError(
                f"{self.where}: record '{self.ids[row]}' has '{name}' as '{kept[self._record[row]]}' in one row and "
                f"as '{values[row]}' in another"
            )
        return kept
