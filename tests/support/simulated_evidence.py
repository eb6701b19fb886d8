"""Synthetic evidence with a planted truth, and a small policy to judge it by. No torch in here."""

import numpy as np
import pytest

from tests.support.policies import write_case, write_policy
from unlearn_audit.evidence import Evidence
from unlearn_audit.pipeline.audit import name_known
from unlearn_audit.policy import parse_policy
from unlearn_audit.records import DataCard, ForgetRequest, ModelCard, Provenance, SplitCount

POLICY = write_policy(
    "planted",
    [
        "{id: risk, metric: global-risk, at_most: 0.5, why: ceiling}",
        "{id: increase, metric: global-risk-increase, against: original, at_most: 0.1, why: margin}",
        "{id: balanced, metric: balanced-accuracy, at_least: 0.8, why: floor}",
        "{id: forgotten, metric: membership-auc, within: [0.42, 0.58], why: unseen}",
        "{id: forgotten-malignant, metric: membership-auc, among: positive, within: [0.4, 0.6], why: unseen}",
        "{id: kept, metric: retain-accuracy, at_least: 0.85, why: utility}",
        "{id: alive, metric: positive-share, within: [0.2, 0.6], why: not collapsed}",
    ],
    title="Planted truth",
    points="argmax, cost-optimal",
    membership="{attacks: [confidence, modified-entropy], fpr: [0.01]}",
    remediation="[{method: salun-cra}, {method: retrain}]",
    reference_case=write_case("{method: salun}", "{epochs: 2}"),
)


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


def make_log_probs(log_odds):
    """Return (n, 2) log-probabilities of benign and malignant from the log-odds of malignant."""
    return np.column_stack([-np.logaddexp(0, log_odds), -np.logaddexp(0, -log_odds)])


@pytest.fixture
def make_evidence():
    return simulate_evidence


def simulate_evidence(models=("original", "retrained", "unlearned"), *, seed=1, sizes=(600, 300, 200, 1200), **quality):
    """Evidence on three or more models; `skill` separates the classes, `memory` lifts the members' confidence."""
    rng = np.random.default_rng(seed)
    split = np.repeat(["retain", "forget", "validation", "test"], sizes)
    n = len(split)
    positive = rng.random(n) < 0.4
    noise = rng.normal(size=n)
    side = np.where(positive, 1.0, -1.0)
    log_probs = {}
    for model in models:
        usual = (3.0, 2.0 if model == "original" else 0.0, 0.0)  # what the original does not know, nobody can forget
        skill, memory, shift = quality.get(model.replace("-", "_"), usual)
        seen = (split == "retain") * 4.0 + (split == "forget") * memory
        log_probs[model] = make_log_probs(side * (skill + seen) + noise * 1.5 + rng.normal(size=n) * 0.5 + shift)
    patients = {"patient_id": np.array([f"p{i // 2}" for i in range(n)])}
    return assemble_evidence("planted", split, positive, log_probs, patients)


def assemble_evidence(name, split, positive, log_probs, groups):
    """Return evidence of the case `name` on records of two classes: (n,) splits and positives, columns by name."""
    return Evidence(
        ids=np.array([f"case-{i:05d}" for i in range(len(split))]),
        split=split,
        label=positive.astype(np.int64),
        log_probs=log_probs,
        classes=("benign", "malignant"),
        positive=(1,),
        groups=groups,
        provenance=describe_case(name, split, positive, tuple(log_probs)),
    )


def describe_case(name, split, positive, models):
    """Return where such evidence comes from; a model called `remedied-x` has the role `remedied`."""
    splits = {
        part: SplitCount(n=int((split == part).sum()), positive=int(positive[split == part].sum()))
        for part in ("retain", "forget", "validation", "test")
    }
    forget, retain = splits["forget"], splits["retain"]
    return Provenance(
        version="0",
        created="2026-05-02T03:04:05Z",
        seed=1,
        case=name,
        data=DataCard(
            name=name,
            source="tests",
            licence="none",
            sha256="0" * 64,
            official=None,
            classes=("benign", "malignant"),
            positive=("malignant",),
            positive_asked=("malignant",),
            splits=splits,
        ),
        forget=ForgetRequest(
            by="fraction",
            count=forget.n,
            positive=forget.positive,
            fraction=forget.n / (forget.n + retain.n),
            commitment="0" * 64,
            salt="5" * 64,
        ),
        models=tuple(ModelCard(name=m, role=m.split("-")[0], method="train", title=m) for m in models),
    )
