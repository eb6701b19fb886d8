"""Membership attacks: the table of them, and their scores on the models of the evidence."""

from unlearn_audit.findings.attacks.null import score_swapped, score_unseen
from unlearn_audit.findings.attacks.scoring import (
    Scored,
    find_scorable,
    gather_ensemble,
    name_calibrator,
    pair_clusters,
    score_groups,
    score_records,
    select_group,
)
from unlearn_audit.findings.attacks.table import (
    ATTACKS,
    Attack,
    Needs,
    find_attack,
    is_population_attack,
    needs_references,
)

__all__ = [
    "ATTACKS",
    "Attack",
    "Needs",
    "Scored",
    "find_attack",
    "find_scorable",
    "gather_ensemble",
    "is_population_attack",
    "name_calibrator",
    "needs_references",
    "pair_clusters",
    "score_groups",
    "score_records",
    "score_swapped",
    "score_unseen",
    "select_group",
]
