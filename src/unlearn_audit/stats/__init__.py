"""Statistics: pure functions of NumPy arrays that return numbers, never NaN, and refuse where nothing is defined.

Every `Estimate` made here carries up to two pairs of ends. `interval` is the one readers know (percentile bootstrap,
Jeffreys, DeLong) and is for display. `bounds` may decide a check; each end is a one-sided bound at the given
confidence. The bounds follow one rule that can be said in a sentence: *pretend that one more record had been seen, and
that it was the worst possible one*. For a proportion that rule is exactly Clopper-Pearson.

Reading order: `confusion` -> `stratified_counts`, `bootstrap` -> `dirichlet_means`, `worst_case` (the rule) -> `cells`
-> `rates`, `risk` -> `groups`, `auc`, `auc_change`, `auc_shift`, `roc` -> `membership`, `attacks` -> `ensemble`,
`variance_shrinkage`, `lira`, `rmia`, `bayes_optimal`, `swap`, `null` (attacks with reference models) ->
`reference_pairs`, `sign_flips`, `paired_recognition`, `worst_record`, `worst_record_power`, `false_discovery`,
`checkpoint_spread` (pairs of reference models) -> `disclosure`, `linear_reconstruction` (two releases compared) ->
`equivalence`, `multiplicity`, `prevalence`, `thresholds`, `guaranteed_threshold`, `power`, `calibration`.
"""

from unlearn_audit.stats.attacks import (
    compute_forgetting_score,
    estimate_logistic_accuracy,
    estimate_svc_efficacy,
)
from unlearn_audit.stats.auc import compute_auc, compute_delong_variance, compute_midranks, estimate_auc
from unlearn_audit.stats.auc_change import estimate_auc_change
from unlearn_audit.stats.auc_shift import center_auc, estimate_auc_shift
from unlearn_audit.stats.bayes_optimal import score_base
from unlearn_audit.stats.binomial import (
    compute_clopper_pearson,
    compute_jeffreys,
    compute_mcnemar,
    estimate_proportion,
)
from unlearn_audit.stats.calibration import compute_brier, estimate_brier, estimate_calibration_in_the_large
from unlearn_audit.stats.checkpoint_spread import CheckpointSpread, compare_checkpoint
from unlearn_audit.stats.confusion import Confusion, PairedCells
from unlearn_audit.stats.decision_curve import (
    compute_call_all_benefit,
    compute_net_benefit,
    estimate_net_benefit,
)
from unlearn_audit.stats.disclosure import Disclosure, estimate_disclosure
from unlearn_audit.stats.ensemble import Ensemble, View
from unlearn_audit.stats.equivalence import Equivalence, compute_equivalence
from unlearn_audit.stats.false_discovery import adjust_benjamini_hochberg
from unlearn_audit.stats.guaranteed_threshold import GuaranteedThreshold, choose_on_average, choose_with_confidence
from unlearn_audit.stats.linear_reconstruction import HeadChange, HeadLoss, rank_by_alignment
from unlearn_audit.stats.lira import Prediction, Variance, predict_logit, score_lira, score_lira_offline
from unlearn_audit.stats.membership import (
    SIGNALS,
    Signal,
    score_confidence,
    score_correctness,
    score_entropy,
    score_logit,
    score_loss,
    score_modified_entropy,
)
from unlearn_audit.stats.multiplicity import adjust_differences, adjust_holm, share_error
from unlearn_audit.stats.null import estimate_null
from unlearn_audit.stats.paired_recognition import (
    PairedRecognition,
    compute_paired_equivalence,
    estimate_paired_recognition,
)
from unlearn_audit.stats.power import estimate_more_records, split_by_group
from unlearn_audit.stats.prevalence import PrevalenceCounts, estimate_at_counted_prevalence
from unlearn_audit.stats.rates import (
    estimate_balanced_accuracy,
    estimate_balanced_accuracy_change,
    estimate_rate,
    estimate_rate_change,
)
from unlearn_audit.stats.reference_pairs import PairedDifferences, bound_logit, find_pairs
from unlearn_audit.stats.reliability import (
    Reliability,
    compute_calibration_error,
    compute_reliability,
    estimate_calibration_slope,
)
from unlearn_audit.stats.risk import (
    MistakeCosts,
    compute_baseline_risks,
    compute_global_risk,
    compute_risk_change,
    estimate_global_risk,
    estimate_risk_change,
    estimate_risk_curve,
)
from unlearn_audit.stats.risk_split import RiskSplit, split_risk_change
from unlearn_audit.stats.rmia import average_log, compute_log_marginal, fit_offline_slope, score_rmia
from unlearn_audit.stats.roc import (
    Roc,
    compute_roc,
    estimate_advantage,
    estimate_fnr_at_fpr,
    estimate_tpr_at_fpr,
)
from unlearn_audit.stats.sign_flips import RandomisationTest, SignFlips
from unlearn_audit.stats.swap import estimate_swap_quality
from unlearn_audit.stats.threshold_grid import choose_grid, count_mistakes
from unlearn_audit.stats.thresholds import choose_cost_optimal, choose_for_sensitivity, choose_threshold
from unlearn_audit.stats.variance_shrinkage import VariancePrior, fit_variance_prior, shrink_variances
from unlearn_audit.stats.worst_record import WorstRecord, find_worst_record
from unlearn_audit.stats.worst_record_power import estimate_worst_record_power

__all__ = [
    "SIGNALS",
    "CheckpointSpread",
    "Confusion",
    "Disclosure",
    "Ensemble",
    "Equivalence",
    "GuaranteedThreshold",
    "HeadChange",
    "HeadLoss",
    "MistakeCosts",
    "PairedCells",
    "PairedDifferences",
    "PairedRecognition",
    "Prediction",
    "PrevalenceCounts",
    "RandomisationTest",
    "Reliability",
    "RiskSplit",
    "Roc",
    "SignFlips",
    "Signal",
    "Variance",
    "VariancePrior",
    "View",
    "WorstRecord",
    "adjust_benjamini_hochberg",
    "adjust_differences",
    "adjust_holm",
    "average_log",
    "bound_logit",
    "center_auc",
    "choose_cost_optimal",
    "choose_for_sensitivity",
    "choose_grid",
    "choose_on_average",
    "choose_threshold",
    "choose_with_confidence",
    "compare_checkpoint",
    "compute_auc",
    "compute_baseline_risks",
    "compute_brier",
    "compute_calibration_error",
    "compute_call_all_benefit",
    "compute_clopper_pearson",
    "compute_delong_variance",
    "compute_equivalence",
    "compute_forgetting_score",
    "compute_global_risk",
    "compute_jeffreys",
    "compute_log_marginal",
    "compute_mcnemar",
    "compute_midranks",
    "compute_net_benefit",
    "compute_paired_equivalence",
    "compute_reliability",
    "compute_risk_change",
    "compute_roc",
    "count_mistakes",
    "estimate_advantage",
    "estimate_at_counted_prevalence",
    "estimate_auc",
    "estimate_auc_change",
    "estimate_auc_shift",
    "estimate_balanced_accuracy",
    "estimate_balanced_accuracy_change",
    "estimate_brier",
    "estimate_calibration_in_the_large",
    "estimate_calibration_slope",
    "estimate_disclosure",
    "estimate_fnr_at_fpr",
    "estimate_global_risk",
    "estimate_logistic_accuracy",
    "estimate_more_records",
    "estimate_net_benefit",
    "estimate_null",
    "estimate_paired_recognition",
    "estimate_proportion",
    "estimate_rate",
    "estimate_rate_change",
    "estimate_risk_change",
    "estimate_risk_curve",
    "estimate_svc_efficacy",
    "estimate_swap_quality",
    "estimate_tpr_at_fpr",
    "estimate_worst_record_power",
    "find_pairs",
    "find_worst_record",
    "fit_offline_slope",
    "fit_variance_prior",
    "predict_logit",
    "rank_by_alignment",
    "score_base",
    "score_confidence",
    "score_correctness",
    "score_entropy",
    "score_lira",
    "score_lira_offline",
    "score_logit",
    "score_loss",
    "score_modified_entropy",
    "score_rmia",
    "share_error",
    "shrink_variances",
    "split_by_group",
    "split_risk_change",
]
