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

from unlearn_audit.attacks import Needs, find_attack, find_scorable, score_records, select_group
from unlearn_audit.errors import MeasurementError
from unlearn_audit.scope import Scope
from unlearn_audit.stats import choose_cost_optimal, compute_auc, estimate_fnr_at_fpr
from unlearn_audit.study.relearning import GROUP, HIDDEN, PREFIX

Values = NDArray[np.float64]
Better = Literal["lower", "higher", "half"]
_FPR = 0.2


@dataclass(frozen=True)
class Measure:
    """A row of the study's tables.

    Attributes:
        title: heading.
        about: what it is, in a sentence.
        better: which way is better; 'half': 0.5 is what a model shows that never saw the records.
        compute: from the scope of one run and a model to (n,) values, one per record of `records`, or to (1,) number.
        records: the mask of the records that `compute` speaks of; None where it gives one number per run.
        membership: whether a collapsed model is left out of it: one that says the same of every image hides everybody.
        like: from the scope of one run and a model that underwent no method to the same values, on the statistic that
            is made for another model's method; None where the statistic is the same for all.
    """

    title: str
    about: str
    better: Better
    compute: Callable[[Scope, str], Values]
    records: Callable[[Scope], NDArray[np.bool_]] | None = None
    membership: bool = False
    like: Callable[[Scope, str, str], Values] | None = None


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
    """Misses where each model calls as many of the negative validation images positive as the original at argmax."""
    validation = scope.evidence.select("validation")
    negative = ~scope.evidence.is_positive[validation]
    alarms = int(scope.evidence.predicted_positive("original")[validation][negative].sum())
    scores = np.sort(_probability(scope, model, "validation")[negative])[::-1]
    if not 0 < alarms < len(scores):
        raise MeasurementError("the original calls all or none of the negative validation images positive")
    below = _probability(scope, model, "test")[scope.actual] <= scores[alarms]
    return np.asarray(below, dtype=np.float64)


def _auroc(scope: Scope, model: str) -> Values:
    odds = scope.log_odds(model)
    return np.array([compute_auc(odds[scope.positives], odds[scope.negatives])])


def _miss_at_fpr(scope: Scope, model: str) -> Values:
    """The share of positives below the threshold at which 20 % of the test negatives are called positive."""
    odds = scope.log_odds(model)
    found = estimate_fnr_at_fpr(
        odds[scope.positives], odds[scope.negatives], _FPR, confidence=scope.policy.protocol.confidence
    )
    return np.array([found.value])


def _retain_accuracy(scope: Scope, model: str) -> Values:
    retain = scope.evidence.select("retain")
    said = scope.evidence.log_probs[model][retain].argmax(axis=1)
    return np.array([float((said == scope.evidence.label[retain]).mean())])


def _membership(attack: str, among: str, scope: Scope, model: str, like: str | None = None) -> Values:
    scorable = find_scorable(scope, attack)
    scored = score_records(scope, model, attack, like)
    forget, test = (select_group(scope, split, among, scorable) for split in ("forget", "test"))
    return np.array([compute_auc(scored.values[forget], scored.values[test])])


def _relearned(among: str, scope: Scope, model: str) -> Values:
    """Membership of the forgotten half that the attack did not train on, after it trained on the other."""
    column = scope.evidence.groups.get(GROUP)
    if column is None or PREFIX + model not in scope.evidence.log_probs:
        raise MeasurementError("the relearning attack was not run on it")
    scored = score_records(scope, PREFIX + model, "confidence")
    hidden = scope.select_among("forget", among) & (column == HIDDEN)
    return np.array([compute_auc(scored.values[hidden], scored.values[scope.select_among("test", among)])])


def list_measures(ratio: float, policy_ratio: float, attacks: tuple[str, ...]) -> dict[str, Measure]:
    """Return every measure by name, in the order of the tables.

    Args:
        ratio: false negative to false positive, at argmax.
        policy_ratio: the same in the policy, at the operating points that the policy chooses.
        attacks: those of the policy, and those with reference models.
    """
    lower: Better = "lower"
    higher: Better = "higher"
    clinical: dict[str, Measure] = {
        "fnr": Measure("FNR", "false-negative rate at argmax", lower, partial(_miss, "argmax"), _positives),
        "fpr": Measure("FPR", "false-positive rate at argmax", lower, partial(_alarm, "argmax"), _negatives),
        "risk": Measure(
            f"Risk {ratio:g}",
            f"Global Risk at argmax, a miss costing {ratio:g} false alarms",
            lower,
            partial(_cost_at, "argmax", ratio),
            _test,
        ),
        "fnr-calibrated": Measure(
            "FNR, same FPR",
            "false-negative rate where each model's threshold gives the original's false positives on validation",
            lower,
            _miss_calibrated,
            _positives,
        ),
        "fnr-at-fpr": Measure("FNR at 20 % FPR", "read off the ROC curve of the test images", lower, _miss_at_fpr),
        "auroc": Measure("AUROC", "area under the ROC curve on test", higher, _auroc),
        "risk-frozen": Measure(
            f"Risk {policy_ratio:g}, frozen",
            f"Global Risk, a miss costing {policy_ratio:g}, at the threshold frozen on the original's validation",
            lower,
            partial(_cost_at, None, policy_ratio),
            _test,
        ),
        "risk-own": Measure(
            f"Risk {policy_ratio:g}, own",
            "the same where each model has the threshold that is cheapest for itself on validation",
            lower,
            partial(_cost_own, policy_ratio),
            _test,
        ),
        "retain-accuracy": Measure("Retain acc.", "accuracy on what is kept", higher, _retain_accuracy),
    }
    forgetting = {
        f"{attack}-{among}": Measure(
            f"{attack}, {'malignant' if among == 'positive' else 'all'}",
            f"membership AUC of {'positive ' if among == 'positive' else ''}forgotten against test records, "
            f"attack '{attack}'",
            "half",
            partial(_membership, attack, among),
            membership=True,
            like=partial(_membership, attack, among) if needs_unlearned(attack) else None,
        )
        for attack in attacks
        for among in ("all", "positive")
    }
    relearned = {
        f"relearned-{among}": Measure(
            f"Relearned, {'malignant' if among == 'positive' else 'all'}",
            "membership AUC (confidence) of the forgotten half that was not shown again, after training on the other",
            "half",
            partial(_relearned, among),
            membership=True,
        )
        for among in ("all", "positive")
    }
    return {**clinical, **forgetting, **relearned}


def needs_unlearned(attack: str) -> bool:
    """Return whether `attack` is made for one method: by reference models that underwent it."""
    return find_attack(attack).needs is Needs.UNLEARNED


def find_collapse(scope: Scope, model: str) -> str | None:
    """Return why the model has collapsed, None where it has not.

    It gives 99 % of the test records one answer, or is right on no more of the retained records than one answer for all
    would be. Its membership then means nothing: a destroyed model looks perfectly forgotten.
    """
    called = scope.evidence.predicted_positive(model)[scope.test].mean()
    if not 0.01 < called < 0.99:  # noqa: PLR2004 - said above
        return f"calls {called:.1%} of the test records positive"
    retain = scope.evidence.select("retain")
    accuracy = float(_retain_accuracy(scope, model)[0])
    usual = np.bincount(scope.evidence.label[retain]).max() / retain.sum()
    if accuracy <= usual:
        return f"is right on {accuracy:.1%} of the retained records, one answer for all on {usual:.1%}"
    return None
