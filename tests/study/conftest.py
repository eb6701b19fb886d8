"""A study on the embedded data whose models take a tenth of a second each; all tests share one cache of them."""

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.support.tiny_studies import BROKEN, CLAIM, CREATED, FINE, POLICY, SALUN, STUDY
from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.pipeline.audit import name_known
from unlearn_audit.policy import load_study, parse_policy
from unlearn_audit.reference_models.workers import Workers
from unlearn_audit.study import list_jobs, read_cell, run_study


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(autouse=True, scope="session")
def few_resamples():
    """Enough to see whether a spread is the right one: what it is worth is tested beside the statistic."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("unlearn_audit.study.runs.RESAMPLES", 200)
        yield


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    """Finished models of all tests that do not look at how they are made."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def read_policy():
    def read(*changes):
        text = POLICY
        for old, new in changes:
            assert text.count(old) == 1
            text = text.replace(old, new)
        return parse_policy(text, "tiny.yaml", name_known())

    return read


@pytest.fixture(scope="session")
def policy(read_policy):
    return read_policy()


@pytest.fixture(scope="session")
def make_study(tmp_path_factory):
    """The tiny study, with keys replaced; JSON is YAML."""
    folder = tmp_path_factory.mktemp("studies")

    def make(**changes):
        path = folder / "study.yaml"
        path.write_text(json.dumps(STUDY | changes))
        return load_study(path, name_known())

    return make


@pytest.fixture(scope="session")
def run(policy, cache):
    """Run a study into a folder; returns its result."""

    def go(study, out, **changes):
        settings = {"policy": policy, "data": None, "cache": cache, "created": CREATED, "workers": Workers()} | changes
        return run_study(study, settings.pop("policy"), settings.pop("data"), out=out, **settings)

    return go


@pytest.fixture(scope="session")
def full_study(make_study):
    """Everything at once: a method that diverges, relearning, reference models in one of three seeds, two claims."""
    return make_study(
        seeds=[1, 2, 3],
        cells=[{"forget": 0.3, "models": [SALUN, FINE, BROKEN]}],
        relearning={"of": ["fine"], "epochs": 1},
        references={"models": 4, "seeds": [1], "of": ["salun"]},
        claims=[CLAIM, CLAIM | {"measure": "relearned-all", "than": "retrained"}],
    )


@pytest.fixture(scope="session")
def full(full_study, policy, run, tmp_path_factory):
    """The full study, run: its folder and its result."""
    out = tmp_path_factory.mktemp("full")
    return out, run(full_study, out)


@pytest.fixture(scope="session")
def cells(full, full_study, policy):
    """The finished cells of the full study, by seed."""
    found = [read_cell(full[0] / "cells", job) for job in list_jobs(full_study, policy, None, None)]
    return {cell.seed: cell for cell in found}


@pytest.fixture(scope="session")
def contexts(cells, policy):
    return {seed: EvaluationContext(cell.evidence, policy) for seed, cell in cells.items()}


@pytest.fixture(scope="session")
def with_answers():
    """Return a cell in which a model says something else: (n,) probabilities of the positive class."""

    def change(cell, model, probability):
        rows = np.log(np.stack([1 - probability, probability], axis=1))
        if cell.evidence.positive != (1,):
            rows = rows[:, ::-1]
        return replace(cell, evidence=replace(cell.evidence, log_probs=dict(cell.evidence.log_probs) | {model: rows}))

    return change


@pytest.fixture
def importable(monkeypatch):
    """Let processes of their own import what these tests import, from where they import it."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))


@pytest.fixture(scope="session")
def root():
    return Path(__file__).resolve().parents[2]
