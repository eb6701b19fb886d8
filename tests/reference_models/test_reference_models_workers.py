"""Where jobs run changes no result; what becomes of a worker is told in words."""

import os
import time

import numpy as np
import pytest
import torch

from unlearn_audit.errors import CaseError, MissingSoftwareError, UsageError, WorkersError
from unlearn_audit.reference_models.pool import Pool
from unlearn_audit.reference_models.workers import Workers, open_workers
from unlearn_audit.reference_models.workers import _explain as explain

pytestmark = pytest.mark.usefixtures("importable")


def add(array, order):
    return order, float(array.sum()), torch.get_num_threads()


def find_place(pool, order):
    time.sleep(0.2)
    return os.getpid(), isinstance(pool.x.base, np.memmap) or isinstance(pool.x, np.memmap)


def fail(array, order):
    raise CaseError(f"order {order} cannot be met", hint="ask for less")


class Deadly:
    """Ends the process that unpickles it, as a machine out of memory would."""

    def __reduce__(self):
        return os._exit, (9,)


def test_jobs_here_run_on_one_thread_and_leave_the_number_of_threads_as_it_was():
    torch.set_num_threads(2)
    try:
        assert list(Workers().run(add, (np.ones(3),), [1, 2], "add")) == [(1, 3.0, 1), (2, 3.0, 1)]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)


@pytest.mark.thorough
def test_processes_share_one_copy_of_large_arrays_and_end_with_the_block():
    big = np.ones(300_000)
    with open_workers(2) as workers:
        assert sorted(workers.run(add, (big,), [1, 2, 3], "add")) == [(i, 300_000.0, 1) for i in (1, 2, 3)]
        pool = Pool(big[:, None], np.zeros(300_000, dtype=np.int64), np.zeros(300_000, dtype=bool))
        places = list(workers.run(find_place, (pool,), range(4), "look"))

    assert os.getpid() not in {pid for pid, _ in places}
    assert all(mapped for _, mapped in places)
    assert not any(is_alive(pid) for pid, _ in places)


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_an_error_of_a_job_comes_back_with_its_hint():
    with open_workers(1) as workers, pytest.raises(CaseError, match="cannot be met") as caught:
        list(workers.run(fail, (np.ones(3),), [1, 2], "fail"))

    assert caught.value.hint == "ask for less"


def test_a_mistake_of_ours_is_not_taken_for_one_of_the_machine():
    with pytest.raises(ZeroDivisionError), explain("train"):
        raise ZeroDivisionError


@pytest.mark.thorough
def test_a_worker_that_is_killed_is_an_error_with_a_way_out():
    with open_workers(2) as workers, pytest.raises(WorkersError, match="a worker died while it was to train") as caught:
        list(workers.run(add, (np.ones(3),), [Deadly(), Deadly()], "train"))

    assert "--jobs" in caught.value.hint


def test_no_room_to_share_the_data_is_an_error_with_a_way_out(monkeypatch):
    from joblib import _memmapping_reducer

    def refuse(*_arguments, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_memmapping_reducer, "dump", refuse)
    with (
        open_workers(2) as workers,
        pytest.raises(WorkersError, match=r"could not train on the workers: .*No space left") as caught,
    ):
        list(workers.run(add, (np.ones(300_000),), [1, 2], "train"))

    assert "room on the disk" in caught.value.hint


def test_a_cluster_has_its_own_number_of_workers():
    with pytest.raises(UsageError, match="--jobs would do nothing"), open_workers(2, "tcp://127.0.0.1:1"):
        pass


def test_a_cluster_that_does_not_answer_is_an_error(monkeypatch):
    monkeypatch.setattr("unlearn_audit.reference_models.workers._PATIENCE", 1)

    address = "tcp://127.0.0.1:9"

    with pytest.raises(CaseError, match=f"a Dask scheduler at {address}"), open_workers(cluster=address):
        pass


def test_a_cluster_without_its_package_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)

    with pytest.raises(MissingSoftwareError, match="distributed") as caught, open_workers(cluster="tcp://127.0.0.1:1"):
        pass

    assert "unlearn-audit[dask]" in caught.value.hint
