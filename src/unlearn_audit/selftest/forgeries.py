"""Dishonest providers: an original that was never unlearned, with its answers forged so that it may pass.

Each takes the answers of the scenario 'no-op', in which the audited model remembers everything, or of a model whose
answers on the erased are like those on strangers', which nobody can tell from a model that forgot.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.evidence import Evidence
from unlearn_audit.selftest.scenarios import SCENARIOS
from unlearn_audit.selftest.simulation import Behaviour, Simulation, answer, draw_evidence

if TYPE_CHECKING:
    from unlearn_audit.policy import Policy
    from unlearn_audit.selftest.scenarios import Kind

Answers = dict[str, NDArray[np.float64]]
Forge = Callable[[Evidence, Answers, np.random.Generator], Answers]
_CLIP = 2.0
"""Log-odds of the true class to which a filter clips: what strangers get at the median."""


@dataclass(frozen=True)
class Forgery:
    """What a provider hands in, and whether its answers can give it away.

    Attributes:
        title: what was done, as printed.
        forge: returns (n, 2) log-probabilities by model from those of the simulation.
        simulation: what is true before anything is forged.
        truth: what is true of it, as printed.
        kind: 'dishonest' where the gate must not pass it, 'undetectable' where answers alone cannot tell.
    """

    title: str
    forge: Forge
    simulation: Simulation = SCENARIOS["no-op"].simulation
    kind: "Kind" = "dishonest"
    truth: str = "the audited model remembers the erased"

    @property
    def policy(self) -> "Policy":
        """The gate of the sound model: every tolerance as it is declared."""
        return SCENARIOS["sound"].policy

    def draw(self, rng: np.random.Generator) -> Evidence:
        """Return the evidence as the provider hands it in."""
        evidence = draw_evidence(self.simulation, rng)
        return replace(evidence, log_probs=self.forge(evidence, dict(evidence.log_probs), rng))

    def describe(self) -> str:
        """Return what is true of it."""
        return self.truth


def _hand_in_original(evidence: Evidence, answers: Answers, rng: np.random.Generator) -> Answers:
    del evidence, rng
    return answers | {"unlearned": answers["original"]}


def _copy_reference(evidence: Evidence, answers: Answers, rng: np.random.Generator) -> Answers:
    del evidence, rng
    return answers | {"retrained": answers["unlearned"]}


def _leave(evidence: Evidence, answers: Answers, rng: np.random.Generator) -> Answers:
    del evidence, rng
    return answers


def _shuffle(evidence: Evidence, answers: Answers, rng: np.random.Generator) -> Answers:
    """Give each record the answers of another one of its class, whatever its split."""
    order = np.arange(len(evidence.label))
    for label in np.unique(evidence.label):
        where = np.flatnonzero(evidence.label == label)
        order[where] = rng.permutation(where)
    return {name: values[order] for name, values in answers.items()}


def _harden(evidence: Evidence, answers: Answers, rng: np.random.Generator) -> Answers:
    """Hand in labels alone, as probabilities of 0.99 and 0.01."""
    del evidence, rng
    return {name: answer(np.where(_log_odds(values) > 0, 4.6, -4.6)) for name, values in answers.items()}


def _clip(evidence: Evidence, answers: Answers, rng: np.random.Generator) -> Answers:
    """Let the audited model be no surer of the true class of an erased record than of a stranger's at the median."""
    del rng
    sign = np.where(evidence.label == evidence.positive[0], 1.0, -1.0)
    phi = sign * _log_odds(answers["unlearned"])
    clipped = np.where(evidence.split == "forget", np.minimum(phi, _CLIP), phi)
    return answers | {"unlearned": answer(sign * clipped)}


def _damp(evidence: Evidence, answers: Answers, rng: np.random.Generator) -> Answers:
    """Halve the log-odds of every erased record."""
    del rng
    odds = _log_odds(answers["unlearned"])
    return answers | {"unlearned": answer(np.where(evidence.split == "forget", odds / 2, odds))}


def _log_odds(log_probs: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(log_probs[:, 1] - log_probs[:, 0])


_STRANGERS = Simulation(Behaviour(), original=Behaviour())

FORGERIES: Mapping[str, Forgery] = {
    "original-renamed": Forgery("the original under another name", _hand_in_original),
    "reference-is-a-copy": Forgery("the retrained reference is a copy of the audited model", _copy_reference),
    "strangers-on-the-list": Forgery(
        "a forget list of records that nobody was trained on", _leave, _STRANGERS, truth="there is nothing to forget"
    ),
    "answers-shuffled": Forgery("answers stand at other records' ids", _shuffle),
    "labels-only": Forgery("labels instead of probabilities", _harden),
    "answers-clipped": Forgery("answers on erased records clipped at a stranger's median", _clip),
    "answers-damped": Forgery("log-odds on erased records halved", _damp),
    "answers-filtered": Forgery(
        "a filter answers on erased records as on strangers",
        _leave,
        Simulation(),
        kind="undetectable",
        truth="the answers are those of a model that forgot",
    ),
}
"""Every forgery by name. Names enter the seeds."""
