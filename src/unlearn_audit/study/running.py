"""Runs a study: originals first, then cells, as many at once as there are workers; what is finished is kept."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from unlearn_audit.cases import find_reference
from unlearn_audit.errors import DataError
from unlearn_audit.policy import Policy, StudyFile
from unlearn_audit.records import ProgressCallback, digest_of, ignore_progress
from unlearn_audit.reference_models.workers import Workers
from unlearn_audit.study.cells import CellJob, is_finished, list_jobs, make_cell, read_cell, train_original
from unlearn_audit.study.result import StudyResult
from unlearn_audit.study.summary import summarise, validate_measures
from unlearn_audit.writing import validate_writable

CELLS = "cells"


def run_study(
    study: StudyFile,
    policy: Policy,
    data: Path | None,
    *,
    out: Path,
    cache: Path,
    created: str,
    workers: Workers,
    progress: ProgressCallback = ignore_progress,
) -> StudyResult:
    """Make what is missing of a study in `out` and return its numbers.

    A cell that is there already is not made again, unless something that shapes it has changed. The numbers depend
    neither on the workers nor on the order.

    Raises:
        DataError, CaseError: data or the training of an original or a retrained model fails.
        ReportError, CacheError: a folder cannot be written to.
        UsageError: a claim names a measure that this study does not have.
    """
    validate_measures(study, policy)
    find_reference(policy)
    jobs = list_jobs(study, policy, data and data.absolute(), digest_data(data))
    out, cache = out.absolute(), cache.absolute()  # a worker elsewhere may stand in another folder
    validate_writable(out / CELLS)
    due = [job for job in jobs if not is_finished(out / CELLS, job)]
    firsts = list({job.policy.protocol.seed: job for job in reversed(due)}.values())[::-1]
    if firsts:
        _count(
            workers.run(train_original, (cache, created), firsts, "train an original"),
            "originals",
            len(firsts),
            progress,
        )
        _count(
            workers.run(make_cell, (cache, out / CELLS, created), due, "make a cell of the study"),
            "cells",
            len(due),
            progress,
        )
    return read_study(study, policy, jobs, out)


def read_study(study: StudyFile, policy: Policy, jobs: Sequence[CellJob], out: Path) -> StudyResult:
    """Return the numbers of the cells that are finished; the result names those that are not.

    Raises:
        EvidenceError: none is finished.
        UsageError: a claim names a measure that this study does not have.
    """
    cells = [(job, read_cell(out / CELLS, job)) for job in jobs]
    missing = [job.name for job, cell in cells if cell is None]
    return summarise(study, policy, [cell for _, cell in cells if cell is not None], missing)


def digest_data(data: Path | None) -> str | None:
    """Return a digest of the file, or of names, sizes and times of a folder; None for data that a library carries.

    Raises:
        DataError: there is nothing at `data`.
    """
    if data is None:
        return None
    if data.is_dir():
        return digest_of(_list_folder(data))
    try:
        with data.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DataError(f"expected data at {data}, could not read them: {reason}") from error


def _list_folder(folder: Path) -> list[list[str]]:
    try:
        found = [(path.relative_to(folder).as_posix(), path.stat()) for path in sorted(folder.rglob("*"))]
    except OSError as error:
        raise DataError(f"expected data in {folder}, could not look at {error.filename}: {error.strerror}") from error
    return [[name, str(stat.st_size), str(stat.st_mtime_ns)] for name, stat in found]


def _count(done: Iterator[object], task: str, total: int, progress: ProgressCallback) -> None:
    progress(task, 0, total)
    for number, _ in enumerate(done, 1):
        progress(task, number, total)
