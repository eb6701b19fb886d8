"""Passages of docs/appendix/scale.md, from scale.json beside it: what was measured, and what follows for more."""

import json
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parents[1] / "docs"
_MILLION, _EPOCHS, _WARM, _REFERENCES = 1_000_000, 20, 0.25, 16
_CORES = 64
_HOUR = 3_600


def format_training() -> str:
    """Return seconds of one core, and per image, by size and number."""
    lines = ["| pixels | images | one epoch, s | per image, ms | asking once, s | per image, ms |", "|---" * 6 + "|"]
    for row in _read()["training"]:
        each = [1_000 * row[part] / row["images"] for part in ("epoch", "ask")]
        lines.append(
            f"| {row['side']} x {row['side']} | {row['images']:,} | {row['epoch']:.1f} | {each[0]:.2f} | "
            f"{row['ask']:.1f} | {each[1]:.2f} |"
        )
    return "\n".join(lines)


def format_workers() -> str:
    """Return how the same trainings divide among processes, and how long a verdict takes."""
    found = _read()
    one = next(row["seconds"] for row in found["workers"] if row["workers"] == 1)
    lines = ["| workers | models trained | seconds | ratio |", "|---|---|---|---|"]
    for row in found["workers"]:
        ratio = one / row["seconds"]
        lines.append(f"| {row['workers']} | {row['models']} | {row['seconds']:.1f} | {ratio:.2f} |")
    lines += ["", "| records | evidence to clinical verdict, s |", "|---|---|"]
    lines += [f"| {row['records']:,} | {row['seconds']:.2f} |" for row in found["verdict"]]
    return "\n".join(lines)


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
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    rows = {row["side"]: row for row in _read()["training"]}  # the last, largest one of each size
    for side, row in rows.items():
        epoch = _MILLION * row["epoch"] / row["images"] / _HOUR
        original, retrained, salun, warm = (
            _EPOCHS * epoch,
            0.8 * _EPOCHS * epoch,
            2 * epoch,
            0.8 * _WARM * _EPOCHS * epoch,
        )
        references = _REFERENCES * original
        wall = max(original + retrained, (original + retrained + salun + warm + references) / _CORES)
        hours = " | ".join(f"{value:.1f} h" for value in (original, retrained, salun, warm, references, wall))
        lines.append(f"| {side} x {side} | {hours} |")
    return "\n".join(lines)


def _read() -> dict[str, Any]:
    return dict(json.loads((DOCS / "appendix" / "scale.json").read_bytes()))
