"""Closed-form truths of simulated models: one function per metric that a check of the self-test names.

Phi below is the standard normal distribution function. Two normal scores with means a and b and standard deviation 1
are in the order a > b with probability Phi((a - b) / sqrt 2), which is the area under their ROC curve.
"""

from collections.abc import Callable, Mapping
from math import sqrt
from statistics import NormalDist

from unlearn_audit.policy import Check, Costs
from unlearn_audit.records import POSITIVE, Population
from unlearn_audit.selftest.simulation import PREVALENCE, Behaviour, Simulation

FPR = 0.01
"""Of the check on found records: the first that a policy names by default."""


def compute_truth(simulation: Simulation, check: Check, costs: Costs) -> float:
    """Return the true value, under `simulation`, of what `check` asks about the unlearned model.

    Raises:
        KeyError: no closed form is written down for the metric.
    """
    return _TRUTHS[check.metric](simulation, check, costs)


def _phi(x: float) -> float:
    from scipy.special import ndtr

    return float(ndtr(x))


def _fnr(model: Behaviour) -> float:
    return _phi(-model.positive)


def _fpr(model: Behaviour) -> float:
    return _phi(-model.negative)


def _reference(simulation: Simulation, check: Check) -> Behaviour:
    return simulation.models[check.against or ""]


def _risk(model: Behaviour, costs: Costs) -> float:
    missed, alarmed = PREVALENCE * _fnr(model), (1 - PREVALENCE) * _fpr(model)
    return costs.false_negative * missed + costs.false_positive * alarmed


def _risk_increase(simulation: Simulation, check: Check, costs: Costs) -> float:
    return _risk(simulation.unlearned, costs) - _risk(_reference(simulation, check), costs)


def _newly_missed(simulation: Simulation, check: Check, costs: Costs) -> float:
    """Where the noise is shared only a lower mean misses more; elsewhere the two models err independently."""
    del costs
    before, after = _fnr(_reference(simulation, check)), _fnr(simulation.unlearned)
    return simulation.agreement * max(0.0, after - before) + (1 - simulation.agreement) * (1 - before) * after


def _auroc(model: Behaviour) -> float:
    """The log-odds of malignant are phi on positives and -phi on negatives."""
    return _phi((model.positive + model.negative) / sqrt(2))


def _membership(model: Behaviour, among: Population) -> float:
    """Forget against test; among all records both groups are mixtures of positives and negatives."""
    if among == POSITIVE:
        return _phi(model.forget_positive / sqrt(2))
    groups = (
        (PREVALENCE, model.positive, model.forget_positive),
        (1 - PREVALENCE, model.negative, model.forget_negative),
    )
    return sum(
        share * other * _phi((mean + lift - unseen) / sqrt(2))
        for share, mean, lift in groups
        for other, unseen, _ in groups
    )  # fmt: skip


def _membership_tpr(model: Behaviour, fpr: float) -> float:
    """Forget records above the score that `fpr` of the test records reach; both groups are mixtures as above."""
    positives, negatives = (model.positive, model.forget_positive), (model.negative, model.forget_negative)
    shares = ((PREVALENCE, *positives), (1 - PREVALENCE, *negatives))

    def reach(score: float, lifted: float) -> float:
        return sum(share * _phi(mean + lifted * lift - score) for share, mean, lift in shares)

    from scipy.optimize import brentq

    score = brentq(lambda score: reach(score, 0.0) - fpr, -10.0, 20.0, xtol=1e-13)
    return reach(float(score), 1.0)


def _shift(auc: float, reference: float) -> float:
    """How far from one half the AUC lies beyond the reference's, on the probit scale."""
    normal = NormalDist()
    return normal.cdf(normal.inv_cdf(auc) - normal.inv_cdf(reference)) - 0.5


def _retain_accuracy(model: Behaviour) -> float:
    positive, negative = _phi(model.positive + model.retain), _phi(model.negative + model.retain)
    return PREVALENCE * positive + (1 - PREVALENCE) * negative


def _missed_increase(simulation: Simulation, check: Check, costs: Costs) -> float:
    del costs
    return _fnr(simulation.unlearned) - _fnr(_reference(simulation, check))


_TRUTHS: Mapping[str, Callable[[Simulation, Check, Costs], float]] = {
    "false-negative-rate": lambda simulation, _check, _costs: _fnr(simulation.unlearned),
    "false-negative-rate-increase": _missed_increase,
    "global-risk": lambda simulation, _check, costs: _risk(simulation.unlearned, costs),
    "global-risk-increase": _risk_increase,
    "newly-missed-rate": _newly_missed,
    "auroc-drop": lambda simulation, check, _costs: (
        _auroc(_reference(simulation, check)) - _auroc(simulation.unlearned)
    ),
    "balanced-accuracy": lambda simulation, _check, _costs: (
        1 - (_fnr(simulation.unlearned) + _fpr(simulation.unlearned)) / 2
    ),
    "positive-share": lambda simulation, _check, _costs: (
        PREVALENCE * (1 - _fnr(simulation.unlearned)) + (1 - PREVALENCE) * _fpr(simulation.unlearned)
    ),
    "retain-accuracy": lambda simulation, _check, _costs: _retain_accuracy(simulation.unlearned),
    "membership-auc": lambda simulation, check, _costs: _membership(simulation.unlearned, check.among),
    "membership-tpr": lambda simulation, _check, _costs: _membership_tpr(simulation.unlearned, FPR),
    "membership-auc-difference": lambda simulation, check, _costs: _shift(
        _membership(simulation.unlearned, check.among), _membership(_reference(simulation, check), check.among)
    ),
}
