"""Variance shrinkage: each record's variance from few models, drawn towards that of all records.

With a handful of reference models a record's own variance is hardly known, and a density that takes it as given is
confident where it should not be. The variances of all records say how much they differ from one another; that is the
prior.
"""

from dataclasses import dataclass

import numpy as np

from unlearn_audit.errors import MeasurementError
from unlearn_audit.records import write_message
from unlearn_audit.stats.membership import Scores


@dataclass(frozen=True)
class VariancePrior:
    """A scaled inverse chi-squared prior: as good as `weight` further models with variance `usual`.

    `weight` is infinite where records do not differ in variance by more than chance: then all share one.
    """

    usual: float
    weight: float


def fit_variance_prior(variances: Scores, freedom: Scores) -> VariancePrior:
    """Return the prior under which the variances of the records look as they do.

    log s^2 has known mean and variance given the true variance; what it scatters beyond that is the prior's. Records
    whose models all say exactly the same tell nothing about the scatter of logarithms and are left out of the fit.

    Args:
        variances: (c,) sample variance of each record, s^2 >= 0.
        freedom: (c,) its degrees of freedom, at least 1: number of models less one.

    Source: Smyth (2004), Stat. Appl. Genet. Mol. Biol. 3(1) article 3, section 6.2.

    Raises:
        MeasurementError: a record with less than two models, or no record whose models differ.
    """
    from scipy.special import digamma, polygamma

    if (freedom < 1).any():
        raise MeasurementError(write_message("fewer-reference-models-a-side"))
    varied = variances > 0
    if not varied.any():
        raise MeasurementError(write_message("reference-models-alike"))
    half = freedom[varied] / 2
    centred = np.log(variances[varied]) - digamma(half) + np.log(half)
    scatter = float(centred.var(ddof=1)) if varied.sum() > 1 else 0.0
    excess = scatter - float(polygamma(1, half).mean())
    if excess <= 0:
        return VariancePrior(float(np.average(variances, weights=freedom)), np.inf)
    weight = 2 * _invert_trigamma(excess)
    usual = float(np.exp(centred.mean() + digamma(weight / 2) - np.log(weight / 2)))
    return VariancePrior(usual, weight)


def _invert_trigamma(value: float) -> float:
    """Return x with trigamma(x) = value, by Newton's method on 1 / trigamma, which is convex and nearly linear.

    Source: Smyth (2004), appendix.
    """
    from scipy.special import polygamma

    x = 0.5 + 1 / value
    for _ in range(50):
        now = float(polygamma(1, x))
        step = now * (1 - now / value) / float(polygamma(2, x))
        x += step
        if abs(step) < 1e-10 * x:
            break
    return x


def shrink_variances(variances: Scores, freedom: Scores, prior: VariancePrior) -> tuple[Scores, Scores]:
    """Return (c,) posterior variances and their degrees of freedom.

    (weight * usual + freedom * s^2) / (weight + freedom): between the record's own variance and the usual one.

    Source: Smyth (2004), equation 7.
    """
    if np.isinf(prior.weight):
        return np.full_like(variances, prior.usual), np.full_like(variances, np.inf)
    total = prior.weight + freedom
    return (prior.weight * prior.usual + freedom * variances) / total, total
