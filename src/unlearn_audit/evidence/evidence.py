"""The evidence: every model's answer about every record, in plain NumPy. Everything made from it is deterministic."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.errors import EvidenceError
from unlearn_audit.escaping import draw_table
from unlearn_audit.evidence.references import References
from unlearn_audit.records.canonical import digest_of, to_canonical_json
from unlearn_audit.records.provenance import Provenance

SPLITS = ("retain", "forget", "validation", "test")
_SUM_TOLERANCE = 1e-4  # float32 softmax written by other tools still sums to one within this


def _show(items: NDArray[np.str_], limit: int = 3) -> str:
    listed = ", ".join(repr(str(item)) for item in items[:limit])
    return listed + (f" and {len(items) - limit} more" if len(items) > limit else "")


@dataclass(frozen=True, eq=False)
class Evidence:
    """Class log-probabilities per record and model, with split, true label and group columns.

    Log-probabilities (natural logarithm, of the softmax over float64 logits) rather than probabilities, because
    phi = log p_y - log(1 - p_y) of a confident model is lost when p rounds to one.

    Attributes:
        ids: (n,) unique record ids.
        split: (n,) one of retain, forget, validation, test. `retain` and `forget` together are the training split.
        label: (n,) index of the true class, 0 <= label < k.
        log_probs: per model name, (n, k) log-probabilities, each row of exp(.) summing to one.
        classes: names of the k output columns.
        positive: indices of the classes that count as positive (malignant).
        groups: per column name (n,) strings; '' where unknown. Patients, lesions, sex, age band, ...
        provenance: where all of this comes from.
        references: what reference models say about the same records; None where none were made.
        relearned: per name of a model, as `log_probs`, what it says after a little training on retained records.
        alignments: per name of a linear model, (n,) cosines in [-1, 1] of each record's gradient with what the weights
            lost since the original; see `stats.linear_reconstruction`.
    """

    ids: NDArray[np.str_]
    split: NDArray[np.str_]
    label: NDArray[np.int64]
    log_probs: Mapping[str, NDArray[np.float64]]
    classes: tuple[str, ...]
    positive: tuple[int, ...]
    provenance: Provenance
    groups: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)
    references: References | None = None
    relearned: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    alignments: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._validate_shapes()
        self._validate_values()
        self._validate_references()

    def _validate_shapes(self) -> None:
        n, k = len(self.ids), len(self.classes)
        columns = {"split": self.split, "label": self.label, **{f"group '{g}'": v for g, v in self.groups.items()}}
        for name, column in columns.items():
            if column.shape != (n,):
                raise EvidenceError(f"expected one {name} for each of {n} records, found shape {column.shape}")
        if not self.log_probs:
            raise EvidenceError("expected predictions of at least one model, found none")
        if unknown := sorted(self.relearned.keys() - self.log_probs.keys()):
            raise EvidenceError(f"'{unknown[0]}' was relearned, which is no model of this evidence")
        for model, values in self.alignments.items():
            if values.shape != (n,) or not np.isfinite(values).all() or model not in self.log_probs:
                raise EvidenceError(f"model '{model}': expected one finite alignment for each of {n} records")
        for model, values in (*self.log_probs.items(), *self.relearned.items()):
            if values.shape != (n, k):
                raise EvidenceError(
                    f"model '{model}': expected predictions of shape ({n}, {k}) for {n} records and {k} classes, "
                    f"found {values.shape}"
                )

    def _validate_values(self) -> None:
        if len(set(self.ids.tolist())) < len(self.ids):
            unique, counts = np.unique(self.ids, return_counts=True)
            raise EvidenceError(f"expected unique record ids, found duplicates: {_show(unique[counts > 1])}")
        unknown = np.unique(self.split[~np.isin(self.split, SPLITS)])
        if unknown.size:
            raise EvidenceError(f"expected splits {', '.join(SPLITS)}, found {_show(unknown)}")
        k = len(self.classes)
        outside = (self.label < 0) | (self.label >= k)
        if outside.any():
            raise EvidenceError(f"expected labels 0 to {k - 1}, found others at {_show(self.ids[outside])}")
        if not self.positive or len(self.positive) >= k or not all(0 <= c < k for c in self.positive):
            raise EvidenceError(
                f"expected some but not all of the classes 0 to {k - 1} as positive, got {self.positive}"
            )
        for model, values in (*self.log_probs.items(), *self.relearned.items()):
            finite = np.isfinite(values)
            if not finite.all():
                found = _show(self.ids[~finite.all(axis=1)])
                raise EvidenceError(f"model '{model}': predictions that are no finite numbers at {found}")
            off = np.abs(np.einsum("ij->i", np.exp(values)) - 1) > _SUM_TOLERANCE
            if (values > 0).any():
                off |= (values > 0).any(axis=1)
            if off.any():
                raise EvidenceError(
                    f"model '{model}': probabilities outside [0, 1] or not summing to one at {_show(self.ids[off])}"
                )

    def _validate_references(self) -> None:
        if self.references is None:
            return
        n, k = self.references.log_probs.shape[1:]
        if (n, k) != (len(self.ids), len(self.classes)):
            raise EvidenceError(
                f"expected reference models' answers on {len(self.ids)} records and {len(self.classes)} classes, "
                f"found {n} and {k}"
            )
        known = {*self.log_probs, *(card.name for card in self.provenance.models)}
        if unknown := sorted(self.references.unlearned.keys() - known):
            raise EvidenceError(
                f"reference models were unlearned as {unknown[0]!r}, which is no model of this evidence"
            )
        strangers = self.references.candidates & ~np.isin(self.split, ("forget", "test"))
        if strangers.any():
            raise EvidenceError(
                f"expected forget and test records as candidates, found others: {_show(self.ids[strangers])}"
            )

    def __len__(self) -> int:
        """Return the number of records."""
        return len(self.ids)

    def _repr_html_(self) -> str:
        """Return the splits and what is there of models, as a table for notebooks; no id and no answer is shown."""
        models = f"models {', '.join(self.log_probs)}"
        references = f"; {self.references.count} reference models" if self.references else ""
        masks = ((name, self.select(name)) for name in SPLITS)
        rows = [(name, int(mask.sum()), int((mask & self.is_positive).sum())) for name, mask in masks]
        return draw_table(f"{len(self):,} records; {models}{references}", ("Split", "Records", "Positive"), rows)

    @cached_property
    def is_positive(self) -> NDArray[np.bool_]:
        """(n,) whether the record's true class is positive."""
        return np.isin(self.label, self.positive)

    def select(self, split: str) -> NDArray[np.bool_]:
        """Return the (n,) mask of the records in `split`; read-only, as it is made once."""
        if split not in self._masks:
            mask = np.asarray(self.split == split, dtype=np.bool_)
            mask.setflags(write=False)
            self._masks[split] = mask
        return self._masks[split]

    @cached_property
    def _masks(self) -> dict[str, NDArray[np.bool_]]:
        return {}

    def find_shared(self, column: str) -> dict[tuple[str, str], int]:
        """Return how many known groups of `column` each two of train, validation and test share, where they share any.

        Train is `retain` and `forget` together.
        """
        values = self.groups[column]
        masks = {name: self.select(name) for name in ("validation", "test")}
        masks = {"train": self.select("retain") | self.select("forget"), **masks}
        groups = {name: np.unique(values[mask & (values != "")]) for name, mask in masks.items()}
        shared = {(a, b): len(np.intersect1d(groups[a], groups[b])) for a, b in combinations(groups, 2)}
        return {pair: count for pair, count in shared.items() if count}

    def positive_probability(self, model: str) -> NDArray[np.float64]:
        """Return (n,) the probability that `model` gives to the positive classes together, in [0, 1]."""
        total = np.exp(self.log_probs[model][:, list(self.positive)]).sum(axis=1)
        return np.asarray(total.clip(0.0, 1.0), dtype=np.float64)

    def predicted_positive(self, model: str) -> NDArray[np.bool_]:
        """Return (n,) whether the most probable class is positive: the 'argmax' operating point."""
        return np.isin(self.log_probs[model].argmax(axis=1), self.positive)

    def digest_split(self, split: str) -> str:
        """Return the SHA-256 of the canonical JSON of the sorted ids in `split`: two runs on the same records agree."""
        return digest_of(sorted(str(item) for item in self.ids[self.select(split)]))

    def digest(self) -> str:
        """Return the SHA-256 of the content, independent of how and by which library version it is stored."""
        sha = hashlib.sha256()
        head = {
            "classes": list(self.classes),
            "positive": list(self.positive),
            "models": list(self.log_probs),
            "groups": list(self.groups),
            "n": len(self),
            "provenance": self.provenance.model_dump(mode="json"),
        }
        sha.update(to_canonical_json(head))
        for column in (self.ids, self.split, *self.groups.values()):
            sha.update(to_canonical_json([str(item) for item in column]))
        sha.update(np.ascontiguousarray(self.label, dtype="<i8").tobytes())
        for values in self.log_probs.values():
            sha.update(np.ascontiguousarray(values, dtype="<f8").tobytes())
        if self.references is not None:
            self.references.feed(sha)
        for kind, columns in (("relearned", self.relearned), ("alignment", self.alignments)):
            for name, values in columns.items():
                sha.update(to_canonical_json([kind, name]))
                sha.update(np.ascontiguousarray(values, dtype="<f8").tobytes())
        return sha.hexdigest()
