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


def format_own_images() -> str:
    """Return what an audit of your own images takes, shrunk and at their own size."""
    found = json.loads((DOCS / "appendix" / "own-images.json").read_bytes())
    times = found["slice_whole"] / found["slice_shrunk"]
    minutes = {name: found[name] / 60 for name in ("shrunk", "slice_whole")}
    return (
        f"What it costs: all {found['images']:,} images of HAM10000 with one image a lesion took "
        f"{minutes['shrunk']:.0f} minutes of one core\nat 64 x 64 pixels, reference models included. "
        f"At their own 224 x 224 a slice of {found['slice']} took {minutes['slice_whole']:.0f} minutes\nwhere the same "
        f"at 64 took {found['slice_shrunk']:.0f} s, {times:.0f} times as long: all of them would take some "
        f"{minutes['shrunk'] * times:.0f} minutes.\nNobody here ran that, nor had a GPU."
    )


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
