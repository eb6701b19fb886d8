"""Simulated models that a policy is proved on: six that must not pass, and a fine one that should.

A record's latent score, phi, is how far its answer lies on the side of its true class: normal with standard deviation 1
around delta / 2, where delta = sqrt(2) probit(AUROC). The log-odds of positive are delta times it, with its sign, plus
the log-odds of the prevalence in training: the calibrated answer of that normal model. What a model remembers moves phi
of the records it trained on. Four fifths of the variance of phi belong to the record and are shared by all models.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import log, sqrt
from statistics import NormalDist
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.policy import Policy

Numbers = NDArray[np.float64]
Mask = NDArray[np.bool_]

MEMORY = 1.0
"""By how much a trained record's phi is moved where a model remembers it, in standard deviations: an AUC of 0.76."""
COMPLETE = 6.0
"""The same, for a record that is remembered completely: it scores above every record that was not trained on."""
RETAINED = 1.5
"""The same, for retained records."""
FULLY_EXPOSED = 0.05
"""Share of the erased that one of the bad models remembers completely."""
SHARED = 0.8
"""Share of the variance of phi that belongs to the record."""


@dataclass(frozen=True)
class Signal:
    """What the latent scores of a policy's models look like.

    Attributes:
        delta: distance between the classes in standard deviations.
        prior: log-odds of positive in training.
        first_threshold: log-odds at the policy's first operating point, as a calibrated model would place it.
    """

    delta: float
    prior: float
    first_threshold: float

    @classmethod
    def of(cls, policy: Policy) -> "Signal":
        """Return the signal at the sizes that `policy` declares.

        Raises:
            ValueError: it declares none.
        """
        if policy.sizes is None:
            raise ValueError("expected a policy that declares sizes, found none")
        share = policy.sizes.train.positive
        at_argmax = str(policy.task.operating_points[0]) == "argmax"
        return cls(
            delta=sqrt(2) * NormalDist().inv_cdf(policy.sizes.auroc),
            prior=log(share / (1 - share)),
            first_threshold=0.0 if at_argmax else -log(policy.costs.ratio),
        )

    def answer(self, phi: Numbers, positive: Mask) -> Numbers:
        """Return the log-odds of positive from the latent scores."""
        return np.asarray(self.delta * np.where(positive, phi, -phi) + self.prior)


Places = NDArray[np.int64]
Remember = Callable[[Mask, Places], Numbers]
Distort = Callable[[np.random.Generator, Numbers, Mask, Signal], Numbers]


@dataclass(frozen=True)
class SimulatedModel:
    """An audited model whose faults are known.

    Attributes:
        title: what is wrong with it, as printed.
        remember: (n,) by how much phi is moved of records that were trained on and forgotten, from whether each is
            positive and its place, counted from the first erased record: the same in every model.
        distort: what becomes of its (n,) log-odds, where anything does.
        copies: correlation of the model's own noise with the original's, from which it was unlearned.
    """

    title: str
    remember: Remember
    distort: Distort | None = None
    copies: float = 0.7


def _forget(positive: Mask, places: Places) -> Numbers:
    del places
    return np.zeros(len(positive))


def _remember_all(positive: Mask, places: Places) -> Numbers:
    del places
    return np.full(len(positive), MEMORY)


def _remember_positives(positive: Mask, places: Places) -> Numbers:
    del places
    return np.where(positive, MEMORY, 0.0)


def _remember_few(positive: Mask, places: Places) -> Numbers:
    """One in twenty of the records, rounded up, completely; the others not at all."""
    del positive
    return np.where(places % round(1 / FULLY_EXPOSED) == 0, COMPLETE, 0.0)


def _collapse(rng: np.random.Generator, log_odds: Numbers, positive: Mask, signal: Signal) -> Numbers:
    """Call everything negative, at every threshold that the costs suggest."""
    del positive
    return np.asarray(min(0.0, signal.first_threshold) - 5 + 0.1 * rng.standard_normal(len(log_odds)))


def _guess(rng: np.random.Generator, log_odds: Numbers, positive: Mask, signal: Signal) -> Numbers:
    """Answer as often positive and as surely as a fine model, whatever the record is."""
    del positive, signal
    return np.asarray(log_odds[rng.permutation(len(log_odds))])


def _move_threshold(rng: np.random.Generator, log_odds: Numbers, positive: Mask, signal: Signal) -> Numbers:
    """Lower every answer until half of the positives are missed at the first operating point; ranking stays."""
    del rng, positive
    middle = signal.delta**2 / 2 + signal.prior
    return np.asarray(log_odds - max(0.0, middle - signal.first_threshold))


BAD_MODELS: Mapping[str, SimulatedModel] = MappingProxyType(
    {
        "untouched": SimulatedModel(
            "the untouched original, which remembers what it trained on", _remember_all, copies=0.99
        ),
        "collapsed": SimulatedModel("a model collapsed to one class", _forget, _collapse),
        "random": SimulatedModel("a model that answers at random", _forget, _guess),
        "remembers-positives": SimulatedModel("a model that remembers the erased positives alone", _remember_positives),
        "remembers-few": SimulatedModel("a model that remembers 5 % of the erased completely", _remember_few),
        "moved-threshold": SimulatedModel(
            "a model whose threshold is moved: half of the positives missed", _forget, _move_threshold
        ),
    }
)
"""What no policy may let pass, by name. Names enter the seeds."""
FINE = "fine"
FINE_MODEL = SimulatedModel("fine: forgotten, and as good as the original", _forget)
