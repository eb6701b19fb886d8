"""Evidence of several groups with planted error rates, and the policy that looks at them. No torch in here."""

import numpy as np
import pytest

from tests.support.policies import write_policy
from tests.support.simulated_evidence import assemble_evidence, make_log_probs
from unlearn_audit.pipeline.audit import name_known
from unlearn_audit.policy import parse_policy

POLICY = write_policy(
    "groups",
    [
        "{id: missed, metric: false-negative-rate, at_most: 0.5, why: ceiling}",
        "{id: worst, metric: false-negative-rate, among: worst of sex, at_most: 0.2, why: nobody pays alone}",
        "{id: forgotten, metric: membership-auc, among: positive, within: [0.01, 0.99], why: unseen}",
        "{id: kept, metric: retain-accuracy, at_least: 0.01, why: utility}",
    ],
    membership="{attacks: [confidence], fpr: [0.01]}",
    subgroups="{columns: [sex], smallest: 20}",
)


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
    return assemble_evidence("groups", split, positive, log_probs, {"sex": sex, **dict(groups)})


@pytest.fixture
def make_groups():
    return build_evidence


@pytest.fixture
def find():
    """Return the one finding of a record at an address."""

    def _find(record, metric, among="all", model="unlearned", **address):
        found = [
            f
            for f in record.findings
            if (f.key.metric, str(f.key.among), f.key.model) == (metric, among, model)
            and all(str(getattr(f.key, key)) == value for key, value in address.items())
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
