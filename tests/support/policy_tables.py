"""What the tests of the policy start from: tables like the product's own, and a small policy without mistakes."""

from typing import Literal

from pydantic import Field

from unlearn_audit.policy import InvalidPolicyError, KnownNames, MetricTraits, parse_policy
from unlearn_audit.records import ALL, NEGATIVE, POSITIVE
from unlearn_audit.records.frozen import Frozen

CHANGE = frozenset({"original", "retrained"})
ALONE = frozenset({None})
EVERYONE = frozenset({ALL, POSITIVE, NEGATIVE})


def _clinical(*limits: str, against: frozenset[str | None] = ALONE, **rest: float) -> MetricTraits:
    return MetricTraits(title="A metric", kind="clinical", against=against, at=True, limits=frozenset(limits), **rest)


METRICS = {
    "global-risk": _clinical("at_most", low=0),
    "global-risk-increase": _clinical("at_most", against=CHANGE),
    "false-negative-rate": _clinical("at_most", low=0, high=1),
    "false-negative-rate-increase": _clinical("at_most", against=CHANGE, low=-1, high=1),
    "newly-missed-rate": _clinical("at_most", against=CHANGE, low=0, high=1),
    "balanced-accuracy": _clinical("at_least", low=0, high=1),
    "specificity": _clinical("at_least", low=0, high=1),
    "false-positive-rate": _clinical("at_most", low=0, high=1),
    "auroc": MetricTraits(title="A metric", kind="clinical", limits=frozenset({"at_least"}), low=0, high=1),
    "auroc-drop": MetricTraits(
        title="A metric", kind="clinical", against=CHANGE, limits=frozenset({"at_most"}), low=-1, high=1
    ),
    "membership-auc": MetricTraits(
        title="A metric", kind="forgetting", among=EVERYONE, limits=frozenset({"within"}), low=0, high=1
    ),
    "membership-auc-difference": MetricTraits(
        title="A metric",
        kind="forgetting",
        against=frozenset({"retrained"}),
        among=EVERYONE,
        limits=frozenset({"within"}),
        low=-1,
        high=1,
    ),
    "retain-accuracy": MetricTraits(title="A metric", kind="utility", limits=frozenset({"at_least"}), low=0, high=1),
    "positive-share": MetricTraits(
        title="A metric", kind="utility", at=True, limits=frozenset({"within"}), low=0, high=1
    ),
    "brier": MetricTraits(title="A metric", kind="descriptive"),
}


class Relabelling(Frozen):
    labels: Literal["any", "other"] = "any"
    schedule: Literal["sequential", "joint"] = "sequential"
    learning_rate: float = Field(default=0.005, gt=0, le=10)
    epochs: int = Field(default=5, ge=1)
    keep: float = Field(default=0.5, gt=0, le=1)


class Uncertain(Relabelling):
    form: Literal["entropy", "uniform"] = "entropy"


class Restart(Frozen):
    keep_weight: float = Field(default=0.5, ge=0, lt=1)
    epochs_share: float = Field(default=0.25, gt=0, le=1)


KNOWN = KnownNames(
    metrics=METRICS,
    attacks=frozenset({"confidence", "logit", "entropy", "modified-entropy"}),
    methods={"salun": Relabelling, "salun-cra": Uncertain, "warm-restart": Restart, "retrain": None},
    datasets=frozenset({"breast-cytology", "breastmnist", "dermamnist", "pathmnist"}),
    models=frozenset({"mlp", "resnet18-small"}),
)

SMALL = """\
schema: unlearn-audit/policy/v1
id: small
version: "1.0"
title: A small policy
owner: Somebody
applies_to: A classifier
task:
  positive: [malignant]
  operating_points: [argmax, sensitivity 0.95]
costs:
  false_negative: 20
  false_positive: 1
  rationale: Because
checks:
  - id: missed
    metric: false-negative-rate
    at_most: 0.1
    why: Safety
  - id: forgotten
    metric: membership-auc
    among: positive
    within: [0.4, 0.6]
    why: Forgetting
  - id: kept
    metric: retain-accuracy
    at_least: 0.9
    why: Utility
membership:
  attacks: [confidence, logit]
  fpr: [0.01]
protocol:
  confidence: 0.95
  resamples: 10000
remediation:
  - method: salun-cra
    parameters:
      keep: 0.5
      form: entropy
reference_case:
  dataset: breast-cytology
  model: mlp
  forget: 0.2
  unlearn: {method: salun}
  recipe:
    epochs: 20
"""


def survives(text: str) -> bool:
    """Whether `text` is read, or refused with at least one problem; any other error is let through."""
    try:
        parse_policy(text, "p.yaml", KNOWN)
    except InvalidPolicyError as error:
        return len(error.problems) > 0
    return True
