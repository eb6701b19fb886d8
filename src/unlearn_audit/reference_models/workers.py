"""Workers: this process, processes beside it, or a Dask or Slurm cluster. The choice changes no number.

A job is a plain function of picklable arguments that runs on one thread, so that its result depends on neither the
number of workers nor on where they are. (Another processor, or another build of torch, may move last bits.)
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pickle import PicklingError
from typing import Any, Literal, Protocol, TypeVar

from unlearn_audit.errors import AuditError, CaseError, UsageError, WorkersError
from unlearn_audit.software import require_module

Backend = Literal["loky", "dask"]

_Order = TypeVar("_Order")
_Result = TypeVar("_Result")

_SHARE_FROM = "1M"  # larger arrays are written to disk once and mapped by every worker on this machine
_PATIENCE = 60  # seconds to wait for the first worker of a cluster


class RemoteJobs(Protocol):
    """A scheduler that runs jobs elsewhere: the same interface as `Workers.run`; a dataclass with `gpus`."""

    def run(
        self, job: Callable[..., _Result], shared: Sequence[Any], orders: Sequence[_Order], name: str
    ) -> Iterator[_Result]:
        """Yield the results as they are finished."""
        ...


@dataclass(frozen=True)
class Workers:
    """A place for jobs; see `open_workers`. The default is this process, one job after the other."""

    jobs: int = 1
    backend: Backend = "loky"
    gpus: int = 0
    """Accelerators that each job of a scheduler asks for."""
    place: RemoteJobs | None = None
    """What runs jobs of a scheduler, where that is no backend of joblib."""

    def run(
        self, job: Callable[..., _Result], shared: Sequence[Any], orders: Sequence[_Order], name: str
    ) -> Iterator[_Result]:
        """Yield `job(*shared, order)` for each of `orders`, as they are finished.

        Args:
            job: a function of a module that the workers can import.
            shared: arguments that all jobs have; large arrays in them are held once per machine.
            orders: the last argument, one per job.
            name: what is being made, for errors.

        Raises:
            AuditError: whatever a job raises; the other jobs are given up.
            WorkersError: a worker died, the cluster was lost, or there is no room to share the data.
        """
        if self.place is not None:
            place = replace(self.place, gpus=self.gpus)  # type: ignore[type-var]
            yield from place.run(job, shared, orders, name)
            return
        if self.backend == "loky" and (self.jobs == 1 or len(orders) < 2):  # noqa: PLR2004 - nothing to run beside
            yield from _run_here(job, shared, orders)
            return
        from joblib import Parallel, delayed, parallel_config

        at_once = min(self.jobs, len(orders)) if self.backend == "loky" else -1
        with _explain(name), parallel_config(backend=self.backend, **_settings(self.backend)):
            parallel = Parallel(n_jobs=at_once, return_as="generator_unordered", max_nbytes=_SHARE_FROM)
            yield from parallel(delayed(_run_alone)(job, *shared, order) for order in orders)


def _settings(backend: Backend) -> dict[str, Any]:
    return {"inner_max_num_threads": 1} if backend == "loky" else {"wait_for_workers_timeout": _PATIENCE}


def _run_here(job: Callable[..., _Result], shared: Sequence[Any], orders: Sequence[_Order]) -> Iterator[_Result]:
    import torch

    threads = torch.get_num_threads()
    for order in orders:
        try:
            result = _run_alone(job, *shared, order)
        finally:
            torch.set_num_threads(threads)
        yield result


def _run_alone(job: Callable[..., _Result], *arguments: Any) -> _Result:
    """Run on one thread. A worker stays so: what runs beside it in one process must not find it changed back."""
    import torch

    torch.set_num_threads(1)
    return job(*arguments)


@contextmanager
def _explain(name: str) -> Iterator[None]:
    """Turn what becomes of workers into an error that says what to do; what a job itself raised passes through."""
    from joblib.externals.loky.process_executor import BrokenProcessPool

    try:
        yield
    except AuditError:
        raise
    except BrokenProcessPool as error:
        raise WorkersError(
            f"a worker died while it was to {name}: perhaps the machine ran out of memory",
            hint="what was finished is kept: run the same command again, with fewer --jobs",
        ) from error
    except Exception as error:
        if not (
            isinstance(error, OSError | PicklingError) or type(error).__module__.startswith(("distributed", "dask"))
        ):
            raise
        found = (str(error.__cause__ or error).strip(' "\n').splitlines() or [type(error).__name__])[-1]
        raise WorkersError(
            f"could not {name} on the workers: {found}",
            hint="is there room on the disk for temporary files, and can the cluster be reached? What was finished is "
            "kept: run the same command again",
        ) from error


@contextmanager
def open_workers(jobs: int | None = None, cluster: str | None = None) -> Iterator[Workers]:
    """Open a place for jobs, and close it again.

    Args:
        jobs: processes at once on this machine; None for one per core. A cluster takes as many as it has workers.
        cluster: address of a running Dask scheduler, such as tcp://10.0.0.1:8786. Its workers need this package in the
            same version. Whoever can reach a scheduler can run code on its workers: keep it on a trusted network.
            'slurm' or 'slurm:PARTITION' sends jobs to Slurm through submitit; 'slurm:local' starts processes here as
            Slurm would start them.

    Raises:
        UsageError: jobs beside a cluster.
        MissingSoftwareError: a cluster without the package that speaks to it.
        CaseError: the cluster does not answer.
    """
    from joblib import cpu_count

    if cluster is not None and jobs is not None:
        raise UsageError(
            "--jobs would do nothing: a cluster takes as many jobs at once as it has workers", hint="leave it out"
        )
    if cluster is not None and cluster.partition(":")[0] == "slurm":
        from unlearn_audit.reference_models.slurm import open_slurm

        with open_slurm(cluster.partition(":")[2] or None) as place:
            yield Workers(1, place=place)
        return
    at_once = jobs or cpu_count()
    hold: AbstractContextManager[Any] = _join_dask(cluster) if cluster is not None else nullcontext()
    with hold:
        try:
            yield Workers(at_once, "loky" if cluster is None else "dask")
        finally:
            _dismiss_processes()


def _dismiss_processes() -> None:
    """End loky's idle processes, where any were started: they would hold their memory for minutes."""
    from joblib.externals.loky import reusable_executor

    if reusable_executor._executor is not None:  # noqa: SLF001 - asking for it would start one
        reusable_executor._executor.shutdown(wait=True, kill_workers=True)  # noqa: SLF001


@contextmanager
def _join_dask(address: str) -> Iterator[None]:
    require_module("distributed", "--cluster")
    from distributed import Client

    try:
        client = Client(address, timeout=_PATIENCE)
    except (OSError, ValueError) as error:
        raise CaseError(
            f"--cluster: expected a Dask scheduler at {address}, found none ({type(error).__name__})",
            hint="'dask scheduler' prints its address when it starts",
        ) from error
    with client:
        yield
