"""Dormant memory: what a little training on retained records brings back was hidden, not forgotten."""

from dataclasses import replace

import numpy as np
import pytest

from tests.support.evidence_with_references import to_log_probs
from tests.support.simulated_evidence import POLICY, make_evidence  # noqa: F401 - fixture
from unlearn_audit.cases.collection import collect
from unlearn_audit.errors import EvidenceError
from unlearn_audit.evidence.parquet import read_evidence, to_parquet
from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.findings.measurement import measure
from unlearn_audit.pipeline.audit import name_known
from unlearn_audit.policy import InvalidPolicyError, parse_policy
from unlearn_audit.records import ALL, ignore_progress
from unlearn_audit.verdict.decision import decide

RELEARNING = ("membership: {references: {models: 4}}", "membership: {relearning: {epochs: 1}}")
CHECK = "  - {id: dormant, metric: dormant-memory, at_most: 0.6, required: false, why: nothing comes back}\n"


def parse(*changes):
    text = POLICY.replace("membership: {", "membership: {relearning: {epochs: 5}, ")
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return parse_policy(text, "planted.yaml", name_known())


@pytest.fixture(scope="module")
def judging():
    return parse(("membership: {re", CHECK + "membership: {re"))


@pytest.fixture
def relearn(make_evidence):  # noqa: F811 - the fixture
    """Evidence in which relearning lifts phi of erased records by `back`, and of all others by nothing."""

    def make(back):
        evidence = make_evidence(sizes=(60, 80, 40, 120))
        rng = np.random.default_rng(2)
        relearned = {}
        for name, values in evidence.log_probs.items():
            phi = values[np.arange(len(values)), evidence.label] - values[np.arange(len(values)), 1 - evidence.label]
            lifted = phi + rng.normal(0, 0.3, len(phi)) + back * evidence.select("forget") * (name == "unlearned")
            relearned[name] = to_log_probs(lifted, evidence.label)
        return replace(evidence, relearned={name: relearned[name] for name in ("retrained", "unlearned")})

    return make


def judge_dormant(policy, evidence, model="unlearned"):
    about = ("dormant-memory", "returned-accuracy")
    findings = measure(EvaluationContext(evidence, policy), wants=lambda key: key.metric in about)
    check = next(c for c in decide(findings, policy, model).checks if c.id == "dormant")
    return check.outcome.value, next(f for f in findings if f.key.model == model and f.key.among == ALL)


def test_memory_that_comes_back_fails_and_the_retrained_model_shows_that_the_training_is_not_to_blame(judging, relearn):
    evidence = relearn(2.0)

    outcome, finding = judge_dormant(judging, evidence)
    _, exact = judge_dormant(judging, evidence, "retrained")

    assert outcome == "fail"
    assert finding.estimate.value > 0.9
    assert exact.estimate.value == pytest.approx(0.5, abs=0.1)


def test_nothing_that_comes_back_passes(judging, relearn):
    assert judge_dormant(judging, relearn(0.0))[0] == "pass"


def test_a_model_that_was_not_relearned_is_not_run(judging, relearn):
    evidence = replace(relearn(0.0), relearned={})

    outcome, finding = judge_dormant(judging, evidence)

    assert outcome == "not_run"
    assert "was not trained further on the retained records" in finding.not_run.text


def test_it_alone_guards_no_forgetting():
    """A model that never lost its memory has nothing that comes back."""
    with pytest.raises(InvalidPolicyError, match="at least one required forgetting check"):
        parse(
            ("metric: membership-auc, within: [0.42, 0.58]", "metric: dormant-memory, at_most: 0.6"),
            ("metric: membership-auc, among: positive, within: [0.4, 0.6]",
             "metric: dormant-memory, among: positive, at_most: 0.6"),
        )  # fmt: skip


def test_every_judged_model_and_the_retrained_one_are_trained_further_and_asked_once(build, monkeypatch):
    case = build(policy=[RELEARNING])
    evidence = collect(case, ignore_progress)
    again = collect(case, ignore_progress, known=evidence)

    assert set(evidence.relearned) == set(case.made) - {"original"}
    assert all(again.relearned[name] is values for name, values in evidence.relearned.items())
    assert not np.array_equal(evidence.relearned["unlearned"], evidence.log_probs["unlearned"])


def test_where_no_policy_asks_nothing_is_trained_and_nothing_is_written(build):
    evidence = collect(
        build(policy=[("membership: {references: {models: 4}}", "membership: {fpr: [0.01]}")]), ignore_progress
    )

    assert not evidence.relearned


def test_evidence_keeps_the_answers_and_its_digest_counts_them(relearn, tmp_path):
    evidence = relearn(1.0)
    (tmp_path / "evidence.parquet").write_bytes(to_parquet(evidence))

    read = read_evidence(tmp_path / "evidence.parquet")

    assert read.digest() == evidence.digest() != replace(evidence, relearned={}).digest()
    assert np.array_equal(read.relearned["unlearned"], evidence.relearned["unlearned"])


def test_answers_of_a_model_that_is_not_there_are_refused(relearn):
    evidence = relearn(1.0)

    with pytest.raises(EvidenceError, match="'stranger' was relearned, which is no model of this evidence"):
        replace(evidence, relearned={"stranger": evidence.log_probs["unlearned"]})
