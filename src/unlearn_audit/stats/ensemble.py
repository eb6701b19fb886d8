"""The input of an attack: one model's answers, and those of reference models that did or did not train on a record.

A *candidate* is a record that half of the reference models were trained on (IN) and half were not (OUT). Only on
candidates can a score be calibrated record by record, which is what makes these attacks stronger than a threshold.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.errors import MeasurementError
from unlearn_audit.records import write_message
from unlearn_audit.stats.membership import Labels, LogProbs, Scores, score_logit, score_loss

Masks = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Ensemble:
    """K reference models' answers about the true class of c candidates and of records that no model saw, or all did.

    Attributes:
        logit: (K, c) phi = log p_y - log(1 - p_y) on the candidates.
        loss: (K, c) log p_y on the candidates.
        trained_on: (K, c) whether model k was trained on candidate i.
        population: (K, z) log p_y on records that no model was trained on (validation).
        retain: (K, r) log p_y on records that every model was trained on.
    """

    logit: Scores
    loss: Scores
    trained_on: Masks
    population: Scores
    retain: Scores

    @classmethod
    def of(
        cls,
        log_probs: NDArray[np.float64],
        labels: Labels,
        trained_on: Masks,
        *,
        candidates: Masks,
        population: Masks,
        retain: Masks,
    ) -> "Ensemble":
        """Return the ensemble of K models from their log-probabilities (K, n, k) on the n records of the evidence.

        Raises:
            MeasurementError: no candidate, models that were trained on other records than the design says, or values
                that are no log-probabilities.
        """
        _require_design(trained_on, candidates, population, retain)
        return cls(
            logit=_ask(score_logit, log_probs[:, candidates], labels[candidates]),
            loss=_ask(score_loss, log_probs[:, candidates], labels[candidates]),
            trained_on=trained_on[:, candidates],
            population=_pick(log_probs[:, population], labels[population]),
            retain=_pick(log_probs[:, retain], labels[retain]),
        )

    @property
    def count(self) -> int:
        """K, the number of reference models."""
        return len(self.logit)

    @cached_property
    def partners(self) -> NDArray[np.int64]:
        """(K,) the model with the complementary half of the candidates; models stand side by side in pairs.

        Raises:
            MeasurementError: they do not.
        """
        if self.count % 2 or (self.trained_on[::2] == self.trained_on[1::2]).any():
            raise MeasurementError(
                write_message("reference-models-not-in-pairs"),
                hint="exchanging a pair must exchange IN and OUT of every record, or the comparison is not fair",
            )
        return np.arange(self.count) ^ 1

    def leave_out(self, model: int) -> "Ensemble":
        """Return the ensemble without `model` and its partner.

        The partner goes too: without it the side that `model` was on would have one model fewer than the other, so
        that fits of the two sides would differ in precision, and the scores in level, although nothing leaks.
        """
        kept = ~np.isin(np.arange(self.count), (model, self.partners[model]))
        return Ensemble(
            self.logit[kept], self.loss[kept], self.trained_on[kept], self.population[kept], self.retain[kept]
        )


def _require_design(trained_on: Masks, candidates: Masks, population: Masks, retain: Masks) -> None:
    """Refuse sides of unequal size: the smaller is known less well, and its records score lower for that alone."""
    if not candidates.any():
        raise MeasurementError(write_message("no-candidates"))
    uneven = int((2 * trained_on[:, candidates].sum(axis=0) != len(trained_on)).sum())
    if uneven:
        raise MeasurementError(write_message("candidates-not-halved", models=len(trained_on), uneven=uneven))
    if trained_on[:, population].any() or not trained_on[:, retain].all():
        raise MeasurementError(write_message("reference-models-trained-otherwise"))


def _ask(signal: Callable[[LogProbs, Labels], Scores], log_probs: NDArray[np.float64], labels: Labels) -> Scores:
    models, records, classes = log_probs.shape
    return signal(log_probs.reshape(models * records, classes), np.tile(labels, models)).reshape(models, records)


def _pick(log_probs: NDArray[np.float64], labels: Labels) -> Scores:
    return np.asarray(log_probs[:, np.arange(len(labels)), labels], dtype=np.float64)


@dataclass(frozen=True, eq=False)
class View:
    """What an attack may look at: never who is to be forgotten.

    Attributes:
        log_probs: (n, k) log-probabilities of the attacked model.
        labels: (n,) true classes.
        candidates: (n,) records that a reference attack scores; all where there are no reference models.
        population: (n,) records that neither the attacked nor any reference model was trained on.
        references: the reference models' answers; None for an attack that needs none.
    """

    log_probs: LogProbs
    labels: Labels
    candidates: Masks
    population: Masks
    references: Ensemble | None = None

    @property
    def ensemble(self) -> Ensemble:
        """The reference models.

        Raises:
            MeasurementError: there are none.
        """
        if self.references is None:
            raise MeasurementError(write_message("no-reference-models"))
        return self.references

    @property
    def logit(self) -> Scores:
        """(c,) phi of the attacked model on the candidates."""
        return score_logit(self.log_probs[self.candidates], self.labels[self.candidates])

    @property
    def loss(self) -> Scores:
        """(c,) log p_y of the attacked model on the candidates."""
        return score_loss(self.log_probs[self.candidates], self.labels[self.candidates])

    @property
    def population_loss(self) -> Scores:
        """(z,) log p_y of the attacked model on the population."""
        found: Scores = _pick(self.log_probs[None, self.population], self.labels[self.population])[0]
        return found
