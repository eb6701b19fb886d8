"""Scores of an attack on reference models about records that they were not trained on."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.errors import MeasurementError
from unlearn_audit.findings.attacks.scoring import (
    Mask,
    Pair,
    gather_ensemble,
    get_references,
    name_calibrator,
    select_answers,
    select_group,
)
from unlearn_audit.findings.attacks.table import Needs, find_attack
from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.records import Population, write_message
from unlearn_audit.stats import View


def score_unseen(context: EvaluationContext, model: str, among: Population, attack: str) -> Iterator[Pair]:
    """Yield, for each reference model, the scores of forget and of test candidates that it was never trained on.

    The model is attacked with the help of all others but its partner (`Ensemble.leave_out` says why). For U-LiRA it is
    the model after unlearning its own half; the records are those of the other half.

    Raises:
        MeasurementError: no reference models, too few of them, or fewer records than the policy's smallest group.
    """
    references = get_references(context, attack)
    for number, scores in enumerate(_score_all(context, model, attack)):
        values = np.zeros(len(context.evidence))
        values[references.candidates] = scores
        unseen = references.candidates & ~references.trained_on[number]
        forget, test = (select_group(context, split, among, unseen) for split in ("forget", "test"))
        yield values[forget], values[test]


def _score_all(context: EvaluationContext, model: str, attack: str) -> tuple[NDArray[np.float64], ...]:
    """Return for each of K reference models the (c,) scores of the candidates; computed once for each context."""
    needs = find_attack(attack).needs
    calibrator = name_calibrator(context, model) if needs is Needs.UNLEARNED else ""
    return context.remember(("unseen", attack, calibrator), lambda: tuple(_attack_each(context, attack, calibrator)))


def _attack_each(context: EvaluationContext, attack: str, calibrator: str) -> Iterator[NDArray[np.float64]]:
    row, evidence = find_attack(attack), context.evidence
    candidates, population = get_references(context, attack).candidates, evidence.select("validation")
    for number, log_probs in enumerate(select_answers(context, attack, calibrator)):
        if row.needs is Needs.NOTHING:
            view = _narrow(log_probs, evidence.label, candidates)
        else:
            rest = gather_ensemble(context, attack, calibrator).leave_out(number)
            view = View(log_probs, evidence.label, candidates, population, rest)
        scores = np.asarray(row.score(view), dtype=np.float64)
        if not np.isfinite(scores).all():
            raise MeasurementError(write_message("attack-scores-not-finite-on-reference", attack=attack, number=number))
        yield scores


def score_swapped(context: EvaluationContext, model: str, attack: str) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the (K, c) scores that a population attack gives the candidates, and (K, c) who had trained on which.

    The attacked are the reference models after the method that made `model` forgot their own half.

    Raises:
        MeasurementError: no reference models, or they did not undergo that method.
    """
    references, row, labels = context.evidence.references, find_attack(attack), context.evidence.label
    if references is None or model not in references.unlearned:
        raise MeasurementError(write_message("no-unlearned-references-for-swap", model=model))
    candidates = references.candidates
    scores = [row.score(_narrow(log_probs, labels, candidates)) for log_probs in references.unlearned[model]]
    return np.stack(scores), references.trained_on[:, candidates]


def _narrow(log_probs: NDArray[np.float64], labels: NDArray[np.int64], records: Mask) -> View:
    """Return a view of nothing but `records`, for an attack that needs no others."""
    every = np.ones(int(records.sum()), dtype=np.bool_)
    return View(log_probs[records], labels[records], every, ~every)
