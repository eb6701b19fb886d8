"""Likelihood-ratio attacks: answers of models that trained on a record against answers of models that did not.

LiRA asks it of models as they were trained. U-LiRA asks it of models that were made to forget afterwards: IN are those
that had trained on the record and unlearned it, OUT those that never had. The formula is the same; what differs is
whose answers are handed in.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from unlearn_audit.errors import MeasurementError
from unlearn_audit.records import write_message
from unlearn_audit.stats.ensemble import Masks
from unlearn_audit.stats.membership import Scores
from unlearn_audit.stats.variance_shrinkage import VariancePrior, fit_variance_prior, shrink_variances


class Variance(StrEnum):
    """Whose variance a record's density has."""

    RECORD = "record"
    """Its own, as given: Carlini et al. for many models. With few it is confident where it should not be."""
    POOLED = "pooled"
    """One for all records of a side: Carlini et al. for few models ('global')."""
    BAYES = "bayes"
    """Its own, drawn towards the usual one, with the uncertainty of mean and variance in the density."""


@dataclass(frozen=True, eq=False)
class Prediction:
    """Where another model of the same kind is expected to answer on each record: (c,) location, scale, freedom.

    Student's t; the normal distribution where `freedom` is infinite.
    """

    location: Scores
    scale: Scores
    freedom: Scores

    def standardise(self, phi: Scores) -> Scores:
        """Return (c,) the distance of phi from the location, in scales."""
        return (phi - self.location) / self.scale

    def compute_log_density(self, phi: Scores) -> Scores:
        """Return (c,) the natural logarithm of the density at phi."""
        from scipy.special import gammaln

        z, normal = self.standardise(phi), np.isinf(self.freedom)
        nu = np.where(normal, 1.0, self.freedom)
        student = gammaln((nu + 1) / 2) - gammaln(nu / 2) - np.log(nu * np.pi) / 2 - (nu + 1) / 2 * np.log1p(z * z / nu)
        gauss = -(z * z + np.log(2 * np.pi)) / 2
        return np.asarray(np.where(normal, gauss, student) - np.log(self.scale))


def predict_logit(
    logit: Scores, chosen: Masks, variance: Variance = Variance.BAYES, prior: VariancePrior | None = None
) -> Prediction:
    """Return what another model is expected to answer on each record, from those that `chosen` (K, c) marks.

    With BAYES the density is the posterior predictive one of the normal model with an inverse chi-squared prior on
    the variance (estimated from all records) and a flat one on the mean: Student's t around the mean, its variance
    widened by 1 / n for the mean's own uncertainty. It tends to the record's own normal distribution as models grow
    in number, and to the pooled one where records do not differ.

    Args:
        logit: (K, c) phi of the reference models.
        chosen: (K, c) which of them count for which record: at least two each.
        variance: whose variance is used.
        prior: of the variances, where BAYES uses one; fitted to these models where None.

    Source: Carlini et al. (2022), arXiv 2112.03570, algorithm 1 (RECORD) and section VI-A (POOLED); BAYES is BaVarIA's
    Student-t attack (arXiv 2603.11799), the predictive distribution as in Gelman et al., Bayesian Data Analysis,
    section 3.2, with Smyth's (2004) prior.

    Raises:
        MeasurementError: fewer than two models for a record, or models that do not differ.
    """
    location, squares, freedom = _describe(logit, chosen)
    n = freedom + 1
    if variance is Variance.BAYES:
        prior = prior or fit_variance_prior(squares / freedom, freedom)
        spread, freedom = shrink_variances(squares / freedom, freedom, prior)
        return Prediction(location, np.sqrt(spread * (1 + 1 / n)), freedom)
    pooled = np.full_like(squares, squares.sum() / freedom.sum())
    spread = pooled if variance is Variance.POOLED else squares / freedom
    if (spread <= 0).any():
        raise MeasurementError(write_message("reference-models-alike-on-a-record"))
    return Prediction(location, np.sqrt(spread), np.full_like(spread, np.inf))


def _describe(logit: Scores, chosen: Masks) -> tuple[Scores, Scores, Scores]:
    """Return (c,) mean, sum of squared deviations and degrees of freedom of the models that `chosen` (K, c) marks."""
    n = chosen.sum(axis=0).astype(np.float64)
    if (n < 2).any():  # noqa: PLR2004 - a variance needs two
        raise MeasurementError(
            write_message("too-few-reference-models-a-side", found=n.min()),
            hint="a likelihood ratio needs four reference models or more",
        )
    weight = chosen.astype(np.float64)
    location = (weight * logit).sum(axis=0) / n
    return location, (weight * (logit - location) ** 2).sum(axis=0), n - 1


def fit_common_prior(references: Scores, trained_on: Masks) -> VariancePrior:
    """Return the prior of the variances of IN and OUT, fitted to both sides together.

    Fitted apart, the two priors differ by chance, and the more so the fewer models there are. That difference lies in
    every score, more in those of records whose answers scatter more. Where forget and test records differ in that, it
    moves the AUC although nothing leaks: with four models, bounds of .95 then cover .87 to .93.

    Args:
        references: (K, c) phi of the reference models.
        trained_on: (K, c) whether each was trained on each: at least two are and two are not.

    Raises:
        MeasurementError: fewer than two models on a side, or models that do not differ.
    """
    sides = [_describe(references, chosen) for chosen in (trained_on, ~trained_on)]
    freedom = np.concatenate([side[2] for side in sides])
    return fit_variance_prior(np.concatenate([side[1] for side in sides]) / freedom, freedom)


def score_lira(logit: Scores, references: Scores, trained_on: Masks, variance: Variance = Variance.BAYES) -> Scores:
    """Return (c,) log p(phi | IN) - log p(phi | OUT): above zero where the model answers as if it had trained on it.

    It looks in whichever direction training moved the answers: where unlearning overshoots, so that IN lies *below*
    OUT, low answers are what gives a record away, and the score is high for them. An attacked model must not be among
    the references: its own answer would pull the side that it is on towards itself.

    Where IN and OUT are equally distributed (nothing was left behind) exchanging the two models of every pair changes
    the sign of all scores and nothing else: then the scores of any two records are equally likely to come in either
    order, whatever the records are, and the AUC is 0.5 in expectation.

    Args:
        logit: (c,) phi of the attacked model on the candidates.
        references: (K, c) phi of the reference models.
        trained_on: (K, c) whether each was trained on each: at least two are and two are not.
        variance: see `predict_logit`.

    Source: Carlini et al. (2022), arXiv 2112.03570, algorithm 1. With unlearned references it follows U-LiRA of Hayes
    et al. (2024), arXiv 2403.01218, in IN alone: their OUT are retrained models, ours have unlearned other records.

    Raises:
        MeasurementError: fewer than two models on a side, or models that do not differ.
    """
    prior = fit_common_prior(references, trained_on) if variance is Variance.BAYES else None
    inside = predict_logit(references, trained_on, variance, prior)
    outside = predict_logit(references, ~trained_on, variance, prior)
    return inside.compute_log_density(logit) - outside.compute_log_density(logit)


def score_lira_offline(
    logit: Scores, references: Scores, trained_on: Masks, variance: Variance = Variance.BAYES
) -> Scores:
    """Return (c,) how far phi lies above what models say that never trained on the record, in standard deviations.

    The paper's 1 - Pr[Z > phi] is a rising function of it that rounds to one early; the order is the same. It looks
    upwards only: a record that unlearning pushed down scores low.

    Args:
        logit: (c,) phi of the attacked model on the candidates.
        references: (K, c) phi of the reference models.
        trained_on: (K, c) whether each was trained on each; only those that were not are used, at least two.
        variance: see `predict_logit`.

    Source: Carlini et al. (2022), arXiv 2112.03570, section V-C, equation 4.

    Raises:
        MeasurementError: fewer than two models that were not trained on a record, or models that do not differ.
    """
    return predict_logit(references, ~trained_on, variance).standardise(logit)
