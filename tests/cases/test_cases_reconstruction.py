"""Whoever holds two releases of a linear model: the more exact the erasure, the more the difference says who left."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch

from unlearn_audit.cases.collection import collect
from unlearn_audit.cases.reconstruction import align_records, find_head
from unlearn_audit.errors import EvidenceError
from unlearn_audit.evidence.parquet import read_evidence, to_parquet
from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.findings.measurement import measure
from unlearn_audit.records import ALL, ignore_progress

LINEAR = [
    ("  model: mlp", "  model: linear"),
    ("membership: {references: {models: 4}}", "membership: {fpr: [0.01]}"),
    ("recipe: {epochs: 2, batch: 32}", "recipe: {epochs: 60, batch: 32, weight_decay: 0.01}"),
]


@pytest.fixture
def linear(build):
    return build(policy=LINEAR, forget=0.05)


def rank(policy, evidence, model):
    findings = measure(EvaluationContext(evidence, policy), wants=lambda key: key.metric == "reconstruction-rank")
    return next(f for f in findings if f.key.model == model and f.key.among == ALL)


def test_the_weights_of_a_linear_model_are_read_and_those_of_another_are_not(linear, build):
    head = find_head(linear.made["original"].model)
    x = linear.inputs[np.arange(5)].reshape(5, -1).numpy()

    logits = linear.made["original"].model(linear.inputs[np.arange(5)]).detach().numpy()
    assert np.allclose(np.column_stack([x, np.ones(5)]) @ head.T, logits, atol=1e-5)
    assert find_head(build().made["original"].model) is None


def fit_to_optimum(model, case, splits):
    """Return a copy of a linear model at the minimum of its loss on `splits`, weight decay included."""
    fitted = deepcopy(model)
    rows = np.flatnonzero(np.isin(case.split, splits))
    x, y = case.inputs[rows].flatten(1), torch.from_numpy(case.dataset.label[rows].astype(np.int64))
    penalty = case.builder.recipe.weight_decay * int((case.split == "retain").sum())
    optimiser = torch.optim.LBFGS(fitted.parameters(), max_iter=500, tolerance_grad=1e-9, line_search_fn="strong_wolfe")

    def compute_loss():
        optimiser.zero_grad()
        squares = sum((weights**2).sum() for weights in fitted.parameters())
        loss = torch.nn.functional.cross_entropy(fitted(x), y, reduction="sum") + penalty / 2 * squares
        loss.backward()
        return loss

    optimiser.step(compute_loss)
    return fitted


def erase_one(case):
    """Return the case with one erased record, an atypical one, and original and retrained model at their optima."""
    forgotten = np.flatnonzero(case.split == "forget")
    logits = case.made["original"].model(case.inputs[forgotten]).detach().numpy()
    label = case.dataset.label[forgotten]
    hardest = np.argmin(logits[np.arange(len(label)), label] - logits[np.arange(len(label)), 1 - label])
    split = case.split.copy()
    split[np.delete(forgotten, hardest)] = "retain"
    one = replace(case, split=split)
    kept = {"original": ["retain", "forget"], "retrained": ["retain"]}
    exact = {
        name: replace(case.made[name], model=fit_to_optimum(case.made[name].model, one, splits))
        for name, splits in kept.items()
    }
    return replace(one, made={**case.made, **exact})


def test_an_exact_refit_points_at_the_one_who_left(linear, referenced):
    found = rank(referenced(*LINEAR), collect(erase_one(linear), ignore_progress), "retrained").estimate

    assert found.n == 201
    assert found.value <= 10


def test_stochastic_training_from_another_seed_blurs_the_difference_and_is_no_proof_of_safety(linear, referenced):
    found = rank(referenced(*LINEAR), collect(linear, ignore_progress), "retrained").estimate

    assert found.value > 0.1 * found.n


def test_a_network_has_no_such_finding_and_no_such_column(build, referenced):
    evidence = collect(build(), ignore_progress)

    assert not evidence.alignments
    assert not [f for f in measure(EvaluationContext(evidence, referenced())) if f.key.metric == "reconstruction-rank"]


def test_known_alignments_are_kept_and_a_model_with_the_originals_weights_has_none(linear):
    evidence = collect(linear, ignore_progress)
    same = replace(linear, made={**linear.made, "unlearned": linear.made["original"]})

    assert align_records(linear, evidence)["retrained"] is evidence.alignments["retrained"]
    assert "unlearned" not in align_records(same, None)


def test_what_is_not_there_is_not_run(linear, referenced):
    evidence = replace(collect(linear, ignore_progress), alignments={})

    assert "no two linear models" in rank(referenced(*LINEAR), evidence, "retrained").not_run.text


def test_evidence_keeps_alignments_and_refuses_broken_ones(linear, tmp_path):
    evidence = collect(linear, ignore_progress)
    (tmp_path / "evidence.parquet").write_bytes(to_parquet(evidence))

    read = read_evidence(tmp_path / "evidence.parquet")

    assert read.digest() == evidence.digest() != replace(evidence, alignments={}).digest()
    with pytest.raises(EvidenceError, match="model 'retrained': expected one finite alignment"):
        replace(evidence, alignments={"retrained": np.array([np.nan])})
