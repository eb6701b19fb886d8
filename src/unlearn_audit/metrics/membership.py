"""Does the forget set still look like training data? Population attacks on every signal, two-sided.

Members are the forget records, non-members the test records; an AUC of 0.5 means that the forget records look unseen.
Well below 0.5 is over-unlearning, which marks them just as well.
"""

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.errors import MeasurementError
from unlearn_audit.policy import MetricTraits
from unlearn_audit.records import Direction, Estimate, Finding
from unlearn_audit.registry import Table
from unlearn_audit.scope import Address, Metric, Scope
from unlearn_audit.stats import (
    SIGNALS,
    Signal,
    compute_forgetting_score,
    estimate_auc,
    estimate_auc_change,
    estimate_tpr_at_fpr,
)

Pair = tuple[NDArray[np.float64], NDArray[np.float64]]
_AMONG = frozenset({"all", "positive", "negative"})
ATTACKS: Table[Signal] = Table("membership attack", "unlearn_audit.attacks", SIGNALS)
"""Signals that a population attack may threshold. Third parties add theirs through 'unlearn_audit.attacks'."""

_MOST_TIES = 0.02
_SOURCE = "population attack, forget against test: Yeom et al. 2018; Song and Mittal 2021"


def score_groups(scope: Scope, model: str, among: str, attack: str) -> Pair:
    """Return the membership scores of forget and of test records, HIGHER = looks like a member.

    Raises:
        MeasurementError: fewer records than the policy's smallest group on either side, or answers so coarse that
            ties would hide what is remembered.
    """
    evidence = scope.evidence
    groups = [scope.select_among(split, among) for split in ("forget", "test")]
    least = scope.policy.protocol.smallest_group
    for split, mask in zip(("forget", "test"), groups, strict=True):
        if mask.sum() < least:
            raise MeasurementError(
                f"{int(mask.sum())} {split} records{'' if among == 'all' else f' ({among})'} are fewer than {least}, "
                "the smallest group that the policy lets be measured"
            )
    scores = ATTACKS[attack].score(evidence.log_probs[model], evidence.label)
    members, nonmembers = scores[groups[0]], scores[groups[1]]
    _refuse_ties(members, nonmembers)
    return members, nonmembers


def _refuse_ties(members: NDArray[np.float64], nonmembers: NDArray[np.float64]) -> None:
    """Refuse rounded answers: a tie counts as half, so what was rounded away pulls the AUC to 0.5 and looks forgotten.

    Raises:
        MeasurementError: more than 2 % of the pairs are equal, so that the AUC could be wrong by more than 0.01.
    """
    values, counts = np.unique(members, return_counts=True)
    theirs = np.sort(nonmembers)
    equal = np.searchsorted(theirs, values, side="right") - np.searchsorted(theirs, values, side="left")
    share = float((counts * equal).sum()) / (len(members) * len(nonmembers))
    if share > _MOST_TIES:
        raise MeasurementError(
            f"{100 * share:.0f} % of the pairs of a forgotten and a test record have the very same score: predictions "
            "this coarse hide who is remembered; bring logits, or probabilities with all their digits"
        )


def _pair_clusters(scope: Scope, among: str) -> tuple[NDArray[np.str_], NDArray[np.str_]] | None:
    ours = scope.clusters(scope.select_among("forget", among))
    theirs = scope.clusters(scope.select_among("test", among))
    return None if ours is None or theirs is None else (ours, theirs)


def _attack_of(address: Address) -> str:
    if address.attack is None:
        raise MeasurementError("a membership metric needs an attack")
    return address.attack


def measure_membership_auc(scope: Scope, address: Address) -> Estimate:
    """Measure the AUC of the attack; 0.5 is indistinguishable from never seen.

    What must not be concluded: that a stronger attack (with reference models) would not succeed.
    """
    members, nonmembers = score_groups(scope, address.model, address.among, _attack_of(address))
    return estimate_auc(
        members,
        nonmembers,
        confidence=scope.confidence_for(address.model),
        clusters=_pair_clusters(scope, address.among),
    )


def measure_membership_difference(scope: Scope, address: Address) -> Estimate:
    """Measure AUC minus the reference's AUC, on the same records (paired): 0 is as forgotten as never seen."""
    attack = _attack_of(address)
    return estimate_auc_change(
        score_groups(scope, scope.reference(address), address.among, attack),
        score_groups(scope, address.model, address.among, attack),
        confidence=scope.confidence_for(address.model),
        clusters=_pair_clusters(scope, address.among),
    )


def measure_forgetting_score(scope: Scope, address: Address) -> Estimate:
    """Measure 1 - 2 |AUC - 1/2|: 1 looks unseen, 0 is found (or marked by its absence) without error. For readers."""
    return compute_forgetting_score(measure_membership_auc(scope, address))


def measure_membership_tpr(scope: Scope, address: Address) -> Estimate:
    """Measure the share of forget records found where the attack wrongly accuses only the share in `at`."""
    members, nonmembers = score_groups(scope, address.model, address.among, _attack_of(address))
    fpr = float((address.at or "").removeprefix("fpr "))
    found = estimate_tpr_at_fpr(members, nonmembers, fpr, confidence=scope.confidence_for(address.model))
    return found.model_copy(update={"bounds": None})  # they take records as independent: for display only


def find_strongest(findings: tuple[Finding, ...], model: str, among: str) -> str | None:
    """Return the attack whose AUC on `model` lies furthest from 0.5; None where none was run."""
    mine = [
        (abs(f.estimate.value - 0.5), f.attack)
        for f in findings
        if f.metric == "membership-auc" and f.model == model and f.among == among and f.estimate is not None
    ]
    return max(mine, key=lambda pair: pair[0])[1] if mine else None


MEMBERSHIP_AUC = Metric(
    title="Membership AUC",
    traits=MetricTraits(kind="forgetting", among=_AMONG, limits=frozenset({"within"}), low=0.0, high=1.0),
    direction=Direction.TWO_SIDED,
    source=_SOURCE,
    measure=measure_membership_auc,
    per_attack=True,
    caveat="A destroyed model scores 0.5 too: never read it without the utility checks.",
)
MEMBERSHIP_DIFFERENCE = Metric(
    title="Membership AUC, difference",
    traits=MetricTraits(
        kind="forgetting",
        against=frozenset({"original", "retrained"}),
        among=_AMONG,
        limits=frozenset({"within"}),
        low=-1.0,
        high=1.0,
    ),
    direction=Direction.TWO_SIDED,
    source="DeLong et al. 1988, paired on the same records",
    measure=measure_membership_difference,
    per_attack=True,
)
FORGETTING_SCORE = Metric(
    title="Forgetting score",
    traits=MetricTraits(kind="descriptive", among=_AMONG),
    direction=Direction.HIGHER,
    source="1 - 2 |AUC - 1/2|",
    measure=measure_forgetting_score,
    per_attack=True,
)
MEMBERSHIP_TPR = Metric(
    title="Membership TPR at low FPR",
    traits=MetricTraits(kind="descriptive", among=frozenset({"all", "positive"})),
    direction=Direction.LOWER,
    source="Carlini et al. 2022, arXiv 2112.03570, on the empirical ROC",
    measure=measure_membership_tpr,
    per_attack=True,
    points=lambda policy: tuple(f"fpr {fpr:g}" for fpr in policy.membership.fpr),
)
