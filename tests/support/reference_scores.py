"""Reference models with a planted truth: phi is normal around each record's own mean, plus what training left."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Plant:
    """phi of an attacked model (c,) and of K reference models (K, c), who trained on what, who is to be forgotten."""

    target: np.ndarray
    references: np.ndarray
    trained_on: np.ndarray
    forget: np.ndarray

    def split(self, scores):
        """Return the scores of the forget records and of the controls."""
        return scores[self.forget], scores[~self.forget]


def draw_halves(models, records, rng):
    """Return (K, c) who trained on what: random halves, each model's partner on the other half."""
    half = np.stack([rng.permutation(records) < records // 2 for _ in range(models // 2)])
    trained_on = np.empty((models, records), dtype=bool)
    trained_on[::2], trained_on[1::2] = half, ~half
    return trained_on


def plant(rng, *, models=16, records=300, left=0.0, scatter=0.6, harder=0.0):
    """Return a plant.

    Args:
        rng: draws everything.
        models: K, even.
        records: c, half of which are to be forgotten.
        left: what training on a record adds to its phi.
        scatter: of the log standard deviations over records.
        harder: by how much the phi of forget records lies below that of controls.
    """
    forget = np.arange(records) < records // 2
    mean = rng.normal(2, 2, records) - harder * forget
    spread = np.exp(rng.normal(0, scatter, records))
    trained_on = draw_halves(models, records, rng)
    references = mean + spread * rng.normal(size=(models, records)) + left * trained_on
    target = mean + spread * rng.normal(size=records) + left * forget
    return Plant(target, references, trained_on, forget)
