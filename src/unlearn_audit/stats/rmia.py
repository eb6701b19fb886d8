"""RMIA: the rise of a record's likelihood under the model, compared with records that nobody trained on."""

import numpy as np

from unlearn_audit.errors import MeasurementError
from unlearn_audit.records import write_message
from unlearn_audit.stats.ensemble import Masks
from unlearn_audit.stats.membership import Scores
from unlearn_audit.stats.validation import validate_finite

GAMMA = 1.0
"""How many times more a record must be raised than a population record to count as dominating it.

The score rises with p(x|t) / p(x) for any gamma, which only decides where ties lie. The paper takes 2; but a model that
is sure of two classes raises nothing twice, so that nearly all scores would be 0 and the AUC 0.5, for want of an
attack.
"""

_FEWEST = 10
_NEAR = 0.5
"""Log-probabilities above minus this are averaged as distances from certainty: rounded, sure answers tie by chance."""


def fit_offline_slope(retain: Scores, population: Scores) -> float:
    """Return a in p_in = a p_out + (1 - a): the share of what is missing to certainty that training leaves missing.

    Estimated as (1 - mean p on records that all reference models were trained on) / (1 - mean p on records that none
    was), limited to [0, 1]. Neither the attacked model nor a forget or test record is looked at.

    Args:
        retain: (K, r) log p_y of the reference models on records that all were trained on.
        population: (K, z) the same on records that none was trained on.

    Source: the linear relation is that of Zarifzadeh et al. (2024), arXiv 2312.03262, appendix B.2; they choose a by
    attacking one reference model with the others, which would look at the candidates.

    Raises:
        MeasurementError: no records, or reference models that are certain of every population record.
    """
    if not retain.size or not population.size:
        raise MeasurementError(write_message("no-records-to-calibrate-attack"))
    missing = 1 - float(np.exp(population).mean())
    if missing <= 0:
        raise MeasurementError(write_message("reference-models-certain"))
    return min(1.0, max(0.0, (1 - float(np.exp(retain).mean())) / missing))


def compute_log_marginal(outside: Scores, a: float) -> Scores:
    """Return (n,) log p(x), p(x) = ((1 + a) mean_out + 1 - a) / 2, from (n,) the log of mean_out.

    It stands for the mean of models that trained on x and models that did not, where only the latter are known.

    Source: Zarifzadeh et al. (2024), arXiv 2312.03262, offline RMIA.

    Raises:
        MeasurementError: a outside [0, 1].
    """
    if not 0 <= a <= 1:
        raise MeasurementError(write_message("offline-slope-out-of-range", found=a))
    rest = np.log1p(-a) if a < 1 else -np.inf
    small = np.logaddexp(np.log1p(a) + outside, rest) - np.log(2)
    # near certainty p(x) = 1 - (1 + a)(1 - mean_out) / 2 keeps the digits that a logarithm near zero would round off
    return np.asarray(np.where(outside > -_NEAR, np.log1p((1 + a) / 2 * np.expm1(np.maximum(outside, -_NEAR))), small))


def average_log(log_values: Scores, counted: Masks) -> Scores:
    """Return (n,) the log of the mean of exp(log_values) (K, n) over the models that `counted` (K, n) marks.

    Raises:
        MeasurementError: no model for a record.
    """
    n = counted.sum(axis=0)
    if (n < 1).any():
        raise MeasurementError(write_message("no-reference-model-for-a-record"))
    small = np.logaddexp.reduce(np.where(counted, log_values, -np.inf), axis=0) - np.log(n)
    near = np.log1p(np.maximum(np.where(counted, np.expm1(log_values), 0.0).sum(axis=0) / n, -0.5))
    return np.asarray(np.where(small > -_NEAR, near, small))


def score_rmia(
    loss: Scores,
    references: Scores,
    trained_on: Masks,
    *,
    population: Scores,
    population_references: Scores,
    a: float,
    gamma: float = GAMMA,
) -> Scores:
    """Return (c,) the share of population records z with [p(x|t) / p(x)] / [p(z|t) / p(z)] >= gamma, in [0, 1].

    One reference model that never trained on x is enough. With z records the score has z + 1 values: ties are many,
    and each is one of the attack, not of the arithmetic: distances from certainty keep their digits.

    Args:
        loss: (c,) log p_y of the attacked model t on the candidates x.
        references: (K, c) the same of the reference models.
        trained_on: (K, c) whether each was trained on each; only those that were not are used.
        population: (z,) log p_y of the attacked model on records that no model was trained on; at least 10.
        population_references: (K, z) the same of the reference models.
        a: slope of `fit_offline_slope`.
        gamma: at least 1 in the paper; above zero.

    Source: Zarifzadeh et al. (2024), arXiv 2312.03262, algorithm 1, offline.

    Raises:
        MeasurementError: no reference model for a record, too few population records, values that are not finite.
    """
    if not gamma > 0:
        raise MeasurementError(write_message("gamma-out-of-range", found=gamma))
    if population.size < _FEWEST:
        raise MeasurementError(write_message("too-few-validation-records", least=_FEWEST, found=population.size))
    validate_finite(candidates=loss, population=population)
    raised = loss - compute_log_marginal(average_log(references, ~trained_on), a)
    everyone = np.ones(population_references.shape, dtype=np.bool_)
    usual = population - compute_log_marginal(average_log(population_references, everyone), a)
    return np.asarray(np.searchsorted(np.sort(usual), raised - np.log(gamma), side="right") / len(usual))
