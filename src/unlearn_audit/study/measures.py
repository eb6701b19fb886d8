"""What a study measures of each model: numbers per record where a mean is meant, else one number per run.

A measure that is a mean over records can be resampled over seeds and patients at once. An area under a curve, or a rate
at a threshold that is found on the records themselves, is one number per run: its interval is over runs alone, on these
test images.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.errors import MeasurementError
from unlearn_audit.findings.attacks import Needs, find_attack, score_groups, score_records, select_group
from unlearn_audit.findings.context import Scope
from unlearn_audit.findings.key import Address
from unlearn_audit.findings.metrics.discrimination import measure_fnr_at_fpr, score_test
from unlearn_audit.findings.metrics.utility import find_right
from unlearn_audit.records import Unit
from unlearn_audit.stats import choose_cost_optimal, compute_auc
from unlearn_audit.study.relearning import GROUP, HIDDEN, PREFIX

Values = NDArray[np.float64]
Better = Literal["lower", "higher", "half"]
_AMONG = {"all": "all", "positive": "positives"}
POPULATION = "confidence"
"""The attack that every study has: on the answers alone, without reference models."""


@dataclass(frozen=True)
class Measure:
    """A row of the study's tables.

    Attributes:
        title: heading.
        about: what it is, in a sentence.
        better: which way is better; 'half': 0.5 is what a model shows that never saw the records.
        unit: what the number counts.
        compute: from the scope of one run and a model to (n,) values, one per record of `records`, or to (1,) number.
        records: the mask of the records that `compute` speaks of; None where it gives one number per run.
        membership: whether a collapsed model is left out of it: one that says the same of every image hides everybody.
        like: from the scope of one run and a model that underwent no method to the same values, on the statistic that
            is made for another model's method; None where the statistic is the same for all.
        relearned: whether it speaks of the model's relearned copy.
    """

    title: str
    about: str
    better: Better
    unit: Unit
    compute: Callable[[Scope, str], Values]
    records: Callable[[Scope], NDArray[np.bool_]] | None = None
    membership: bool = False
    like: Callable[[Scope, str, str], Values] | None = None
    relearned: bool = False


def _positives(scope: Scope) -> NDArray[np.bool_]:
    return scope.positives


def _negatives(scope: Scope) -> NDArray[np.bool_]:
    return scope.negatives


def _test(scope: Scope) -> NDArray[np.bool_]:
    return scope.test


def _miss(at: str, scope: Scope, model: str) -> Values:
    return (~scope.call(model, at)[scope.actual]).astype(np.float64)


def _alarm(at: str, scope: Scope, model: str) -> Values:
    return scope.call(model, at)[~scope.actual].astype(np.float64)


def _cost(actual: NDArray[np.bool_], called: NDArray[np.bool_], ratio: float) -> Values:
    return np.where(actual & ~called, ratio, 0.0) + (~actual & called)


def _cost_at(at: str | None, ratio: float, scope: Scope, model: str) -> Values:
    return _cost(scope.actual, scope.call(model, at), ratio)


def _probability(scope: Scope, model: str, split: str) -> Values:
    return np.asarray(scope.evidence.positive_probability(model)[scope.evidence.select(split)])


def _cost_own(ratio: float, scope: Scope, model: str) -> Values:
    """Cost where each model is read at the threshold that is cheapest for itself on validation."""
    truth = scope.evidence.is_positive[scope.evidence.select("validation")]
    threshold = choose_cost_optimal(
        truth, _probability(scope, model, "validation"), false_negative=ratio, false_positive=1.0
    )
    return _cost(scope.actual, np.asarray(_probability(scope, model, "test") >= threshold), ratio)


def _miss_calibrated(scope: Scope, model: str) -> Values:
    """Misses where each model calls as many of the negative validation images positive as the original at argmax.

    Fewer where images tie at the threshold. Log-odds rank as probabilities do, and do not tie where those round to one.
    """
    negative = scope.evidence.select("validation") & ~scope.evidence.is_positive
    alarms = int(scope.evidence.predicted_positive("original")[negative].sum())
    odds = scope.log_odds(model)
    scores = np.sort(odds[negative])[::-1]
    if not 0 < alarms < len(scores):
        raise MeasurementError("the original calls all or none of the negative validation images positive")
    return np.asarray(odds[scope.positives] <= scores[alarms], dtype=np.float64)


def _auroc(scope: Scope, model: str) -> Values:
    return np.array([compute_auc(*score_test(scope, model))])


def _miss_at_fpr(scope: Scope, model: str) -> Values:
    """The share of positives below the threshold at which 20 % of the test negatives are called positive."""
    return np.array([measure_fnr_at_fpr(scope, Address(model)).value])


def _retain_accuracy(scope: Scope, model: str) -> Values:
    return np.array([float(find_right(scope, model).mean())])


def _membership(attack: str, among: str, scope: Scope, model: str, like: str | None = None) -> Values:
    forget, test = score_groups(scope, model, among, attack, like or model)
    return np.array([compute_auc(forget, test)])


def _relearned(among: str, scope: Scope, model: str) -> Values:
    """Membership of the forgotten half that the attack did not train on, after it trained on the other."""
    column = scope.evidence.groups.get(GROUP)
    if column is None or PREFIX + model not in scope.evidence.log_probs:
        raise MeasurementError("the relearning attack was not run on it")
    if reason := find_collapse(scope, PREFIX + model):
        raise MeasurementError(f"collapsed when it was trained again: it {reason}")
    scores = score_records(scope, PREFIX + model, POPULATION, PREFIX + model).values
    hidden, test = (select_group(scope, s, among, m) for s, m in (("forget", column == HIDDEN), ("test", scope.test)))
    return np.array([compute_auc(scores[hidden], scores[test])])


def list_measures(
    ratio: float, policy_ratio: float, attacks: tuple[str, ...], *, relearned: bool = True
) -> dict[str, Measure]:
    """Return every measure by name, in the order of the tables.

    Args:
        ratio: false negative to false positive, at argmax.
        policy_ratio: the same in the policy, at the operating points that the policy chooses.
        attacks: those of the policy, and those with reference models.
        relearned: whether the study has the relearning attack.
    """
    lower: Better = "lower"
    higher: Better = "higher"
    rate = Unit.PROPORTION
    clinical: dict[str, Measure] = {
        "fnr": Measure("FNR", "false-negative rate at argmax", lower, rate, partial(_miss, "argmax"), _positives),
        "fpr": Measure("FPR", "false-positive rate at argmax", lower, rate, partial(_alarm, "argmax"), _negatives),
        "risk": Measure(
            f"Risk {ratio:g}",
            f"Global Risk at argmax, a miss costing {ratio:g} false alarms",
            lower,
            Unit.COST_PER_CASE,
            partial(_cost_at, "argmax", ratio),
            _test,
        ),
        "fnr-calibrated": Measure(
            "FNR, same FPR",
            "false-negative rate where each model's threshold gives the original's false positives on validation",
            lower,
            rate,
            _miss_calibrated,
            _positives,
        ),
        "fnr-at-fpr": Measure(
            "FNR at 20 % FPR", "read off the ROC curve of the test images", lower, rate, _miss_at_fpr
        ),
        "auroc": Measure("AUROC", "area under the ROC curve on test", higher, Unit.AUC, _auroc),
        "risk-frozen": Measure(
            f"Risk {policy_ratio:g}, frozen",
            f"Global Risk, a miss costing {policy_ratio:g}, at the threshold frozen on the original's validation",
            lower,
            Unit.COST_PER_CASE,
            partial(_cost_at, None, policy_ratio),
            _test,
        ),
        "risk-own": Measure(
            f"Risk {policy_ratio:g}, own",
            "the same where each model has the threshold that is cheapest for itself on validation",
            lower,
            Unit.COST_PER_CASE,
            partial(_cost_own, policy_ratio),
            _test,
        ),
        "retain-accuracy": Measure("Retain acc.", "accuracy on what is kept", higher, rate, _retain_accuracy),
    }
    forgetting = {
        f"{attack}-{among}": Measure(
            f"{attack}, {_AMONG[among]}",
            f"membership AUC of {_of(among)}forgotten against test records, attack '{attack}'",
            "half",
            Unit.AUC,
            partial(_membership, attack, among),
            membership=True,
            like=partial(_membership, attack, among) if needs_unlearned(attack) else None,
        )
        for attack in attacks
        for among in ("all", "positive")
    }
    again = {
        f"{PREFIX}{among}": Measure(
            f"Relearned, {_AMONG[among]}",
            f"membership AUC ({POPULATION}) of {_of(among)}forgotten records that were not shown again, after training "
            "on the other half",
            "half",
            Unit.AUC,
            partial(_relearned, among),
            membership=True,
            relearned=True,
        )
        for among in ("all", "positive")
    }
    return {**clinical, **forgetting, **(again if relearned else {})}


def _of(among: str) -> str:
    return "positive " if among == "positive" else ""


def needs_unlearned(attack: str) -> bool:
    """Return whether `attack` is made for one method: by reference models that underwent it."""
    return find_attack(attack).needs is Needs.UNLEARNED


def find_collapse(scope: Scope, model: str) -> str | None:
    """Return why the model has collapsed, None where it has not.

    It gives 99 % of the test records one answer, or is right on no more of the retained records than one answer for all
    would be. Its membership then means nothing: a destroyed model looks perfectly forgotten. Where fewer than 2 % of
    the records are of one class, a good model answers so too: what counts there is half of that share.
    """
    called, share = scope.evidence.predicted_positive(model)[scope.test].mean(), scope.actual.mean()
    if not min(0.01, share / 2) < called < 1 - min(0.01, (1 - share) / 2):
        return f"calls {called:.1%} of the test records positive"
    retain = scope.evidence.select("retain")
    accuracy = float(_retain_accuracy(scope, model)[0])
    usual = np.bincount(scope.evidence.label[retain]).max() / retain.sum()
    if accuracy <= usual:
        return f"is right on {accuracy:.1%} of the retained records, one answer for all on {usual:.1%}"
    return None
