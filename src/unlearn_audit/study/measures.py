"""The measures of a study: numbers per record where a mean is estimated, else one number per run.

A measure that is a mean over records can be resampled over seeds and patients at once. An area under a curve, or a rate
at a threshold that is found on the records themselves, is one number per run: its interval is over runs alone, on these
test images.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np

from unlearn_audit.errors import MeasurementError
from unlearn_audit.findings.attacks import Needs, find_attack, score_groups, score_records, select_group
from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.findings.metrics.discrimination import measure_fnr_at_fpr, score_test
from unlearn_audit.findings.metrics.utility import find_right
from unlearn_audit.records import ALL, ARGMAX, POSITIVE, Population, Unit
from unlearn_audit.records.key import MetricKey
from unlearn_audit.stats import choose_cost_optimal, compute_auc
from unlearn_audit.study.by_class import list_by_class
from unlearn_audit.study.by_subgroup import list_by_subgroup
from unlearn_audit.study.measure import (
    Better,
    Measure,
    Values,
    find_alarms,
    find_cost,
    find_cost_at,
    find_misses,
    select_negatives,
    select_positives,
    select_test,
)
from unlearn_audit.study.relearning import GROUP, HIDDEN, PREFIX

_AMONG = {ALL: "all", POSITIVE: "positives"}
POPULATION = "confidence"
"""The attack that every study has: on the answers alone, without reference models."""


def _probability(context: EvaluationContext, model: str, split: str) -> Values:
    return np.asarray(context.evidence.positive_probability(model)[context.evidence.select(split)])


def _cost_own(ratio: float, context: EvaluationContext, model: str) -> Values:
    """Cost where each model is read at the threshold that is cheapest for itself on validation."""
    truth = context.evidence.is_positive[context.evidence.select("validation")]
    threshold = choose_cost_optimal(
        truth, _probability(context, model, "validation"), false_negative=ratio, false_positive=1.0
    )
    return find_cost(context.actual, np.asarray(_probability(context, model, "test") >= threshold), ratio)


def _miss_calibrated(context: EvaluationContext, model: str) -> Values:
    """Misses where each model calls as many of the negative validation images positive as the original at argmax.

    Fewer where images tie at the threshold. Log-odds rank as probabilities do, and do not tie where those round to one.
    """
    negative = context.evidence.select("validation") & ~context.evidence.is_positive
    false_positives = int(context.evidence.predicted_positive("original")[negative].sum())
    odds = context.log_odds(model)
    scores = np.sort(odds[negative])[::-1]
    if not 0 < false_positives < len(scores):
        raise MeasurementError("the original calls all or none of the negative validation images positive")
    return np.asarray(odds[context.positives] <= scores[false_positives], dtype=np.float64)


def _auroc(context: EvaluationContext, model: str) -> Values:
    return np.array([compute_auc(*score_test(context, model))])


def _miss_at_fpr(context: EvaluationContext, model: str) -> Values:
    """The share of positives below the threshold at which 20 % of the test negatives are called positive."""
    return np.array([measure_fnr_at_fpr(context, MetricKey(metric="fnr-at-fpr-20", model=model)).value])


def _retain_accuracy(context: EvaluationContext, model: str) -> Values:
    return np.array([float(find_right(context, model).mean())])


def _membership(
    attack: str, among: Population, context: EvaluationContext, model: str, like: str | None = None
) -> Values:
    forget, test = score_groups(context, model, among, attack, like or model)
    return np.array([compute_auc(forget, test)])


def _relearned(among: Population, context: EvaluationContext, model: str) -> Values:
    """Membership of the forgotten half that the attack did not train on, after it trained on the other."""
    column = context.evidence.groups.get(GROUP)
    if column is None or PREFIX + model not in context.evidence.log_probs:
        raise MeasurementError("the relearning attack was not run on it")
    if reason := find_collapse(context, PREFIX + model):
        raise MeasurementError(f"collapsed when it was trained again: it {reason}")
    scores = score_records(context, PREFIX + model, POPULATION, PREFIX + model).values
    hidden, test = (
        select_group(context, s, among, m) for s, m in (("forget", column == HIDDEN), ("test", context.test))
    )
    return np.array([compute_auc(scores[hidden], scores[test])])


def list_measures(
    ratio: float,
    policy_ratio: float,
    attacks: tuple[str, ...],
    *,
    relearned: bool = True,
    by_class: bool = False,
    groups: Sequence[Population] = (),
) -> dict[str, Measure]:
    """Return every measure by name, in the order of the tables.

    Args:
        ratio: false negative to false positive, at argmax.
        policy_ratio: the same in the policy, at the operating points that the policy chooses.
        attacks: those of the policy, and those with reference models.
        relearned: whether the study has the relearning attack.
        by_class: whether it measures positives and negatives apart.
        groups: the subgroups that it measures apart.
    """
    lower: Better = "lower"
    higher: Better = "higher"
    rate = Unit.PROPORTION
    clinical: dict[str, Measure] = {
        "fnr": Measure(
            "FNR", "false-negative rate at argmax", lower, rate, partial(find_misses, ARGMAX), select_positives
        ),
        "fpr": Measure(
            "FPR", "false-positive rate at argmax", lower, rate, partial(find_alarms, ARGMAX), select_negatives
        ),
        "risk": Measure(
            f"Risk {ratio:g}",
            f"Global Risk at argmax, a miss costing {ratio:g} false alarms",
            lower,
            Unit.COST_PER_CASE,
            partial(find_cost_at, ARGMAX, ratio),
            select_test,
        ),
        "fnr-calibrated": Measure(
            "FNR, same FPR",
            "false-negative rate where each model's threshold gives the original's false positives on validation",
            lower,
            rate,
            _miss_calibrated,
            select_positives,
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
            partial(find_cost_at, None, policy_ratio),
            select_test,
        ),
        "risk-own": Measure(
            f"Risk {policy_ratio:g}, own",
            "the same where each model has the threshold that is cheapest for itself on validation",
            lower,
            Unit.COST_PER_CASE,
            partial(_cost_own, policy_ratio),
            select_test,
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
        for among in (ALL, POSITIVE)
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
        for among in (ALL, POSITIVE)
    }
    apart = {**(list_by_class(ratio) if by_class else {}), **list_by_subgroup(groups)}
    return {**clinical, **apart, **forgetting, **(again if relearned else {})}


def _of(among: Population) -> str:
    return "positive " if among == POSITIVE else ""


def needs_unlearned(attack: str) -> bool:
    """Return whether `attack` is made for one method: by reference models that underwent it."""
    return find_attack(attack).needs is Needs.UNLEARNED


def find_collapse(context: EvaluationContext, model: str) -> str | None:
    """Return why the model has collapsed, None where it has not.

    It gives 99 % of the test records one answer, or is right on no more of the retained records than one answer for all
    would be. Its membership then means nothing: a destroyed model looks perfectly forgotten. Where fewer than 2 % of
    the records are of one class, a good model answers so too: what counts there is half of that share.
    """
    predicted, share = context.evidence.predicted_positive(model)[context.test].mean(), context.actual.mean()
    if not min(0.01, share / 2) < predicted < 1 - min(0.01, (1 - share) / 2):
        return f"calls {predicted:.1%} of the test records positive"
    retain = context.evidence.select("retain")
    accuracy = float(_retain_accuracy(context, model)[0])
    usual = np.bincount(context.evidence.label[retain]).max() / retain.sum()
    if accuracy <= usual:
        return f"is right on {accuracy:.1%} of the retained records, one answer for all on {usual:.1%}"
    return None
