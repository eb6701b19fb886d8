"""Scores as log-probabilities. Their kind is declared, never guessed; impossible values are refused."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.data.dataset import name_some
from unlearn_audit.errors import EvidenceError
from unlearn_audit.records.intake import IntakeEntry, note_intake

Kind = Literal["probabilities", "logits", "log-probabilities"]
Scores = NDArray[np.float64]

_ROUNDING = 2e-3  # of a sum of probabilities with three decimals; coarser ones hide what membership is read from
_PERCENT = 100.0
_FLOOR = 1e-12


@dataclass(frozen=True, eq=False)
class Converted:
    """(n, k) log-probabilities, and what a reader must know of how they came about."""

    log_probs: Scores
    intake: tuple[IntakeEntry, ...] = ()


def to_log_probs(values: Scores, kind: Kind, model: str, ids: NDArray[np.str_]) -> Converted:
    """Return the log-probabilities (natural logarithm) that `values` stand for.

    One column is the positive class's: its probability p, its log-probability, or its logit log p / (1 - p); the
    result has two columns then, negative first. Logits of k columns may lack any common constant. Probabilities whose
    sum strays from one by rounding are divided by it; a probability of zero becomes 1e-12, or half of the model's
    smallest positive one where that is less, so that the order of records is kept. Both are counted in the intake.

    Args:
        values: (n, k) scores, finite.
        kind: what they are.
        model: whose they are, for messages.
        ids: (n,) record ids, for messages.

    Raises:
        EvidenceError: percentages, logits declared as probabilities (or the other way round), rows that do not sum to
            one: with the first records.
    """
    if kind == "logits":
        _validate_logits(values, model)
        pair = np.column_stack([np.zeros(len(values)), values[:, 0]]) if values.shape[1] == 1 else values
        return Converted(_log_softmax(pair))
    if kind == "log-probabilities":
        if (values > 0).any():
            raise EvidenceError(
                f"model '{model}': expected log-probabilities at or below zero, found {values.max():g}",
                hint="are they logits? say 'scores: logits' in the case file or --scores logits",
            )
        values = np.exp(values)
    _validate_probabilities(values, model, ids)
    shares = np.column_stack([1 - values[:, 0], values[:, 0]]) if values.shape[1] == 1 else values
    return _take_logarithm(shares, model, ids)


def _log_softmax(logits: Scores) -> Scores:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)), dtype=np.float64)


def _validate_logits(values: Scores, model: str) -> None:
    inside = bool(((values >= 0) & (values <= 1)).all())
    if inside and (values.shape[1] == 1 or np.allclose(values.sum(axis=1), 1, atol=_ROUNDING)):
        raise EvidenceError(
            f"model '{model}': expected logits, found numbers between 0 and 1"
            + (" that sum to one in every row" if values.shape[1] > 1 else " throughout"),
            hint="these are probabilities: say 'scores: probabilities' in the case file, or nothing for predictions",
        )


def _validate_probabilities(values: Scores, model: str, ids: NDArray[np.str_]) -> None:
    outside = ((values < 0) | (values > 1)).any(axis=1)
    if not outside.any():
        return
    row = int(np.flatnonzero(outside)[0])
    shown = ", ".join(f"{value:g}" for value in values[row][:4])
    sums = values.sum(axis=1)
    percent = (values >= 0).all() and (
        np.allclose(sums, _PERCENT, atol=_PERCENT * _ROUNDING)
        if values.shape[1] > 1
        else bool((values <= _PERCENT).all())
    )
    hint = (
        "these look like percentages: divide by 100"
        if percent
        else "are they logits? say 'scores: logits' in the case file or --scores logits"
    )
    raise EvidenceError(
        f"model '{model}': expected probabilities between 0 and 1, found {shown} for record '{ids[row]}', "
        f"and such numbers in {int(outside.sum())} of {len(values)} rows",
        hint=hint,
    )


def _take_logarithm(shares: Scores, model: str, ids: NDArray[np.str_]) -> Converted:
    sums = shares.sum(axis=1, keepdims=True)
    off = np.abs(sums[:, 0] - 1) > _ROUNDING
    if off.any():
        row = int(np.flatnonzero(off)[0])
        raise EvidenceError(
            f"model '{model}': expected probabilities that sum to one for each record, found {sums[row, 0]:.6g} for "
            f"record {name_some(ids[off])} ({int(off.sum())} of {len(ids)} rows)",
            hint="is a class's column missing, or are the numbers rounded to fewer than three decimals?",
        )
    entries = []
    worst = float(np.abs(sums - 1).max())
    if worst > 1e-6:  # noqa: PLR2004 - float32 softmax strays less
        entries.append(note_intake("scores.divided", model=model, worst=worst))
    zero = shares == 0
    if zero.any():
        # below every probability that is not zero, and above zero itself, which has no logarithm
        floor = max(min(_FLOOR, float(shares[~zero].min()) / 2), float(np.nextafter(0.0, 1.0)))
        shares = np.where(zero, floor, shares)
        sums = shares.sum(axis=1, keepdims=True)
        count = int(zero.any(axis=1).sum())
        entries.append(note_intake("scores.zero", count=count, n=len(ids), model=model, floor=floor))
    return Converted(np.minimum(np.log(shares / sums), 0.0), tuple(entries))
