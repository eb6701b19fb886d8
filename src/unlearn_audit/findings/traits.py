"""Names of all shipped metrics and how a check may name them: all that a verifier needs, without NumPy.

The functions that measure stand in `metrics/`, whose rows refer to these. A plug-in carries its traits in its own row.
"""

from collections.abc import Mapping

from unlearn_audit.policy.known import MetricTraits
from unlearn_audit.records import ALL, ARGMAX, NEGATIVE, POSITIVE, OperatingPoint, PointKind

_AT_MOST = frozenset({"at_most"})
_REFERENCES = frozenset({"original", "retrained"})
_AT_LEAST = frozenset({"at_least"})
_WITHIN = frozenset({"within"})
_AMONG_ALL_NEGATIVE_POSITIVE = frozenset({ALL, NEGATIVE, POSITIVE})
_AMONG_ALL_POSITIVE = frozenset({ALL, POSITIVE})
_ORIGINAL = frozenset({"original"})

TRAITS: Mapping[str, MetricTraits] = {
    "global-risk": MetricTraits(
        title="Global Risk", kind="clinical", at=True, limits=_AT_MOST, low=0.0, subgroups=True
    ),
    "global-risk-increase": MetricTraits(
        title="Global Risk, increase", kind="clinical", against=_REFERENCES, at=True, limits=_AT_MOST, subgroups=True
    ),
    "global-risk-at-prevalence": MetricTraits(
        title="Global Risk at intended prevalence", kind="clinical", at=True, limits=_AT_MOST, low=0.0
    ),
    "risk-by-threshold": MetricTraits(
        title="Global Risk, increase by a moved operating point", kind="descriptive", against=_REFERENCES, at=True
    ),
    "risk-by-discrimination": MetricTraits(
        title="Global Risk, increase by lost discrimination", kind="descriptive", against=_REFERENCES, at=True
    ),
    "false-negatives": MetricTraits(title="False negatives", kind="descriptive", at=True),
    "false-positives": MetricTraits(title="False positives", kind="descriptive", at=True),
    "false-negative-rate": MetricTraits(
        title="False-negative rate", kind="clinical", at=True, limits=_AT_MOST, low=0.0, high=1.0, subgroups=True
    ),
    "false-negative-rate-increase": MetricTraits(
        title="False-negative rate, increase",
        kind="clinical",
        against=_REFERENCES,
        at=True,
        limits=_AT_MOST,
        low=-1.0,
        high=1.0,
        subgroups=True,
    ),
    "false-positive-rate": MetricTraits(
        title="False-positive rate", kind="clinical", at=True, limits=_AT_MOST, low=0.0, high=1.0
    ),
    "sensitivity": MetricTraits(
        title="Sensitivity", kind="clinical", at=True, limits=_AT_LEAST, low=0.0, high=1.0, subgroups=True
    ),
    "specificity": MetricTraits(title="Specificity", kind="clinical", at=True, limits=_AT_LEAST, low=0.0, high=1.0),
    "balanced-accuracy": MetricTraits(
        title="Balanced accuracy", kind="clinical", at=True, limits=_AT_LEAST, low=0.0, high=1.0
    ),
    "auroc": MetricTraits(title="AUROC", kind="clinical", limits=_AT_LEAST, low=0.0, high=1.0),
    "auroc-drop": MetricTraits(
        title="AUROC, drop", kind="clinical", against=_REFERENCES, limits=_AT_MOST, low=-1.0, high=1.0
    ),
    "fnr-at-fpr-20": MetricTraits(title="False-negative rate at 20 % false positives", kind="descriptive"),
    "brier": MetricTraits(title="Brier score", kind="descriptive"),
    "calibration-in-the-large": MetricTraits(title="Calibration in the large", kind="descriptive"),
    "calibration-slope": MetricTraits(title="Calibration slope", kind="descriptive"),
    "calibration-error": MetricTraits(title="Expected calibration error", kind="descriptive"),
    "calibration-error-by-chance": MetricTraits(title="Expected calibration error by chance", kind="descriptive"),
    "net-benefit": MetricTraits(title="Net benefit at the policy's costs", kind="descriptive"),
    "net-benefit-at-prevalence": MetricTraits(title="Net benefit at intended prevalence", kind="descriptive"),
    "newly-missed-rate": MetricTraits(
        title="Newly missed rate",
        kind="clinical",
        against=_REFERENCES,
        at=True,
        limits=_AT_MOST,
        low=0.0,
        high=1.0,
        subgroups=True,
    ),
    "newly-missed": MetricTraits(title="Newly missed", kind="descriptive", against=_REFERENCES, at=True),
    "newly-caught": MetricTraits(title="Newly caught", kind="descriptive", against=_REFERENCES, at=True),
    "mcnemar-p": MetricTraits(
        title="McNemar's exact p",
        kind="descriptive",
        against=_REFERENCES,
        at=True,
    ),
    "retain-accuracy": MetricTraits(
        title="Accuracy on retained records", kind="utility", limits=_AT_LEAST, low=0.0, high=1.0
    ),
    "positive-share": MetricTraits(
        title="Share called positive", kind="utility", at=True, limits=_WITHIN, low=0.0, high=1.0
    ),
    "membership-auc": MetricTraits(
        title="Membership AUC",
        kind="forgetting",
        among=_AMONG_ALL_NEGATIVE_POSITIVE,
        limits=_WITHIN,
        low=0.0,
        high=1.0,
        subgroups=True,
        every_attack=True,
        null=0.5,
    ),
    "membership-auc-difference": MetricTraits(
        title="Membership AUC, difference",
        kind="forgetting",
        against=_REFERENCES,
        among=_AMONG_ALL_NEGATIVE_POSITIVE,
        limits=_WITHIN,
        low=-0.5,
        high=0.5,
        subgroups=True,
        every_attack=True,
        null=0.0,
    ),
    "forgetting-score": MetricTraits(
        title="Forgetting score", kind="descriptive", among=_AMONG_ALL_NEGATIVE_POSITIVE, every_attack=True
    ),
    "membership-tpr": MetricTraits(
        title="Membership TPR",
        kind="forgetting",
        among=_AMONG_ALL_POSITIVE,
        points=lambda policy: tuple(OperatingPoint(PointKind.FPR, fpr) for fpr in policy.membership.fpr),
        limits=_AT_MOST,
        low=0.0,
        high=1.0,
        every_attack=True,
    ),
    "membership-advantage": MetricTraits(
        title="Membership advantage", kind="descriptive", among=_AMONG_ALL_POSITIVE, every_attack=True
    ),
    "membership-null": MetricTraits(
        title="Models that never saw the records",
        kind="descriptive",
        among=_AMONG_ALL_POSITIVE,
        every_attack=True,
    ),
    "swap-quality": MetricTraits(title="SWAP quality of the method", kind="descriptive"),
    # among all alone: a check on the malignant ones must ask about the forgotten, or a policy could go without one
    "retain-leakage": MetricTraits(
        title="Leakage of retained records",
        kind="forgetting",
        against=_ORIGINAL,
        limits=_AT_MOST,
        low=-1.0,
        high=1.0,
        null=0.0,
    ),
    "paired-recognition": MetricTraits(
        title="Paired recognition",
        kind="forgetting",
        among=_AMONG_ALL_NEGATIVE_POSITIVE,
        limits=_WITHIN,
        low=0.0,
        high=1.0,
        subgroups=True,
        null=0.5,
    ),
    "paired-recognition-mean": MetricTraits(
        title="Paired recognition, mean difference in log-odds", kind="descriptive", among=_AMONG_ALL_NEGATIVE_POSITIVE
    ),
    "checkpoint-spread": MetricTraits(title="This checkpoint among the models of its procedure", kind="descriptive"),
    "worst-record-recognition": MetricTraits(
        title="Worst-record recognition (p)",
        kind="forgetting",
        among=_AMONG_ALL_NEGATIVE_POSITIVE,
        limits=_AT_LEAST,
        low=0.0,
        high=1.0,
        subgroups=True,
        needs_power=True,
    ),
    "worst-patient-recognition": MetricTraits(
        title="Worst-patient recognition (p)",
        kind="forgetting",
        among=_AMONG_ALL_NEGATIVE_POSITIVE,
        limits=_AT_LEAST,
        low=0.0,
        high=1.0,
        subgroups=True,
        needs_power=True,
    ),
    "worst-record-statistic": MetricTraits(
        title="Worst-record recognition, largest t", kind="descriptive", among=_AMONG_ALL_NEGATIVE_POSITIVE
    ),
    "recognised-records": MetricTraits(
        title="Erased records still recognised", kind="descriptive", among=_AMONG_ALL_NEGATIVE_POSITIVE, subgroups=True
    ),
    "recognised-patients": MetricTraits(
        title="Erased patients still recognised", kind="descriptive", among=_AMONG_ALL_NEGATIVE_POSITIVE
    ),
    "listed-records": MetricTraits(
        title="Erased records that stand out, one in twenty of them by chance",
        kind="descriptive",
        among=_AMONG_ALL_NEGATIVE_POSITIVE,
    ),
    "disclosure": MetricTraits(
        title="Disclosure of erased records by comparison with the original",
        kind="forgetting",
        against=_ORIGINAL,
        among=_AMONG_ALL_NEGATIVE_POSITIVE,
        limits=_WITHIN,
        low=0.0,
        high=1.0,
        subgroups=True,
        guards=False,
        null=0.5,
    ),
    "retained-disclosure": MetricTraits(
        title="Disclosure of retained records by comparison with the original",
        kind="forgetting",
        against=_ORIGINAL,
        among=_AMONG_ALL_NEGATIVE_POSITIVE,
        limits=_WITHIN,
        low=0.0,
        high=1.0,
        subgroups=True,
        guards=False,
        null=0.5,
    ),
    "dormant-memory": MetricTraits(
        title="Dormant memory: what comes back",
        kind="forgetting",
        among=_AMONG_ALL_NEGATIVE_POSITIVE,
        limits=_AT_MOST,
        low=0.0,
        high=1.0,
        subgroups=True,
        guards=False,
    ),
    "returned-accuracy": MetricTraits(
        title="Dormant memory: accuracy on erased records, increase",
        kind="descriptive",
        among=_AMONG_ALL_NEGATIVE_POSITIVE,
    ),
    "reconstruction-rank": MetricTraits(
        title="Reconstruction by difference of linear models, median rank",
        kind="descriptive",
        among=_AMONG_ALL_POSITIVE,
    ),
    "reissued-threshold": MetricTraits(title="Re-issued threshold", kind="descriptive"),
    "reissued-threshold-on-average": MetricTraits(
        title="Re-issued threshold, were the promise kept on average only", kind="descriptive"
    ),
    "reissued-threshold-price": MetricTraits(
        title="False-positive rate on validation at the re-issued threshold", kind="descriptive"
    ),
    "svc-efficacy": MetricTraits(title="SVC efficacy", kind="descriptive"),
    "logistic-accuracy": MetricTraits(title="Logistic attack, accuracy", kind="descriptive"),
    "threshold": MetricTraits(
        title="Threshold",
        kind="descriptive",
        at=True,
        points=lambda policy: tuple(point for point in policy.task.operating_points if point != ARGMAX),
    ),
}
