"""Runs a study: originals first, then cells, as many at once as there are workers; what is finished is kept."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from unlearn_audit.cases import Workers
from unlearn_audit.errors import DataError
from unlearn_audit.policy import Policy, StudyFile
from unlearn_audit.records import Say, digest_of, say_nothing
from unlearn_audit.study.cells import CellOrder, list_orders, make_cell, read_cell, train_original
from unlearn_audit.study.result import StudyResult
from unlearn_audit.study.summary import choose_measures, summarise

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
    say: Say = say_nothing,
) -> StudyResult:
    """Make what is missing of a study in `out` and return its numbers.

    A cell that is there already is not made again, unless something that shapes it has changed. The numbers depend
    neither on the workers nor on the order.

    Raises:
        DataError, CaseError: data or the training of an original fails.
        UsageError: a claim names a measure that this study does not have.
    """
    refuse_unknown_measures(study, policy)
    orders = list_orders(study, policy, data, digest_data(data))
    due = [order for order in orders if read_cell(out / CELLS, order) is None]
    firsts = list({order.policy.protocol.seed: order for order in reversed(due)}.values())[::-1]
    if firsts:
        _count(
            workers.run(train_original, (cache, created), firsts, "train an original"), "originals", len(firsts), say
        )
        _count(
            workers.run(make_cell, (cache, out / CELLS, created), due, "make a cell of the study"),
            "cells",
            len(due),
            say,
        )
    return read_study(study, policy, orders, out)


def read_study(study: StudyFile, policy: Policy, orders: Sequence[CellOrder], out: Path) -> StudyResult:
    """Return the numbers of the cells that are finished; the result names those that are not.

    Raises:
        EvidenceError: none is finished.
    """
    cells = [(order, read_cell(out / CELLS, order)) for order in orders]
    missing = [order.name for order, cell in cells if cell is None]
    return summarise(study, policy, [cell for _, cell in cells if cell is not None], missing)


def refuse_unknown_measures(study: StudyFile, policy: Policy) -> None:
    """Refuse claims on measures that the study does not have, before anything is trained.

    Raises:
        UsageError: the first of them, with what there is.
    """
    from unlearn_audit.errors import UsageError

    known = choose_measures(study, policy)
    for claim in study.claims:
        if claim.measure not in known:
            raise UsageError(
                f"claim '{claim.says}': expected a measure of this study, found '{claim.measure}'",
                hint="known: " + ", ".join(known),
            )


def digest_data(data: Path | None) -> str | None:
    """Return a digest of the file, or of names, sizes and times of a folder; None for data that a library carries.

    Raises:
        DataError: there is nothing at `data`.
    """
    if data is None:
        return None
    if data.is_dir():
        listed = [(str(p.relative_to(data)), p.stat().st_size, p.stat().st_mtime_ns) for p in sorted(data.rglob("*"))]
        return digest_of([list(item) for item in listed])
    try:
        with data.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"expected data at {data}, could not read them: {error.strerror}") from error


def _count(done: Iterator[object], task: str, total: int, say: Say) -> None:
    say(task, 0, total)
    for number, _ in enumerate(done, 1):
        say(task, number, total)
