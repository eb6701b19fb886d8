"""The published coverage study: it is this code's, it leaves no deciding statistic out, and it would notice."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from benchmarks.coverage.__main__ import show
from benchmarks.coverage.cases import STUDIED, TESTED
from benchmarks.coverage.page import LOWEST, find_share, is_short
from benchmarks.coverage.study import BATCH, SEED, count_batch, count_case, count_first, list_cases, to_bytes

from unlearn_audit.findings.metrics import METRICS
from unlearn_audit.stats.stratified_counts import StratifiedCounts

DOCS = Path(__file__).resolve().parents[2] / "docs" / "appendix"
SHARE = 12
"""Of so many cells of a statistic the thorough tests run two again, the slow ones all."""
STATISTICS = list(dict.fromkeys(case.statistic for case in list_cases()))


@pytest.fixture(scope="module")
def published():
    return json.loads((DOCS / "coverage.json").read_bytes())


def pick_cells(first: int) -> Iterator[int]:
    """Of each statistic the cell at place `first`, and from there on one in `SHARE`."""
    seen = Counter()
    for index, case in enumerate(list_cases()):
        if seen[case.statistic] % SHARE == first:
            yield index
        seen[case.statistic] += 1


def rerun(cells: Iterable[int], published):
    """Return what the file says of each cell's first repeats, and what this code finds."""
    expected = {index: published["cases"][index]["first"] for index in cells}
    return expected, {index: count_first(index, published["seed"]).to_json()["methods"] for index in expected}


def find_index(statistic, words):
    return next(i for i, case in enumerate(list_cases()) if case.statistic == statistic and words in case.name)


@pytest.mark.thorough
@pytest.mark.parametrize("first", [0, SHARE // 2])
def test_the_published_counts_are_those_of_this_code(published, first):
    """Drift shows here: then run 'make coverage-study' and look at what changed before committing it."""
    expected, found = rerun(pick_cells(first), published)

    assert expected == found


@pytest.mark.slow
def test_the_published_counts_of_every_cell_are_those_of_this_code(published):
    expected, found = rerun(range(len(list_cases())), published)

    assert expected == found


def test_the_published_page_says_what_the_published_counts_say(published):
    assert (DOCS / "coverage.md").read_text() == show((DOCS / "coverage.json").read_bytes())


def test_the_published_study_is_of_the_whole_grid_and_no_cell_has_an_unfit_bound(published):
    assert [(case.statistic, case.name) for case in list_cases()] == [
        (row["statistic"], row["case"]) for row in published["cases"]
    ]
    assert published["seed"] == SEED
    assert [row["case"] for row in published["cases"] if is_short(row)] == []


def test_every_metric_that_a_policy_may_limit_rests_on_a_statistic_of_the_grid():
    """A new one needs its row in STUDIED, and its statistic a place in the grid: nothing untested may decide."""
    deciding = {name for name, metric in METRICS.items() if metric.traits.kind != "descriptive"}

    assert deciding - TESTED == set(STUDIED)
    assert deciding >= TESTED
    assert set(STUDIED.values()) <= set(STATISTICS)
    assert {f"{name}, clustered" for name in STUDIED.values()} <= set(STATISTICS)


def test_the_familiar_intervals_are_shown_to_fail_where_they_do(published):
    lowest = {
        method: min(find_share(row, method) for row in published["cases"] if method in row["methods"])
        for method in ("percentile", "bca", "jeffreys", "delong")
    }

    assert max(lowest.values()) < 0.7


@pytest.mark.thorough
def test_an_average_sized_worst_case_cluster_would_not_cover_and_the_study_notices(monkeypatch):
    """Records of one cluster alike, one cluster in five with twenty of them: what an earlier rule did not see."""
    index = find_index("rate, clustered", "300 lesions, missed by the square of their size; 0.0133 missed")

    def add_average(stratified, *_):
        return stratified.totals.sum() / sum(block.repeats.sum() for block in stratified.blocks)

    ours = count_case(index, range(15), 5, with_rivals=0)
    monkeypatch.setattr(StratifiedCounts, "find_extra_size", add_average)
    theirs = count_case(index, range(15), 5, with_rivals=0)

    assert ours.hits["high"]["deciding"] >= LOWEST * 300
    assert theirs.hits["high"]["deciding"] < LOWEST * 300


def test_a_share_can_be_run_again_by_itself():
    whole = count_case(0, range(3), 1, with_rivals=BATCH)
    parts = [count_batch(0, batch, 1, rivals=batch == 0) for batch in range(3)]
    parts[0].merge(parts[1])
    parts[0].merge(parts[2])

    assert whole == parts[0]


def test_the_file_lists_one_cell_a_line(published):
    lines = (DOCS / "coverage.json").read_text().splitlines()

    assert len(lines) == len(published["cases"]) + 2
    assert to_bytes([], 20, 1) == b'{"seed": 1, "repeats": 20, "confidence": 0.95, "cases": [\n\n]}\n'


@pytest.mark.slow
@pytest.mark.parametrize("statistic", STATISTICS)
def test_every_bound_of_a_statistic_covers_on_its_whole_grid(statistic):
    """With another seed than the published one. A cell seen below gets five times the repeats before it counts."""
    for index, case in enumerate(list_cases()):
        if case.statistic != statistic:
            continue
        count = count_case(index, range(3_000 // BATCH), seed=4, with_rivals=0)
        if lowest_share(count) < LOWEST:
            count.merge(count_case(index, range(3_000 // BATCH, 15_000 // BATCH), seed=4, with_rivals=0))
        assert lowest_share(count) >= LOWEST, case.name


def lowest_share(count):
    return min(count.hits[side]["deciding"] for side in ("low", "high")) / count.given["deciding"]
