"""Alignment of answers with records: shuffled answers are found by memory, which is no worse on training records.

For the records that a model was trained on and for test records, the log-probability of the true class is compared by
ranks (Mann-Whitney), within positives and within negatives, so that shares of classes do not matter; the two AUCs are
pooled by the inverse of their variances under equality, (m + n + 1) / (12 m n). At 1/2 training records are answered as
well as test records; memorised ones lie above. Answers that stand at other records' ids lie far below: their true class
is then anybody's. A pooled AUC of at most 0.45 that is also four standard errors below 1/2 is called a mismatch.

What must not be concluded: a file that was shuffled within classes, or whose model hardly tells classes apart, is not
found. Training labels that are much noisier than test labels are found too, and forgetting cannot be read off such data
either: forgotten and unseen records differ before any model sees them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.evidence import Evidence
from unlearn_audit.records import Message, write_message
from unlearn_audit.records.intake import IntakeEntry, note_intake
from unlearn_audit.stats import compute_auc

_FEWEST = 10
_MOST = 20_000
_WORST_AUC, _ERRORS, _WEAK_ERRORS = 0.45, -4.0, -2.0
_SAME = 1e-6


@dataclass(frozen=True)
class Fit:
    """How a model answers on a split that it was trained on, against test: pooled AUC, and standard errors from 1/2."""

    model: str
    split: str
    auc: float
    errors: float

    @property
    def mismatches(self) -> bool:
        """Whether answers seem to stand at other records' ids."""
        return self.auc <= _WORST_AUC and self.errors <= _ERRORS


def compare_fit(evidence: Evidence) -> tuple[Fit, ...]:
    """Return the fit of each model on each split that it was trained on: of the original retain and forget."""
    return tuple(_compare_all(evidence))


def _compare_all(evidence: Evidence) -> Iterator[Fit]:
    rows = np.arange(len(evidence))
    for model, values in evidence.log_probs.items():
        right = values[rows, evidence.label]
        for split in ("retain", "forget") if model == "original" else ("retain",):
            parts = [
                part
                for kind in (evidence.is_positive, ~evidence.is_positive)
                if (part := _compare(right[evidence.select(split) & kind], right[evidence.select("test") & kind]))
            ]
            if parts:
                weights = np.array([1 / variance for _, variance in parts])
                auc = float(np.average([auc for auc, _ in parts], weights=weights))
                yield Fit(model, split, auc, float((auc - 0.5) * np.sqrt(weights.sum())))


def _compare(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> tuple[float, float] | None:
    ours, theirs = (part[:: max(1, len(part) // _MOST)] for part in (ours, theirs))
    m, n = len(ours), len(theirs)
    if min(m, n) < _FEWEST:
        return None
    return compute_auc(ours, theirs), (m + n + 1) / (12 * m * n)


def describe_alignment(evidence: Evidence) -> tuple[IntakeEntry, ...]:
    """Return what the fits say: that answers stand at their records, that they do not, or that it cannot be seen."""
    fits = compare_fit(evidence)
    wrong = [fit for fit in fits if fit.mismatches]
    if wrong:
        return tuple(
            note_intake("alignment.mismatch", model=fit.model, split=fit.split, z=f"{-fit.errors:.0f}") for fit in wrong
        )
    if not any(fit.model == "original" for fit in fits):
        return (note_intake("alignment.unknown", why="too few training and test records of each class"),)
    weak = [fit for fit in fits if fit.errors <= _WEAK_ERRORS]
    if weak:
        return tuple(note_intake("alignment.weak", model=fit.model, split=fit.split, auc=fit.auc) for fit in weak)
    return (note_intake("alignment.holds"),)


def explain_misaligned(evidence: Evidence) -> Message | None:
    """Return why forgetting cannot be measured on `evidence`, None where answers stand at their records."""
    entries = [entry for entry in describe_alignment(evidence) if entry.code == "alignment.mismatch"]
    return write_message("answers-at-other-records", **entries[0].details) if entries else None


def describe_equality(evidence: Evidence) -> tuple[IntakeEntry, ...]:
    """Return which models give every record the very answers of an earlier one."""
    models = list(evidence.log_probs)
    same = [
        note_intake("equality.same-answers", model=model, other=other)
        for place, model in enumerate(models)
        for other in models[:place]
        if np.abs(evidence.log_probs[model] - evidence.log_probs[other]).max() <= _SAME
    ]
    return tuple(same) or (note_intake("equality.none"),)
