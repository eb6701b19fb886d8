"""Jobs of Slurm through submitit, tried with its local executor: results as they come, one job lost is one job."""

import os
import signal

import numpy as np
import pytest

from unlearn_audit.errors import CaseError, MissingSoftwareError, WorkersError
from unlearn_audit.reference_models.workers import open_workers


def add(array, order):
    return order, float(array.sum()), isinstance(array, np.memmap)


def fail(array, order):
    raise CaseError(f"order {order} cannot be met", hint="ask for less")


def die_at_two(array, order):
    if order == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return order


@pytest.fixture
def slurm(importable, monkeypatch, tmp_path):
    pytest.importorskip("submitit")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with open_workers(cluster="slurm:local") as workers:
        yield workers


@pytest.mark.slow
def test_results_come_back_and_shared_data_are_mapped(slurm):
    big = np.ones(300_000)
    assert sorted(slurm.run(add, (big,), [1, 2, 3], "add")) == [(i, 300_000.0, True) for i in (1, 2, 3)]


@pytest.mark.slow
def test_an_error_of_a_job_comes_back_with_its_hint(slurm):
    with pytest.raises(CaseError, match="cannot be met") as caught:
        list(slurm.run(fail, (np.ones(3),), [1], "fail"))
    assert caught.value.hint == "ask for less"


@pytest.mark.slow
def test_a_job_that_is_killed_is_one_job(slurm):
    results = []
    with pytest.raises(WorkersError, match="1 of 3 jobs died while they were to train") as caught:
        results.extend(slurm.run(die_at_two, (np.ones(3),), [1, 2, 3], "train"))
    assert "kept" in caught.value.hint


@pytest.mark.slow
def test_reference_models_are_the_same_bits_as_in_this_process(build, slurm, tmp_path):
    here = build(cache=tmp_path / "here")
    there = build(cache=tmp_path / "there", workers=slurm)
    assert [f.weights for f in here.ensemble.trained] == [f.weights for f in there.ensemble.trained]


def test_without_slurm_the_way_out_is_named(monkeypatch):
    pytest.importorskip("submitit")
    monkeypatch.setattr("shutil.which", lambda _name: None)
    with pytest.raises(CaseError, match="srun") as caught, open_workers(cluster="slurm"):
        pass
    assert "--cluster slurm:local" in caught.value.hint


def test_without_its_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr("unlearn_audit.software.find_spec", lambda _name: None)
    with pytest.raises(MissingSoftwareError, match="submitit") as caught, open_workers(cluster="slurm"):
        pass
    assert "unlearn-audit[slurm]" in str(caught.value.hint)
