"""Placement of metrics in tables. A metric that no table lists, such as a plug-in's, is printed all the same."""

from unlearn_audit.presentation.sections.index import Index

AT_POINT = (
    "global-risk",
    "global-risk-at-prevalence",
    "false-negatives",
    "false-positives",
    "false-negative-rate",
    "false-positive-rate",
    "sensitivity",
    "specificity",
    "balanced-accuracy",
    "positive-share",
)
FREE = ("auroc", "fnr-at-fpr-20", "brier", "retain-accuracy")
CALIBRATION = (
    "brier",
    "calibration-in-the-large",
    "calibration-slope",
    "calibration-error",
    "calibration-error-by-chance",
    "net-benefit",
    "net-benefit-at-prevalence",
)
BETWEEN_POINTS = ("global-risk", "false-negatives", "false-positives", "false-negative-rate", "false-positive-rate")
PAIRED = (
    "global-risk-increase",
    "false-negative-rate-increase",
    "newly-missed",
    "newly-caught",
    "newly-missed-rate",
    "mcnemar-p",
    "auroc-drop",
)
FORGETTING = (
    "membership-auc-difference",
    "membership-tpr",
    "membership-advantage",
    "forgetting-score",
    "swap-quality",
    "retain-leakage",
    "svc-efficacy",
    "logistic-accuracy",
)
PATIENTS = (
    "worst-record-recognition",
    "worst-record-statistic",
    "recognised-records",
    "listed-records",
    "worst-patient-recognition",
    "recognised-patients",
    "paired-recognition",
    "paired-recognition-mean",
    "checkpoint-spread",
    "disclosure",
    "retained-disclosure",
    "reconstruction-rank",
    "dormant-memory",
    "returned-accuracy",
)
"""Printed by the section on each erased record."""
ELSEWHERE = ("membership-auc", "membership-null", "threshold", "risk-by-threshold", "risk-by-discrimination")
"""Printed by the tables of attacks, among the operating points of the protocol, and in sentences under the changes."""
_LISTED = {*AT_POINT, *FREE, *CALIBRATION, *PAIRED, *FORGETTING, *PATIENTS, *ELSEWHERE}


def list_performance(index: Index) -> tuple[str, ...]:
    """Return the metrics of the table of performance, those last that no table lists."""
    return (*AT_POINT, *FREE, *(m for m in _list_others(index) if not _compares(index, m) and not _attacks(index, m)))


def list_paired(index: Index) -> tuple[str, ...]:
    """Return the metrics of the table of changes, those last that no table lists."""
    return (*PAIRED, *(m for m in _list_others(index) if _compares(index, m) and not _attacks(index, m)))


def list_forgetting(index: Index) -> tuple[str, ...]:
    """Return the metrics beside the membership AUC, those last that no table lists."""
    return (*FORGETTING, *(m for m in _list_others(index) if _attacks(index, m)))


def _list_others(index: Index) -> tuple[str, ...]:
    return tuple(metric for metric in index.metrics if metric not in _LISTED)


def _compares(index: Index, metric: str) -> bool:
    return any(finding.key.against for finding in index.find_all(metric))


def _attacks(index: Index, metric: str) -> bool:
    return any(finding.key.attack for finding in index.find_all(metric))
