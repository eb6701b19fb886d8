"""Membership inference on the forget set: every attack of the policy, two-sided.

Members are the forget records, non-members the test records (of an attack with reference models: the controls among
them); an AUC of 0.5 means that the forget records look unseen. Well below 0.5 is over-unlearning, which marks them just
as well; a likelihood ratio, which knows in which direction the method errs, finds it above 0.5 too.
"""

from unlearn_audit.errors import MeasurementError
from unlearn_audit.findings.attacks import Needs, find_attack, name_calibrator, pair_clusters, score_groups
from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.findings.metric import Metric
from unlearn_audit.findings.traits import TRAITS
from unlearn_audit.records import (
    ALL,
    NEGATIVE,
    POSITIVE,
    Direction,
    Estimate,
    Finding,
    PointKind,
    Population,
    write_message,
)
from unlearn_audit.records.key import MetricKey
from unlearn_audit.stats import (
    center_auc,
    compute_forgetting_score,
    estimate_advantage,
    estimate_auc,
    estimate_auc_shift,
    estimate_tpr_at_fpr,
)

_AMONG = frozenset({ALL, POSITIVE, NEGATIVE})
_SOURCE = "AUC of forget against test records under the attack named"


def _attack_of(key: MetricKey) -> str:
    if key.attack is None:
        raise MeasurementError(write_message("no-attack-named"))
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
        attacks=len(context.policy.membership.attacks),
    )


def measure_membership_difference(context: EvaluationContext, key: MetricKey) -> Estimate:
    """Measure how far from one half the AUC lies beyond what the reference's does: 0 is as forgotten as never seen.

    Paired on the same records, and on the probit scale (`estimate_auc_shift`), so that a remembered record counts as
    much where the retrained model tells forget from test records anyway. Not measured where it tells them almost
    perfectly. U-LiRA's own null is one half for any forget set: its AUC is read absolutely, since one retrained model
    scored under another method's distributions would add its noise and no correction.
    """
    attack = _attack_of(key)
    if key.against == "retrained" and find_attack(attack).needs is Needs.UNLEARNED:
        return center_auc(measure_membership_auc(context, key))
    like = name_calibrator(context, key.model)
    return estimate_auc_shift(
        score_groups(context, context.reference(key), key.among, attack, like),
        score_groups(context, key.model, key.among, attack, like),
        confidence=context.confidence_for(key.model),
        clusters=pair_clusters(context, key.among, attack),
        attacks=len(context.policy.membership.attacks),
    )


def measure_forgetting_score(context: EvaluationContext, key: MetricKey) -> Estimate:
    """Measure 1 - 2 |AUC - 1/2|: 1 looks unseen, 0 is found (or marked by its absence) without error. For readers."""
    return compute_forgetting_score(measure_membership_auc(context, key))


def measure_membership_tpr(context: EvaluationContext, key: MetricKey) -> Estimate:
    """Measure the share of forget records found where the attack wrongly accuses only the share in `at`."""
    attack = _attack_of(key)
    members, nonmembers = score_groups(context, key.model, key.among, attack)
    if key.at is None or key.at.kind is not PointKind.FPR or key.at.value is None:
        raise MeasurementError(write_message("no-fpr-named"))
    return estimate_tpr_at_fpr(
        members,
        nonmembers,
        key.at.value,
        confidence=context.confidence_for(key.model),
        clusters=pair_clusters(context, key.among, attack),
        attacks=len(context.policy.membership.attacks),
    )


def measure_membership_advantage(context: EvaluationContext, key: MetricKey) -> Estimate:
    """Measure the largest TPR - FPR over all thresholds. Never compare it with 0, only with the retrained model's."""
    members, nonmembers = score_groups(context, key.model, key.among, _attack_of(key))
    found = estimate_advantage(members, nonmembers, confidence=context.confidence_for(key.model))
    return found.model_copy(update={"bounds": None})  # they take records as independent: for display only


def find_strongest(findings: tuple[Finding, ...], model: str, among: Population) -> str | None:
    """Return the attack whose AUC on `model` lies furthest from chance; None where none was run."""
    mine = [
        (abs(f.estimate.value - (f.null or 0.0)), f.key.attack)
        for f in findings
        if f.key.metric == "membership-auc" and f.key.model == model and f.key.among == among and f.estimate is not None
    ]
    return max(mine, key=lambda pair: pair[0])[1] if mine else None


MEMBERSHIP_AUC = Metric(
    traits=TRAITS["membership-auc"],
    direction=Direction.TWO_SIDED,
    source=_SOURCE,
    measure=measure_membership_auc,
    groups=("forget", "test"),
    caveat=write_message("destroyed-model-looks-forgotten"),
)
MEMBERSHIP_DIFFERENCE = Metric(
    traits=TRAITS["membership-auc-difference"],
    direction=Direction.TWO_SIDED,
    source="DeLong et al. 1988, paired on the same records, on the probit scale (Pepe 2003)",
    measure=measure_membership_difference,
    groups=("forget", "test"),
)
FORGETTING_SCORE = Metric(
    traits=TRAITS["forgetting-score"],
    direction=Direction.HIGHER,
    source="1 - 2 |AUC - 1/2|",
    measure=measure_forgetting_score,
)
MEMBERSHIP_TPR = Metric(
    traits=TRAITS["membership-tpr"],
    direction=Direction.LOWER,
    source="Carlini et al. 2022, arXiv 2112.03570, on the empirical ROC",
    measure=measure_membership_tpr,
    groups=("forget", "test"),
)
MEMBERSHIP_ADVANTAGE = Metric(
    traits=TRAITS["membership-advantage"],
    direction=Direction.LOWER,
    source="Yeom et al. 2018, definition 4: largest TPR - FPR",
    measure=measure_membership_advantage,
)
