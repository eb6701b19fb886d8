"""Jobs on a Slurm cluster through submitit: one job of the scheduler for each group of models.

The queue is Slurm's; nothing is scheduled here. Data that all jobs share are written once into a folder that every node
can read, and mapped into memory there. A job that dies is one job: the others go on, and what they made is kept.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from unlearn_audit.data import find_cache
from unlearn_audit.errors import AuditError, CaseError, WorkersError
from unlearn_audit.software import require_module

_Result = TypeVar("_Result")

LOCAL = "local"
"""In the place of a partition: submitit's own executor, which starts processes on this machine."""
_MINUTES = 24 * 60
_SHARED = "shared.joblib"


@dataclass(frozen=True)
class _Answer:
    """What a job gives back: its result, or the error that it raised, whose class a scheduler would lose."""

    result: Any = None
    message: str | None = None
    hint: str | None = None


@dataclass(frozen=True)
class SlurmJobs:
    """A folder for the jobs' files, and the partition that they are sent to."""

    folder: Path
    partition: str | None
    gpus: int = 0

    def run(
        self, job: Callable[..., _Result], shared: Sequence[Any], orders: Sequence[Any], name: str
    ) -> Iterator[_Result]:
        """Yield `job(*shared, order)` for each of `orders`, as they are finished; see `Workers.run`.

        Raises:
            AuditError: the first that a job raised. WorkersError: jobs that died, after all others were finished.
        """
        import joblib
        from submitit.helpers import as_completed

        path = Path(tempfile.mkdtemp(prefix="data-", dir=self.folder)) / _SHARED
        joblib.dump(tuple(shared), path)
        executor = self._open()
        with executor.batch():
            jobs = [executor.submit(_run_order, job, path, order) for order in orders]
        lost = []
        try:
            for finished in as_completed(jobs, poll_frequency=1):
                answer = _read_answer(finished)
                if answer is None:
                    lost.append(finished.job_id)
                    continue
                if answer.message is not None:
                    raise CaseError(answer.message, hint=answer.hint)
                yield answer.result
        finally:
            for waiting in jobs:
                if not waiting.done():
                    waiting.cancel()
        if lost:
            raise WorkersError(
                f"{len(lost)} of {len(jobs)} jobs died while they were to {name} (first: job {lost[0]})",
                hint="what was finished is kept: run the same command again. Perhaps they need more memory or time",
            )

    def _open(self) -> Any:
        import submitit

        cluster = LOCAL if self.partition == LOCAL else "slurm"
        executor = submitit.AutoExecutor(folder=self.folder / "%j", cluster=cluster)
        executor.update_parameters(timeout_min=_MINUTES, name="unlearn-audit", cpus_per_task=1)
        if self.gpus:
            executor.update_parameters(gpus_per_node=self.gpus)
        if self.partition and cluster == "slurm":
            executor.update_parameters(slurm_partition=self.partition)
        return executor


def _run_order(job: Callable[..., Any], path: Path, order: Any) -> _Answer:
    """Run one order on a node; its shared data are mapped, not copied."""
    import joblib
    import torch

    torch.set_num_threads(1)
    try:
        return _Answer(job(*joblib.load(path, mmap_mode="r"), order))
    except AuditError as error:
        return _Answer(message=error.message, hint=error.hint)


def _read_answer(finished: Any) -> _Answer | None:
    """Return what a job gave back; None where it died."""
    from submitit.core.utils import FailedJobError, UncompletedJobError

    try:
        found: _Answer = finished.result()
    except UncompletedJobError:
        return None
    except FailedJobError as error:  # an error of ours, with the traceback of the node in it
        raise RuntimeError(f"job {finished.job_id} failed: {error}") from error
    return found


@contextmanager
def open_slurm(partition: str | None) -> Iterator[SlurmJobs]:
    """Open a folder for jobs in the cache, which all nodes must be able to read, and remove it again.

    Raises:
        MissingSoftwareError: submitit is not installed. CaseError: there is no Slurm here.
    """
    require_module("submitit", "--cluster slurm")
    if partition != LOCAL and shutil.which("srun") is None:
        raise CaseError(
            "--cluster slurm: expected Slurm's srun on this machine, found none",
            hint=f"run the audit on a login node of the cluster, or try it here with --cluster slurm:{LOCAL}",
        )
    folder = find_cache() / "jobs"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="run-", dir=folder, ignore_cleanup_errors=True) as place:
        yield SlurmJobs(Path(place), partition)
