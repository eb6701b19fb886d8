"""A case on the embedded data that takes a second: reference models of two epochs."""

import os
from dataclasses import replace

import pytest
import torch

from tests.support.policies import OUT_OF_REACH, WITH_SALUN, write_policy
from unlearn_audit.cases import CaseRequest, build_case
from unlearn_audit.pipeline.audit import name_known
from unlearn_audit.policy import parse_policy
from unlearn_audit.records import ignore_progress

REFERENCED = write_policy(
    "referenced",
    OUT_OF_REACH,
    membership="{references: {models: 4}}",
    remediation="[{method: warm-restart}, {method: retrain}]",
    comparison="[{method: random-label, parameters: {epochs: 1}}]",
    reference_case=WITH_SALUN,
)


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def referenced():
    """Parse the policy, with passages replaced."""

    def parse(*changes):
        text = REFERENCED
        for old, new in changes:
            assert text.count(old) == 1
            text = text.replace(old, new)
        return parse_policy(text, "referenced.yaml", name_known())

    return parse


@pytest.fixture
def ask(tmp_path):
    """A request with a cache of its own."""

    def make(**changes):
        return replace(CaseRequest(created="2026-05-02T03:04:05Z", cache=tmp_path / "cache"), **changes)

    return make


@pytest.fixture
def build(referenced, ask):
    """Build the case; `policy` is a list of replaced passages."""

    def make(*, policy=(), progress=ignore_progress, **changes):
        return build_case(referenced(*policy), ask(**changes), progress)

    return make


@pytest.fixture
def importable(monkeypatch):
    """Let processes of their own import what these tests import, from where they import it."""
    import sys

    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
