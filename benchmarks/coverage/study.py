"""Runs the grid and counts. Every batch of repeats has its own named randomness, so that a share can be run again."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cache, partial
from multiprocessing import get_context
from typing import Any

from benchmarks.coverage.cases import Case, list_cluster_cases, list_record_cases
from benchmarks.coverage.membership_cases import list_reference_cases, list_shift_cases, list_tpr_cases
from benchmarks.coverage.methods import CONFIDENCE, Ends
from benchmarks.coverage.page import LOWEST
from benchmarks.coverage.pair_cases import list_pair_cases
from benchmarks.coverage.score_cases import (
    list_auc_cases,
    list_change_cases,
    list_clustered_auc_cases,
    list_sized_auc_cases,
)
from unlearn_audit.errors import MeasurementError
from unlearn_audit.records import derive_rng

BATCH = 20
SEED = 3
REPEATS, COSTLY_REPEATS = 500, 200
"""Of a cell, and of one whose bound is costly: over two strata, or a TPR over clusters."""
COSTLY = ("balanced accuracy", "at a prevalence", "TPR at an FPR, clustered")
MOST_REPEATS = 2_000
"""Of a cell that is seen below `LOWEST` in the first ones: so many tell chance from a bound that does not hold."""
WITH_RIVALS = 200
"""Of the repeats: enough to show what the familiar intervals do not keep."""
SIDES = ("low", "high")


@cache
def list_cases() -> tuple[Case, ...]:
    """Return the grid."""
    sources: tuple[Callable[[], Iterator[Case]], ...] = (
        list_record_cases,
        list_cluster_cases,
        list_auc_cases,
        list_clustered_auc_cases,
    )
    sources += (list_sized_auc_cases, list_change_cases)
    sources += (list_shift_cases, list_reference_cases, list_tpr_cases, list_pair_cases)
    return tuple(case for source in sources for case in source())


@dataclass
class Count:
    """What was counted of one case: by method the repeats with ends, the hits of each, and the sum of widths."""

    statistic: str
    case: str
    truth: float
    repeats: int = 0
    refused: int = 0
    given: Counter[str] = field(default_factory=Counter)
    hits: dict[str, Counter[str]] = field(default_factory=lambda: {side: Counter() for side in SIDES})
    width: dict[str, float] = field(default_factory=dict)

    def add(self, ends: Ends) -> None:
        """Count one repeat; rounding may put an end on the wrong side of a truth that it equals."""
        for method, pair in ends.items():
            if pair is None:
                continue
            self.given[method] += 1
            self.hits["low"][method] += pair[0] <= self.truth + 1e-9
            self.hits["high"][method] += pair[1] >= self.truth - 1e-9
            self.width[method] = self.width.get(method, 0.0) + pair[1] - pair[0]

    def merge(self, other: "Count") -> None:
        """Add the counts of further repeats of the same case."""
        self.repeats += other.repeats
        self.refused += other.refused
        self.given.update(other.given)
        for side in SIDES:
            self.hits[side].update(other.hits[side])
        for method, width in other.width.items():
            self.width[method] = self.width.get(method, 0.0) + width

    def to_json(self) -> dict[str, Any]:
        """Return the count as it is published, widths at six digits."""
        methods = {
            method: {
                "given": given,
                **{side: self.hits[side][method] for side in SIDES},
                "mean_width": float(f"{self.width[method] / given:.6g}"),
            }
            for method, given in self.given.items()
        }
        return {
            "statistic": self.statistic,
            "case": self.case,
            "truth": float(f"{self.truth:.6g}"),
            "repeats": self.repeats,
            "refused": self.refused,
            "methods": methods,
        }


def count_batch(index: int, batch: int, seed: int, *, rivals: bool) -> Count:
    """Return what the given batch of the given case counts."""
    case = list_cases()[index]
    count = Count(case.statistic, case.name, case.truth, repeats=BATCH)
    rng = derive_rng(seed, "coverage", case.statistic, case.name, str(batch))
    for _ in range(BATCH):
        try:
            count.add(case.bound(rng, rivals))
        except MeasurementError:
            count.refused += 1
    return count


def count_case(index: int, batches: Iterable[int], seed: int, with_rivals: int = WITH_RIVALS) -> Count:
    """Return what several batches of the given case count together."""
    case = list_cases()[index]
    total = Count(case.statistic, case.name, case.truth)
    for batch in batches:
        total.merge(count_batch(index, batch, seed, rivals=batch * BATCH < with_rivals))
    return total


def choose_repeats(case: Case) -> int:
    """Return how many samples of a cell are drawn."""
    return COSTLY_REPEATS if any(words in case.statistic for words in COSTLY) else REPEATS


def count_whole(index: int, seed: int, with_rivals: int = WITH_RIVALS) -> Count:
    """Return what all batches of the given case count together; one that is seen to fall short goes on."""
    first = choose_repeats(list_cases()[index])
    total = count_case(index, range(first // BATCH), seed, with_rivals)
    if min(total.hits[side]["deciding"] for side in SIDES) < LOWEST * total.given["deciding"]:
        total.merge(count_case(index, range(first // BATCH, MOST_REPEATS // BATCH), seed, with_rivals))
    return total


def run_study(seed: int, with_rivals: int = WITH_RIVALS, workers: int = 2) -> list[Count]:
    """Return the counts of every case; the number of workers changes no digit."""
    work = partial(count_whole, seed=seed, with_rivals=with_rivals)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        return list(pool.map(work, range(len(list_cases()))))


def count_first(index: int, seed: int) -> Count:
    """Return the first batch of a case, which is published beside the whole and run again by a test."""
    return count_batch(index, 0, seed, rivals=True)


def to_bytes(counts: list[Count], repeats: int, seed: int) -> bytes:
    """Return the published file: all counts, and beside them those of the first batch of each case."""
    cases = [
        count.to_json() | {"first": count_first(index, seed).to_json()["methods"]} for index, count in enumerate(counts)
    ]
    head = json.dumps({"seed": seed, "repeats": repeats, "confidence": CONFIDENCE})[:-1]
    rows = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    return f'{head}, "cases": [\n{rows}\n]}}\n'.encode()
