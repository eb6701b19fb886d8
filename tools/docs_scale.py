"""Passages of docs/appendix/scale.md, from scale.json beside it: what was measured, and what follows for more."""

import json
from itertools import chain
from pathlib import Path
from typing import Any

from unlearn_audit.formats.markdown import draw_table

DOCS = Path(__file__).resolve().parents[1] / "docs"
_MILLION, _EPOCHS, _WARM, _REFERENCES = 1_000_000, 20, 0.25, 16
_CORES = 64
_HOUR = 3_600


def format_training() -> str:
    """Return seconds of one core, and per image, by size and number."""
    heads = ("pixels", "images", "one epoch, s", "per image, ms", "asking once, s", "per image, ms")
    rows = []
    for row in _read()["training"]:
        pairs = ((f"{row[part]:.1f}", f"{1_000 * row[part] / row['images']:.2f}") for part in ("epoch", "ask"))
        rows.append((_show_side(row["side"]), f"{row['images']:,}", *chain(*pairs)))
    return draw_table(heads, rows)


def _show_side(side: int) -> str:
    return f"{side} x {side}"


def format_workers() -> str:
    """Return how the same trainings divide among processes, and how long a verdict takes."""
    found = _read()
    one = next(row["seconds"] for row in found["workers"] if row["workers"] == 1)
    workers = [
        (f"{row['workers']}", f"{row['models']}", f"{row['seconds']:.1f}", f"{one / row['seconds']:.2f}")
        for row in found["workers"]
    ]
    verdict = [(f"{row['records']:,}", f"{row['seconds']:.2f}") for row in found["verdict"]]
    tables = (
        draw_table(("workers", "models trained", "seconds", "ratio"), workers),
        draw_table(("records", "evidence to clinical verdict, s"), verdict),
    )
    return "\n\n".join(tables)


def format_plan() -> str:
    """Return what a million images cost by the slopes of the largest sets."""
    heads = (
        "pixels",
        f"original, {_EPOCHS} epochs",
        "retrained (20 % less)",
        "SalUn, 2 epochs",
        "warm restart",
        f"{_REFERENCES} reference models",
        f"on {_CORES} cores",
    )
    rows = []
    largest = {row["side"]: row for row in _read()["training"]}  # the last one of each size
    for side, row in largest.items():
        epoch = _MILLION * row["epoch"] / row["images"] / _HOUR
        original, retrained, salun, warm = (
            _EPOCHS * epoch,
            0.8 * _EPOCHS * epoch,
            2 * epoch,
            0.8 * _WARM * _EPOCHS * epoch,
        )
        references = _REFERENCES * original
        wall = max(original + retrained, (original + retrained + salun + warm + references) / _CORES)
        hours = (original, retrained, salun, warm, references, wall)
        rows.append((_show_side(side), *(f"{value:.1f} h" for value in hours)))
    return draw_table(heads, rows)


def _read() -> dict[str, Any]:
    return dict(json.loads((DOCS / "appendix" / "scale.json").read_bytes()))
