"""Where jobs run: in this process, in processes beside it, or on a Dask cluster. The numbers do not know.

A job is a plain function of picklable arguments that runs on one thread, so that its result depends on neither the
number of workers nor on where they are. (Another processor, or another build of torch, may move last bits.)
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pickle import PicklingError
from typing import Any, Literal, TypeVar

from unlearn_audit.errors import AuditError, CaseError, UsageError

Backend = Literal["loky", "dask"]
BACKENDS: tuple[Backend, ...] = ("loky", "dask")

_Order = TypeVar("_Order")
_Result = TypeVar("_Result")

_SHARE_FROM = "1M"  # larger arrays are written to disk once and mapped by every worker on this machine
_PATIENCE = 60  # seconds to wait for the first worker of a cluster


@dataclass(frozen=True)
class Workers:
    """A place for jobs; see `open_workers`. The default is this process, one job after the other."""

    jobs: int = 1
    backend: Backend = "loky"

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
            CaseError: a worker died, the cluster was lost, or there is no room to share the data.
        """
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
        raise CaseError(
            f"a worker died while it was to {name}: perhaps the machine ran out of memory",
            hint="what was finished is kept: run the same command again, with fewer --jobs",
        ) from error
    except Exception as error:
        if not (
            isinstance(error, OSError | PicklingError) or type(error).__module__.startswith(("distributed", "dask"))
        ):
            raise
        found = (str(error.__cause__ or error).strip(' "\n').splitlines() or [type(error).__name__])[-1]
        raise CaseError(
            f"could not {name} on the workers: {found}",
            hint="is there room on the disk for temporary files, and can the cluster be reached? What was finished is "
            "kept: run the same command again",
        ) from error


@contextmanager
def open_workers(jobs: int | None = None, backend: Backend = "loky", cluster: str | None = None) -> Iterator[Workers]:
    """Open a place for jobs, and close it again.

    Args:
        jobs: at once; None for one per core of this machine.
        backend: 'loky' starts processes here; 'dask' starts a cluster of processes here, or joins `cluster`.
        cluster: address of a running Dask scheduler, such as tcp://10.0.0.1:8786. Its workers need this package in the
            same version. Whoever can reach a scheduler can run code on its workers: keep it on a trusted network.

    Raises:
        UsageError: a cluster without its backend, or a backend whose package is not installed.
        CaseError: the cluster does not answer.
    """
    from joblib import cpu_count

    if cluster is not None and backend != "dask":
        raise UsageError("--cluster: expected together with --backend dask", hint="add --backend dask")
    at_once = jobs or cpu_count()
    hold: Callable[[], AbstractContextManager[Any]] = nullcontext
    if backend == "dask":
        hold = partial(_join_dask, at_once, cluster)
    with hold():
        try:
            yield Workers(at_once, backend)
        finally:
            _dismiss_processes()


def _dismiss_processes() -> None:
    """End loky's idle processes, where any were started: they would hold their memory for minutes."""
    from joblib.externals.loky import reusable_executor

    if reusable_executor._executor is not None:  # noqa: SLF001 - asking for it would start one
        reusable_executor._executor.shutdown(wait=True, kill_workers=True)  # noqa: SLF001


@contextmanager
def _join_dask(jobs: int, address: str | None) -> Iterator[None]:
    try:
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise UsageError(
            "--backend dask: expected the package 'distributed', found none",
            hint="pip install 'unlearn-audit[dask]', or leave --backend out",
        ) from error
    if address is None:
        with (
            LocalCluster(
                n_workers=jobs, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0"
            ) as local,
            Client(local),
        ):
            yield
        return
    try:
        client = Client(address, timeout=_PATIENCE)
    except (OSError, ValueError) as error:
        raise CaseError(
            f"--cluster: expected a Dask scheduler at {address}, found none ({type(error).__name__})",
            hint="'dask scheduler' prints its address when it starts",
        ) from error
    with client:
        yield
