"""`make coverage-study`: runs the whole grid and writes coverage.json, .md and .svg in docs/appendix/."""

import json
import os
import sys
from pathlib import Path

from benchmarks.coverage.figure import draw_shares
from benchmarks.coverage.page import find_share, is_short, write_page
from benchmarks.coverage.study import (
    BATCH,
    COSTLY_REPEATS,
    MOST_REPEATS,
    REPEATS,
    SEED,
    WITH_RIVALS,
    run_study,
    to_bytes,
)

DOCS = Path(__file__).resolve().parents[2] / "docs" / "appendix"


def write(data: bytes, docs: Path = DOCS) -> None:
    """Write the file, and the page and the figure that follow from it."""
    (docs / "coverage.json").write_bytes(data)
    (docs / "coverage.md").write_text(show(data))
    (docs / "coverage.svg").write_text(draw_shares(json.loads(data)))


def show(data: bytes) -> str:
    """Return the page of a published file."""
    document = json.loads(data)
    return write_page(document, batch=BATCH, with_rivals=WITH_RIVALS, fewest=COSTLY_REPEATS, most=MOST_REPEATS)


if __name__ == "__main__":
    found = to_bytes(run_study(SEED, workers=os.cpu_count() or 1), REPEATS, SEED)
    write(found)
    short = [row for row in json.loads(found)["cases"] if is_short(row)]
    for row in short:
        print(f"{row['statistic']}: {row['case']}: covers {find_share(row, 'deciding'):.4f}")
    sys.exit(1 if short else 0)
