"""The table of metrics: every metric by name.

One file and one line here add a metric. Third parties add theirs through the entry points 'unlearn_audit.metrics'.
"""

from unlearn_audit.findings.attacks import ATTACKS
from unlearn_audit.findings.metric import Metric
from unlearn_audit.findings.metrics.calibration import (
    CALIBRATION_ERROR,
    CALIBRATION_ERROR_BY_CHANCE,
    CALIBRATION_IN_THE_LARGE,
    CALIBRATION_SLOPE,
    NET_BENEFIT,
    NET_BENEFIT_AT_PREVALENCE,
)
from unlearn_audit.findings.metrics.disclosure import DISCLOSURE, RETAINED_DISCLOSURE
from unlearn_audit.findings.metrics.discrimination import AUROC, AUROC_DROP, BRIER, FNR_AT_FPR
from unlearn_audit.findings.metrics.dormant_memory import DORMANT_MEMORY, RETURNED_ACCURACY
from unlearn_audit.findings.metrics.error_rates import (
    BALANCED_ACCURACY,
    FALSE_NEGATIVE_RATE,
    FALSE_NEGATIVE_RATE_INCREASE,
    FALSE_NEGATIVES,
    FALSE_POSITIVE_RATE,
    FALSE_POSITIVES,
    SENSITIVITY,
    SPECIFICITY,
)
from unlearn_audit.findings.metrics.global_risk import GLOBAL_RISK, GLOBAL_RISK_AT_PREVALENCE, GLOBAL_RISK_INCREASE
from unlearn_audit.findings.metrics.membership import (
    FORGETTING_SCORE,
    MEMBERSHIP_ADVANTAGE,
    MEMBERSHIP_AUC,
    MEMBERSHIP_DIFFERENCE,
    MEMBERSHIP_TPR,
)
from unlearn_audit.findings.metrics.membership_null import MEMBERSHIP_NULL
from unlearn_audit.findings.metrics.newly_missed import MCNEMAR, NEWLY_CAUGHT, NEWLY_MISSED, NEWLY_MISSED_RATE
from unlearn_audit.findings.metrics.paired_recognition import (
    CHECKPOINT_SPREAD,
    PAIRED_RECOGNITION,
    PAIRED_RECOGNITION_MEAN,
)
from unlearn_audit.findings.metrics.reconstruction import RECONSTRUCTION_RANK
from unlearn_audit.findings.metrics.reissued_threshold import (
    REISSUED_ON_AVERAGE,
    REISSUED_PRICE,
    REISSUED_THRESHOLD,
)
from unlearn_audit.findings.metrics.retain_leakage import RETAIN_LEAKAGE
from unlearn_audit.findings.metrics.risk_split import RISK_BY_DISCRIMINATION, RISK_BY_THRESHOLD
from unlearn_audit.findings.metrics.svc_efficacy import LOGISTIC_ACCURACY, SVC_EFFICACY
from unlearn_audit.findings.metrics.swap_quality import SWAP_QUALITY
from unlearn_audit.findings.metrics.threshold import THRESHOLD
from unlearn_audit.findings.metrics.utility import POSITIVE_SHARE, RETAIN_ACCURACY
from unlearn_audit.findings.metrics.worst_recognition import (
    LISTED_RECORDS,
    RECOGNISED_PATIENTS,
    RECOGNISED_RECORDS,
    WORST_PATIENT,
    WORST_RECORD,
    WORST_RECORD_STATISTIC,
)
from unlearn_audit.registry import Table

METRICS: Table[Metric] = Table(
    "metric",
    "unlearn_audit.metrics",
    {
        "global-risk": GLOBAL_RISK,
        "global-risk-increase": GLOBAL_RISK_INCREASE,
        "global-risk-at-prevalence": GLOBAL_RISK_AT_PREVALENCE,
        "risk-by-threshold": RISK_BY_THRESHOLD,
        "risk-by-discrimination": RISK_BY_DISCRIMINATION,
        "false-negatives": FALSE_NEGATIVES,
        "false-positives": FALSE_POSITIVES,
        "false-negative-rate": FALSE_NEGATIVE_RATE,
        "false-negative-rate-increase": FALSE_NEGATIVE_RATE_INCREASE,
        "false-positive-rate": FALSE_POSITIVE_RATE,
        "sensitivity": SENSITIVITY,
        "specificity": SPECIFICITY,
        "balanced-accuracy": BALANCED_ACCURACY,
        "auroc": AUROC,
        "auroc-drop": AUROC_DROP,
        "fnr-at-fpr-20": FNR_AT_FPR,
        "brier": BRIER,
        "calibration-in-the-large": CALIBRATION_IN_THE_LARGE,
        "calibration-slope": CALIBRATION_SLOPE,
        "calibration-error": CALIBRATION_ERROR,
        "calibration-error-by-chance": CALIBRATION_ERROR_BY_CHANCE,
        "net-benefit": NET_BENEFIT,
        "net-benefit-at-prevalence": NET_BENEFIT_AT_PREVALENCE,
        "newly-missed-rate": NEWLY_MISSED_RATE,
        "newly-missed": NEWLY_MISSED,
        "newly-caught": NEWLY_CAUGHT,
        "mcnemar-p": MCNEMAR,
        "retain-accuracy": RETAIN_ACCURACY,
        "positive-share": POSITIVE_SHARE,
        "membership-auc": MEMBERSHIP_AUC,
        "membership-auc-difference": MEMBERSHIP_DIFFERENCE,
        "forgetting-score": FORGETTING_SCORE,
        "membership-tpr": MEMBERSHIP_TPR,
        "membership-advantage": MEMBERSHIP_ADVANTAGE,
        "membership-null": MEMBERSHIP_NULL,
        "swap-quality": SWAP_QUALITY,
        "retain-leakage": RETAIN_LEAKAGE,
        "paired-recognition": PAIRED_RECOGNITION,
        "paired-recognition-mean": PAIRED_RECOGNITION_MEAN,
        "checkpoint-spread": CHECKPOINT_SPREAD,
        "worst-record-recognition": WORST_RECORD,
        "worst-patient-recognition": WORST_PATIENT,
        "worst-record-statistic": WORST_RECORD_STATISTIC,
        "recognised-records": RECOGNISED_RECORDS,
        "recognised-patients": RECOGNISED_PATIENTS,
        "listed-records": LISTED_RECORDS,
        "disclosure": DISCLOSURE,
        "retained-disclosure": RETAINED_DISCLOSURE,
        "dormant-memory": DORMANT_MEMORY,
        "returned-accuracy": RETURNED_ACCURACY,
        "reconstruction-rank": RECONSTRUCTION_RANK,
        "reissued-threshold": REISSUED_THRESHOLD,
        "reissued-threshold-on-average": REISSUED_ON_AVERAGE,
        "reissued-threshold-price": REISSUED_PRICE,
        "svc-efficacy": SVC_EFFICACY,
        "logistic-accuracy": LOGISTIC_ACCURACY,
        "threshold": THRESHOLD,
    },
)

__all__ = ["ATTACKS", "METRICS"]
