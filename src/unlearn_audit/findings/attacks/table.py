"""The table of membership attacks, cheapest first: what each is, and what it must be given. One row adds one."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.errors import MeasurementError
from unlearn_audit.policy import Policy
from unlearn_audit.records import write_message
from unlearn_audit.registry import Table
from unlearn_audit.stats import (
    SIGNALS,
    Signal,
    View,
    fit_offline_slope,
    score_base,
    score_lira,
    score_lira_offline,
    score_rmia,
)

Scores = NDArray[np.float64]


class Needs(StrEnum):
    """What an attack must be given besides the answers of the attacked model."""

    NOTHING = "nothing"
    REFERENCES = "reference models"
    UNLEARNED = "reference models that the audited method made forget their own half"


@dataclass(frozen=True)
class Attack:
    """A row of `ATTACKS`.

    Attributes:
        score: from what it may look at to one number per record, HIGHER = more like a record the model trained on:
            (n,) where it needs nothing, else (c,) for the candidates in their order.
        title: what it is called.
        source: where it comes from.
        needs: what it must be given.
        fewest: reference models that it cannot do without.
    """

    score: Callable[[View], Scores]
    title: str
    source: str
    needs: Needs = Needs.NOTHING
    fewest: int = 0


def _lira(view: View) -> Scores:
    return score_lira(view.logit, view.ensemble.logit, view.ensemble.trained_on)


def _lira_offline(view: View) -> Scores:
    return score_lira_offline(view.logit, view.ensemble.logit, view.ensemble.trained_on)


def _rmia(view: View) -> Scores:
    ensemble = view.ensemble
    return score_rmia(
        view.loss,
        ensemble.loss,
        ensemble.trained_on,
        population=view.population_loss,
        population_references=ensemble.population,
        a=fit_offline_slope(ensemble.retain, ensemble.population),
    )


def _base(view: View) -> Scores:
    return score_base(view.loss, view.ensemble.loss, np.ones_like(view.ensemble.trained_on))


_LIRA = "Carlini et al. (2022), arXiv 2112.03570"
_BAYES = "; variance as in BaVarIA, arXiv 2603.11799"
_SEEN = Needs.REFERENCES
ATTACKS: Table[Signal | Attack] = Table(
    "membership attack",
    "unlearn_audit.attacks",
    {
        **SIGNALS,
        "rmia": Attack(_rmia, "RMIA, offline", "Zarifzadeh et al. (2024), arXiv 2312.03262", _SEEN, 2),
        "base": Attack(_base, "BASE, online", "Lassila et al. (2025), arXiv 2505.24089", _SEEN, 2),
        "lira": Attack(_lira, "LiRA, online, Bayesian variance", f"{_LIRA}, algorithm 1{_BAYES}", _SEEN, 4),
        "lira-offline": Attack(
            _lira_offline, "LiRA, offline, Bayesian variance", f"{_LIRA}, equation 4{_BAYES}", _SEEN, 4
        ),
        "u-lira": Attack(
            _lira,
            "U-LiRA, Bayesian variance",
            f"after Hayes et al. (2024), arXiv 2403.01218, whose OUT are retrained and not unlearned too{_BAYES}",
            Needs.UNLEARNED,
            4,
        ),
    },
    typed=False,
)
"""Third parties add theirs through 'unlearn_audit.attacks': an `Attack`, or a `Signal` for a population attack."""


def find_attack(name: str) -> Attack:
    """Return the attack called `name`; a signal is the attack that puts a threshold on it.

    Raises:
        UnknownNameError: there is none.
        MeasurementError: an entry point gave something else.
    """
    row: object = ATTACKS[name]
    if isinstance(row, Attack):
        return row
    if isinstance(row, Signal):
        signal = row
        return Attack(lambda view: signal.score(view.log_probs, view.labels), signal.title, signal.source)
    raise MeasurementError(write_message("not-an-attack", attack=name, found=type(row).__name__))


def is_population_attack(name: str) -> bool:
    """Whether the attack needs nothing but the answers of the attacked model."""
    return find_attack(name).needs is Needs.NOTHING


def needs_references(policy: Policy) -> bool:
    """Whether one of the attacks that the policy lists needs reference models, so that there should be some."""
    return not all(is_population_attack(name) for name in policy.membership.attacks)
