"""Does the forget set still look like training data? Every attack of the policy, two-sided.

Members are the forget records, non-members the test records (of an attack with reference models: the controls among
them); an AUC of 0.5 means that the forget records look unseen. Well below 0.5 is over-unlearning, which marks them just
as well; a likelihood ratio, which knows in which direction the method errs, finds it above 0.5 too.
"""

from unlearn_audit.errors import MeasurementError
from unlearn_audit.findings.attacks import name_calibrator, pair_clusters, score_groups
from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.findings.key import MetricKey
from unlearn_audit.findings.metric import Metric
from unlearn_audit.findings.traits import TRAITS
from unlearn_audit.records import Direction, Estimate, Finding
from unlearn_audit.stats import (
    compute_forgetting_score,
    estimate_advantage,
    estimate_auc,
    estimate_auc_change,
    estimate_tpr_at_fpr,
)

_SOURCE = "AUC of forget against test records under the attack named"


def _attack_of(key: MetricKey) -> str:
    if key.attack is None:
        raise MeasurementError("a membership metric needs an attack")
    return key.attack


def measure_membership_auc(context: EvaluationContext, key: MetricKey) -> Estimate:
    """Measure the AUC of the attack; 0.5 is indistinguishable from never seen.

    What must not be concluded: that a stronger attack would not succeed. With reference models it speaks of the
    attack as these very models make it; others make a slightly different one.
    """
    attack = _attack_of(key)
    members, nonmembers = score_groups(context, key.model, key.among, attack)
    return estimate_auc(
        members,
        nonmembers,
        confidence=context.confidence_for(key.model),
        clusters=pair_clusters(context, key.among, attack),
    )


def measure_membership_difference(context: EvaluationContext, key: MetricKey) -> Estimate:
    """Measure AUC minus the reference's AUC, on the same records (paired): 0 is as forgotten as never seen.

    Both are scored against the same distributions. For U-LiRA these are the ones of the method that made the model,
    also where the retrained model is scored: it is asked whether it answers as models that *this* method left.
    """
    attack = _attack_of(key)
    like = name_calibrator(context, key.model)
    return estimate_auc_change(
        score_groups(context, context.reference(key), key.among, attack, like),
        score_groups(context, key.model, key.among, attack, like),
        confidence=context.confidence_for(key.model),
        clusters=pair_clusters(context, key.among, attack),
    )


def measure_forgetting_score(context: EvaluationContext, key: MetricKey) -> Estimate:
    """Measure 1 - 2 |AUC - 1/2|: 1 looks unseen, 0 is found (or marked by its absence) without error. For readers."""
    return compute_forgetting_score(measure_membership_auc(context, key))


def measure_membership_tpr(context: EvaluationContext, key: MetricKey) -> Estimate:
    """Measure the share of forget records found where the attack wrongly accuses only the share in `at`."""
    members, nonmembers = score_groups(context, key.model, key.among, _attack_of(key))
    fpr = float((key.at or "").removeprefix("fpr "))
    found = estimate_tpr_at_fpr(members, nonmembers, fpr, confidence=context.confidence_for(key.model))
    return found.model_copy(update={"bounds": None})  # they take records as independent: for display only


def measure_membership_advantage(context: EvaluationContext, key: MetricKey) -> Estimate:
    """Measure the largest TPR - FPR over all thresholds. Never compare it with 0, only with the retrained model's."""
    members, nonmembers = score_groups(context, key.model, key.among, _attack_of(key))
    found = estimate_advantage(members, nonmembers, confidence=context.confidence_for(key.model))
    return found.model_copy(update={"bounds": None})  # as above


def find_strongest(findings: tuple[Finding, ...], model: str, among: str) -> str | None:
    """Return the attack whose AUC on `model` lies furthest from 0.5; None where none was run."""
    mine = [
        (abs(f.estimate.value - 0.5), f.attack)
        for f in findings
        if f.metric == "membership-auc" and f.model == model and f.among == among and f.estimate is not None
    ]
    return max(mine, key=lambda pair: pair[0])[1] if mine else None


MEMBERSHIP_AUC = Metric(
    traits=TRAITS["membership-auc"],
    direction=Direction.TWO_SIDED,
    source=_SOURCE,
    measure=measure_membership_auc,
    groups=("forget", "test"),
    null=0.5,
    per_attack=True,
    caveat="A destroyed model scores 0.5 too: never read it without the utility checks.",
)
MEMBERSHIP_DIFFERENCE = Metric(
    traits=TRAITS["membership-auc-difference"],
    direction=Direction.TWO_SIDED,
    source="DeLong et al. 1988, paired on the same records",
    measure=measure_membership_difference,
    groups=("forget", "test"),
    null=0.0,
    per_attack=True,
)
FORGETTING_SCORE = Metric(
    traits=TRAITS["forgetting-score"],
    direction=Direction.HIGHER,
    source="1 - 2 |AUC - 1/2|",
    measure=measure_forgetting_score,
    per_attack=True,
)
MEMBERSHIP_TPR = Metric(
    traits=TRAITS["membership-tpr"],
    direction=Direction.LOWER,
    source="Carlini et al. 2022, arXiv 2112.03570, on the empirical ROC",
    measure=measure_membership_tpr,
    per_attack=True,
    points=lambda policy: tuple(f"fpr {fpr:g}" for fpr in policy.membership.fpr),
)
MEMBERSHIP_ADVANTAGE = Metric(
    traits=TRAITS["membership-advantage"],
    direction=Direction.LOWER,
    source="Yeom et al. 2018, definition 4: largest TPR - FPR",
    measure=measure_membership_advantage,
    per_attack=True,
)
