"""What is true of a plant, in closed form: one function per metric that a check of the self-test names.

Phi below is the standard normal distribution function. Two normal scores with means a and b and standard deviation 1
are in the order a > b with probability Phi((a - b) / sqrt 2), which is the area under their ROC curve.
"""

from collections.abc import Callable, Mapping
from math import sqrt
from statistics import NormalDist

from unlearn_audit.policy import Check, Costs
from unlearn_audit.selftest.plant import PREVALENCE, Behaviour, Plant


def compute_truth(plant: Plant, check: Check, costs: Costs) -> float:
    """Return the true value, under `plant`, of what `check` asks about the unlearned model.

    Raises:
        KeyError: no closed form is written down for the metric.
    """
    return _TRUTHS[check.metric](plant, check, costs)


def _phi(x: float) -> float:
    from scipy.special import ndtr

    return float(ndtr(x))


def _fnr(model: Behaviour) -> float:
    return _phi(-model.positive)


def _fpr(model: Behaviour) -> float:
    return _phi(-model.negative)


def _reference(plant: Plant, check: Check) -> Behaviour:
    return plant.models[check.against or ""]


def _risk(model: Behaviour, costs: Costs) -> float:
    missed, alarmed = PREVALENCE * _fnr(model), (1 - PREVALENCE) * _fpr(model)
    return costs.false_negative * missed + costs.false_positive * alarmed


def _risk_increase(plant: Plant, check: Check, costs: Costs) -> float:
    return _risk(plant.unlearned, costs) - _risk(_reference(plant, check), costs)


def _newly_missed(plant: Plant, check: Check, costs: Costs) -> float:
    """Where the noise is shared only a lower mean misses more; elsewhere the two models err independently."""
    del costs
    before, after = _fnr(_reference(plant, check)), _fnr(plant.unlearned)
    return plant.agreement * max(0.0, after - before) + (1 - plant.agreement) * (1 - before) * after


def _auroc(model: Behaviour) -> float:
    """The log-odds of malignant are phi on positives and -phi on negatives."""
    return _phi((model.positive + model.negative) / sqrt(2))


def _shift(auc: float, reference: float) -> float:
    """How far from one half the AUC lies beyond the reference's, on the probit scale."""
    normal = NormalDist()
    return normal.cdf(normal.inv_cdf(auc) - normal.inv_cdf(reference)) - 0.5


def _membership(model: Behaviour, among: str) -> float:
    """Forget against test; among all records both groups are mixtures of positives and negatives."""
    if among == "positive":
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


def _retain_accuracy(model: Behaviour) -> float:
    positive, negative = _phi(model.positive + model.retain), _phi(model.negative + model.retain)
    return PREVALENCE * positive + (1 - PREVALENCE) * negative


def _missed_increase(plant: Plant, check: Check, costs: Costs) -> float:
    del costs
    return _fnr(plant.unlearned) - _fnr(_reference(plant, check))


_TRUTHS: Mapping[str, Callable[[Plant, Check, Costs], float]] = {
    "false-negative-rate": lambda plant, _check, _costs: _fnr(plant.unlearned),
    "false-negative-rate-increase": _missed_increase,
    "global-risk": lambda plant, _check, costs: _risk(plant.unlearned, costs),
    "global-risk-increase": _risk_increase,
    "newly-missed-rate": _newly_missed,
    "auroc-drop": lambda plant, check, _costs: _auroc(_reference(plant, check)) - _auroc(plant.unlearned),
    "balanced-accuracy": lambda plant, _check, _costs: 1 - (_fnr(plant.unlearned) + _fpr(plant.unlearned)) / 2,
    "positive-share": lambda plant, _check, _costs: (
        PREVALENCE * (1 - _fnr(plant.unlearned)) + (1 - PREVALENCE) * _fpr(plant.unlearned)
    ),
    "retain-accuracy": lambda plant, _check, _costs: _retain_accuracy(plant.unlearned),
    "membership-auc": lambda plant, check, _costs: _membership(plant.unlearned, check.among),
    "membership-auc-difference": lambda plant, check, _costs: _shift(
        _membership(plant.unlearned, check.among), _membership(_reference(plant, check), check.among)
    ),
}
