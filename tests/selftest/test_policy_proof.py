"""A policy is tried on simulated models before anybody trains: six that must not pass, and a fine one."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from tests.support.policies import write_policy
from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.pipeline.audit import name_known
from unlearn_audit.policy import Policy, find_policy, load_policy, parse_policy
from unlearn_audit.selftest import proof_cache
from unlearn_audit.selftest.policy_proof import SearchTrial, prove_policy
from unlearn_audit.selftest.proof_cache import find_proof
from unlearn_audit.selftest.simulated_evidence import draw_simulated_evidence
from unlearn_audit.selftest.simulated_models import BAD_MODELS, FINE_MODEL, FULLY_EXPOSED, MEMORY
from unlearn_audit.stats import estimate_auc

POLICY = write_policy(
    "proved",
    [
        "{id: missed, metric: false-negative-rate, at_most: 0.2, why: w}",
        "{id: forgotten, metric: membership-auc, within: [0.4, 0.6], why: w}",
        "{id: forgotten-malignant, metric: membership-auc, among: positive, within: [0.38, 0.62], why: w}",
        "{id: found, metric: membership-tpr, at_most: 0.05, why: w}",
        "{id: kept, metric: retain-accuracy, at_least: 0.8, why: w}",
        "{id: share, metric: positive-share, within: [0.05, 0.7], why: w}",
    ],
    membership="{attacks: [logit, entropy], fpr: [0.01]}",
    sizes="""
  train: {records: 2000, positive: 0.4}
  validation: {records: 100, positive: 0.4}
  test: {records: 1000, positive: 0.4}
  forget: 0.4""",
)


def read(text=POLICY):
    return parse_policy(text, "policy.yaml", name_known())


@pytest.fixture(scope="module")
def proof():
    return prove_policy(read(), draws=6)


def test_a_policy_that_declares_no_sizes_is_not_proved():
    assert prove_policy(read(POLICY.split("sizes:", maxsplit=1)[0])) is None


def test_a_sound_policy_stops_all_six_and_lets_the_fine_model_pass(proof):
    assert [trial.model for trial in proof.bad] == list(BAD_MODELS)
    assert not proof.is_refused
    assert not proof.is_hopeless


@pytest.mark.parametrize(
    ("model", "check"),
    [
        ("untouched", "forgotten"),
        ("collapsed", "missed"),
        ("random", "missed"),
        ("remembers-positives", "forgotten-malignant"),
        ("remembers-few", "found"),
        ("moved-threshold", "missed"),
    ],
)
def test_the_proof_names_the_check_that_stops_each_bad_model(proof, model, check):
    assert check in next(trial for trial in proof.bad if trial.model == model).stopped_by


@pytest.mark.parametrize(
    ("weakened", "replacement", "let_through"),
    [
        ("metric: membership-tpr, at_most: 0.05", "metric: membership-tpr, at_most: 0.9", {"remembers-few"}),
        ("at_most: 0.2", "at_most: 0.99", {"moved-threshold"}),
        ("[0.38, 0.62]", "[0.01, 0.99]", {"remembers-positives"}),
    ],
)
def test_a_check_that_is_made_vacuous_lets_its_model_through(weakened, replacement, let_through):
    text = POLICY.replace(weakened, replacement)
    if "remembers-positives" in let_through:
        text = text.replace("[0.4, 0.6]", "[0.01, 0.99]").replace("at_most: 0.05", "at_most: 0.9")
    proof = prove_policy(read(text), draws=4)
    assert let_through <= {trial.model for trial in proof.let_through}
    assert proof.is_refused


def test_too_few_records_are_warned_about_with_the_sizes_that_would_do():
    text = POLICY.replace("records: 2000", "records: 150").replace("records: 1000", "records: 200")
    proof = prove_policy(read(text), draws=4)
    assert proof.is_hopeless
    messages = {size.check: size.message for size in proof.sizes}
    assert messages["forgotten"].code == "proof-size-that-would-do"
    assert "60 forget records" in str(messages["forgotten"])


def test_a_tolerance_that_the_declared_model_misses_by_itself_is_said_to_need_no_size():
    proof = prove_policy(read(POLICY.replace("at_most: 0.2", "at_most: 0.01")), draws=4)
    codes = {size.check: size.message.code for size in proof.sizes}
    assert codes["missed"] == "proof-no-size-would-do"


SEARCHED = (
    POLICY.replace("train: {records: 2000", "train: {records: 300")
    .replace("test: {records: 1000", "test: {records: 200")
    .replace(
        "membership: {attacks: [logit, entropy], fpr: [0.01]}",
        """  - {id: worst-record, metric: worst-record-recognition, at_least: 0.05, why: w}
membership:
  {attacks: [logit, u-lira], fpr: [0.01], references: {models: 32}, recognition: {shift: 3, records: 1, power: 0.8}}
remediation:
  - {method: warm-restart, search: {keep_weight: SETTINGS}}""",
    )
)


@pytest.mark.thorough
def test_a_search_that_asks_for_more_power_than_its_reference_models_can_show_is_said_before_it_begins():
    """Every setting is charged for: 32 models carry two settings, and hardly ever eight."""
    few = prove_policy(read(SEARCHED.replace("SETTINGS", "[0.1, 0.2]")), draws=4)
    many = read(SEARCHED.replace("SETTINGS", "[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]"))
    proof = prove_policy(many, draws=4)

    assert [(search.settings, search.passes) for search in few.searches] == [(2, 4)]
    assert [search.settings for search in proof.searches] == [8]
    assert proof.searches[0].passes <= 1
    codes = [[message.code for message in found.list_messages()] for found in (few, proof)]
    assert ["proof-search-seldom-passes" in listed for listed in codes] == [False, True]


def test_a_search_is_kept_with_its_proof(tmp_path, monkeypatch):
    searched = replace(prove_policy(read(), draws=1), searches=(SearchTrial("warm-restart", 8, 1, 12),))
    monkeypatch.setattr(proof_cache, "prove_policy", lambda _: searched)
    assert find_proof(read(), tmp_path) == searched
    monkeypatch.setattr(proof_cache, "prove_policy", None)
    assert find_proof(read(), tmp_path) == searched


def test_the_same_policy_gives_the_same_proof_whatever_its_seed(proof):
    text = POLICY.replace("resamples: 1000", "resamples: 1000, seed: 5")
    assert prove_policy(read(text), draws=6) == proof


def test_a_proof_is_kept_and_a_changed_one_is_not_used(tmp_path, monkeypatch):
    monkeypatch.setattr(proof_cache, "prove_policy", partial(prove_policy, draws=2))
    policy = read(POLICY.replace("records: 2000", "records: 200"))
    first = find_proof(policy, tmp_path)
    (path,) = (tmp_path / "policy-proofs").iterdir()
    assert find_proof(policy, tmp_path) == first
    path.write_text(path.read_text().replace('"passes": 0', '"passes": 12'))
    assert find_proof(policy, tmp_path) == first


def auc(evidence, model, among=slice(None)):
    odds = evidence.log_probs[model]
    right = odds[np.arange(len(odds)), evidence.label] - odds[np.arange(len(odds)), 1 - evidence.label]
    forget, test = (np.flatnonzero(evidence.split == split) for split in ("forget", "test"))
    return estimate_auc(right[forget], right[test], confidence=0.95).value


def test_the_untouched_model_remembers_as_much_as_is_said():
    """Two normals of variance 1, MEMORY apart: the AUC is probit^-1(MEMORY / sqrt 2)."""
    from scipy.special import ndtr

    evidence = draw_simulated_evidence(read(), BAD_MODELS["untouched"], 0.4, np.random.default_rng(0))
    truth = ndtr(MEMORY / np.sqrt(2))
    assert auc(evidence, "unlearned") == pytest.approx(truth, abs=0.03)
    assert auc(evidence, "retrained") == pytest.approx(0.5, abs=0.04)


def test_five_per_cent_of_the_erased_score_above_every_test_record():
    evidence = draw_simulated_evidence(read(), BAD_MODELS["remembers-few"], 0.4, np.random.default_rng(0))
    odds = evidence.log_probs["unlearned"]
    right = odds[np.arange(len(odds)), evidence.label] - odds[np.arange(len(odds)), 1 - evidence.label]
    forget, test = evidence.split == "forget", evidence.split == "test"
    assert np.mean(right[forget] > right[test].max()) == pytest.approx(FULLY_EXPOSED, abs=0.01)


def test_the_simulated_auroc_is_the_declared_one():
    evidence = draw_simulated_evidence(read(), FINE_MODEL, 0.4, np.random.default_rng(0))
    context = EvaluationContext(evidence, read())
    odds = context.log_odds("original")
    positive, test = evidence.is_positive, evidence.split == "test"
    found = estimate_auc(odds[test & positive], odds[test & ~positive], confidence=0.95).value
    assert found == pytest.approx(0.97, abs=0.015)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["breast-cytology", "breast-ultrasound", "dermatology", "histopathology"])
def test_every_shipped_policy_stops_every_bad_model(name):
    policy: Policy = load_policy(find_policy(name), name_known())
    proof = prove_policy(policy)
    assert not proof.is_refused
    if name != "breast-ultrasound":
        assert proof.fine.passes >= 0.8 * proof.fine.draws
    else:
        assert proof.is_hopeless
        assert {size.check for size in proof.sizes} >= {"forgotten-malignant"}
