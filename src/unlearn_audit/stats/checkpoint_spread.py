"""The audited checkpoint against its procedure: one more draw of it, or an outlier among its models.

Tests over reference pairs speak of a procedure. They speak of the audited checkpoint too only if it is one of its
models. Each reference model is scored as the checkpoint is, against the other pairs; the checkpoint's score should then
be one more of the same kind.
"""

from dataclasses import dataclass

import numpy as np

from unlearn_audit.errors import MeasurementError
from unlearn_audit.records import Estimate, Interval, Unit, write_message
from unlearn_audit.stats.auc import compute_auc, find_reach
from unlearn_audit.stats.reference_pairs import Floats, Masks, bound_logit, find_pairs
from unlearn_audit.stats.validation import validate_confidence
from unlearn_audit.stats.worst_record import PRIOR_FREEDOM


@dataclass(frozen=True, eq=False)
class CheckpointSpread:
    """One checkpoint beside the reference models of its procedure.

    Attributes:
        estimate: the checkpoint's AUC between the records it was trained on and the others, each calibrated by the
            references; `interval` is where one more reference model would lie. Without bounds: it decides nothing.
        references: (K,) the same number for each reference model, calibrated by the pairs it does not belong to.
        p: share of models, the checkpoint among them, at least as far from the mean of all: 1 / (K + 1) or above.
        outlier: whether the checkpoint lies outside the interval.
    """

    estimate: Estimate
    references: Floats
    p: float
    outlier: bool


def compare_checkpoint(
    checkpoint: Floats, trained_on: Masks, references: Floats, references_trained_on: Masks, *, confidence: float
) -> CheckpointSpread:
    """Compare a checkpoint with the reference models that underwent the same procedure.

    For model m and record i, u = (phi_m[i] - centre[i]) / spread[i], where centre is the middle between the mean of
    phi over IN and over OUT models and spread their common standard deviation, shrunk as in `worst_record`. Both leave
    out one pair: the model's own; for the checkpoint each in turn, the AUCs averaged. The number is the AUC of u
    between records that m was trained on and the others: 1/2 where nothing is left.

    Args:
        checkpoint: (c,) phi of the audited checkpoint.
        trained_on: (c,) whether the checkpoint was trained on the record (forget) or not (control).
        references: (K, c) phi of the reference models after the same procedure.
        references_trained_on: (K, c) whether model k was trained on record i before it.
        confidence: of the interval, in [0.5, 1).

    Returns:
        The comparison. Within the spread does not mean that nothing is left: only that what the pairs say about the
        procedure holds for this checkpoint as for any other.

    Source: Student's prediction interval, K - 1 degrees of freedom; rank p-value: Vovk et al. (2005).

    Raises:
        MeasurementError: as `find_pairs`; shapes that differ; a checkpoint trained on all records or on none.
    """
    validate_confidence(confidence)
    _validate_shapes(checkpoint, trained_on, references, references_trained_on)
    pairs = find_pairs(references_trained_on)
    held, target = bound_logit(references), bound_logit(checkpoint)
    ours, theirs = np.empty(len(pairs)), np.empty(len(references))
    for index, pair in enumerate(pairs):
        others = np.setdiff1d(np.arange(len(references)), pair)
        centre, spread = _calibrate(held[others], references_trained_on[others])
        ours[index] = _score((target - centre) / spread, trained_on)
        for model in pair:
            theirs[model] = _score((held[model] - centre) / spread, references_trained_on[model])
    return _judge(float(ours.mean()), theirs, len(checkpoint), confidence)


def _judge(value: float, references: Floats, records: int, confidence: float) -> CheckpointSpread:
    count = len(references)
    reach = find_reach((1 - confidence) / 2, count - 1) * float(references.std(ddof=1)) * np.sqrt(1 + 1 / count)
    middle = float(references.mean())
    interval = Interval(
        low=max(0.0, middle - reach),
        high=min(1.0, middle + reach),
        confidence=confidence,
        method=write_message("student-prediction", models=count),
        sides="two",
    )
    every = np.append(references, value)
    distance = np.abs(every - every.mean())
    return CheckpointSpread(
        estimate=Estimate(value=value, unit=Unit.AUC, n=records, interval=interval),
        references=references,
        p=float((distance >= distance[-1] - 1e-12).mean()),
        outlier=not interval.low - 1e-12 <= value <= interval.high + 1e-12,
    )


def _calibrate(phi: Floats, trained_on: Masks) -> tuple[Floats, Floats]:
    """Return (c,) the middle between the means of IN and OUT models, and their common standard deviation, shrunk."""
    means, squares = [], np.zeros(phi.shape[1])
    for side in (trained_on, ~trained_on):
        mean = np.where(side, phi, 0.0).sum(axis=0) / side.sum(axis=0)
        squares += np.where(side, (phi - mean) ** 2, 0.0).sum(axis=0)
        means.append(mean)
    freedom = len(phi) - 2
    varied = squares > 0
    if not varied.any():
        raise MeasurementError(write_message("reference-models-alike"))
    usual = float(np.exp(np.log(squares[varied] / freedom).mean()))
    return (means[0] + means[1]) / 2, np.sqrt((PRIOR_FREEDOM * usual + squares) / (PRIOR_FREEDOM + freedom))


def _score(residuals: Floats, trained_on: Masks) -> float:
    return compute_auc(residuals[trained_on], residuals[~trained_on])


def _validate_shapes(checkpoint: Floats, trained_on: Masks, references: Floats, references_trained_on: Masks) -> None:
    if references.shape != references_trained_on.shape or not (
        checkpoint.shape == trained_on.shape == references.shape[1:]
    ):
        raise MeasurementError(
            write_message(
                "checkpoint-of-other-records",
                checkpoint=checkpoint.shape,
                trained_on=trained_on.shape,
                references=references.shape,
                references_trained_on=references_trained_on.shape,
            )
        )
    if not np.isfinite(checkpoint).all() or not np.isfinite(references).all():
        wrong = int((~np.isfinite(checkpoint)).sum() + (~np.isfinite(references)).sum())
        raise MeasurementError(write_message("log-odds-not-finite", wrong=wrong, n=checkpoint.size + references.size))
    if trained_on.all() or not trained_on.any():
        raise MeasurementError(write_message("one-side-of-checkpoint"))
