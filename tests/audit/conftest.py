"""Synthetic evidence with a planted truth, and a small policy to judge it by. No torch in here."""

import numpy as np
import pytest

from unlearn_audit.evidence import Evidence
from unlearn_audit.pipeline.audit import name_known
from unlearn_audit.policy import parse_policy
from unlearn_audit.records import DataCard, ForgetRequest, ModelCard, Provenance, SplitCount

POLICY = """\
schema: unlearn-audit/policy/v1
id: planted
version: "1"
title: Planted truth
owner: Tests
applies_to: Tests
task:
  positive: [malignant]
  operating_points: [argmax, cost-optimal]
costs: {false_negative: 10, false_positive: 1, rationale: Tests}
checks:
  - {id: risk, metric: global-risk, at_most: 0.5, why: ceiling}
  - {id: increase, metric: global-risk-increase, against: original, at_most: 0.1, why: margin}
  - {id: balanced, metric: balanced-accuracy, at_least: 0.8, why: floor}
  - {id: forgotten, metric: membership-auc, within: [0.42, 0.58], why: unseen}
  - {id: forgotten-malignant, metric: membership-auc, among: positive, within: [0.4, 0.6], why: unseen}
  - {id: kept, metric: retain-accuracy, at_least: 0.85, why: utility}
  - {id: alive, metric: positive-share, within: [0.2, 0.6], why: not collapsed}
membership: {attacks: [confidence, modified-entropy], fpr: [0.01]}
protocol: {resamples: 1000}
remediation: [{method: salun-cra}, {method: retrain}]
reference_case:
  dataset: breast-cytology
  model: mlp
  unlearn: {method: salun}
  recipe: {epochs: 2}
"""


@pytest.fixture
def policy():
    return parse_policy(POLICY, "planted.yaml", name_known())


@pytest.fixture
def policy_text():
    return POLICY


@pytest.fixture
def change_policy():
    """Parse the planted policy with one passage replaced."""

    def change(old, new):
        assert POLICY.count(old) == 1
        return parse_policy(POLICY.replace(old, new), "planted.yaml", name_known())

    return change


def make_log_probs(logit):
    """Two-column log-probabilities of a positive with log-odds `logit`."""
    return np.column_stack([-np.logaddexp(0, logit), -np.logaddexp(0, -logit)])


@pytest.fixture
def make_evidence():
    """Evidence on three or more models; `skill` separates the classes, `memory` lifts the members' confidence."""

    def make(models=("original", "retrained", "unlearned"), *, seed=1, sizes=(600, 300, 200, 1200), **quality):
        rng = np.random.default_rng(seed)
        split = np.repeat(["retain", "forget", "validation", "test"], sizes)
        n = len(split)
        positive = rng.random(n) < 0.4
        noise = rng.normal(size=n)
        side = np.where(positive, 1.0, -1.0)
        log_probs = {}
        for model in models:
            skill, memory, shift = quality.get(model.replace("-", "_"), (3.0, 0.0, 0.0))
            seen = (split == "retain") * 4.0 + (split == "forget") * memory
            log_probs[model] = make_log_probs(side * (skill + seen) + noise * 1.5 + rng.normal(size=n) * 0.5 + shift)
        return Evidence(
            ids=np.array([f"case-{i:05d}" for i in range(n)]),
            split=split,
            label=positive.astype(np.int64),
            log_probs=log_probs,
            classes=("benign", "malignant"),
            positive=(1,),
            groups={"patient_id": np.array([f"p{i // 2}" for i in range(n)])},
            provenance=make_provenance(models, split, positive),
        )

    return make


def make_provenance(models, split, positive):
    def role_of(name):
        return name.split("-")[0] if "-" in name else name

    return Provenance(
        version="0",
        created="2026-05-02T03:04:05Z",
        seed=1,
        case="planted",
        data=DataCard(
            name="planted",
            source="tests",
            licence="none",
            sha256="0" * 64,
            official=None,
            classes=("benign", "malignant"),
            positive=("malignant",),
            positive_asked=("malignant",),
            splits={
                name: SplitCount(n=int((split == name).sum()), positive=int(positive[split == name].sum()))
                for name in ("retain", "forget", "validation", "test")
            },
        ),
        forget=ForgetRequest(
            by="fraction", count=300, positive=120, fraction=1 / 3, commitment="0" * 64, salt="5" * 64
        ),
        models=tuple(ModelCard(name=name, role=role_of(name), method="train", title=name) for name in models),
    )
