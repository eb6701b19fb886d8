"""Evidence of several groups with planted error rates, and the policy that looks at them. No torch in here."""

import numpy as np
import pytest

from unlearn_audit.evidence import Evidence
from unlearn_audit.pipeline.audit import name_known
from unlearn_audit.policy import parse_policy
from unlearn_audit.records import DataCard, ForgetRequest, ModelCard, Provenance, SplitCount

POLICY = """\
schema: unlearn-audit/policy/v1
id: groups
version: "1"
title: Groups
owner: Tests
applies_to: Tests
task: {positive: [malignant], operating_points: [argmax]}
costs: {false_negative: 10, false_positive: 1, rationale: Tests}
checks:
  - {id: missed, metric: false-negative-rate, at_most: 0.5, why: ceiling}
  - {id: worst, metric: false-negative-rate, among: worst of sex, at_most: 0.2, why: nobody pays alone}
  - {id: forgotten, metric: membership-auc, among: positive, within: [0.01, 0.99], why: unseen}
  - {id: kept, metric: retain-accuracy, at_least: 0.01, why: utility}
membership: {attacks: [confidence], fpr: [0.01]}
protocol: {resamples: 1000}
subgroups: {columns: [sex], smallest: 20}
"""


@pytest.fixture
def read_policy():
    """Parse the policy with passages replaced."""

    def read(*changes):
        text = POLICY
        for old, new in changes:
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        return parse_policy(text, "groups.yaml", name_known())

    return read


def make_log_probs(log_odds):
    return np.column_stack([-np.logaddexp(0, log_odds), -np.logaddexp(0, -log_odds)])


def build_evidence(test, *, groups=(), models=("original", "retrained", "unlearned"), seed=1):
    """Evidence whose test split is `test`: rows of (sex, positive, called positive when unlearned, how many)."""
    rng = np.random.default_rng(seed)
    rows = [(sex, actual, called) for sex, actual, called, count in test for _ in range(count)]
    rest = {"retain": 60, "forget": 60, "validation": 40}
    split = np.array([name for name, n in rest.items() for _ in range(n)] + ["test"] * len(rows))
    sex = np.array(["female", "male"] * 80 + [row[0] for row in rows])
    positive = np.array([i // 2 % 2 == 0 for i in range(160)] + [row[1] for row in rows])
    called = np.concatenate([positive[:160], [row[2] for row in rows]]).astype(bool)
    noise = rng.normal(size=len(split)) * 0.1
    log_probs = {name: make_log_probs(np.where(positive, 2.0, -2.0) + noise) for name in models}
    log_probs["unlearned"] = make_log_probs(np.where(called, 2.0, -2.0) + noise)
    return Evidence(
        ids=np.array([f"case-{i:05d}" for i in range(len(split))]),
        split=split,
        label=positive.astype(np.int64),
        log_probs=log_probs,
        classes=("benign", "malignant"),
        positive=(1,),
        groups={"sex": sex, **dict(groups)},
        provenance=describe(split, positive, models),
    )


def describe(split, positive, models):
    return Provenance(
        version="0",
        created="2026-05-02T03:04:05Z",
        seed=1,
        case="groups",
        data=DataCard(
            name="groups",
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
        forget=ForgetRequest(by="fraction", count=60, positive=30, fraction=0.5, commitment="0" * 64),
        models=tuple(ModelCard(name=name, role=name, method="train", title=name) for name in models),
    )


@pytest.fixture
def make_evidence():
    return build_evidence


@pytest.fixture
def find():
    """Return the one finding of a record at an address."""

    def _find(record, metric, among="all", model="unlearned", **address):
        found = [
            f
            for f in record.findings
            if (f.metric, f.among, f.model) == (metric, among, model)
            and all(getattr(f, key) == value for key, value in address.items())
        ]
        assert len(found) == 1, (metric, among, model, len(found))
        return found[0]

    return _find


@pytest.fixture
def outcome():
    """Return the check of the audited model with this id."""

    def _outcome(record, name):
        return next(check for check in record.verdict.checks if check.id == name)

    return _outcome
