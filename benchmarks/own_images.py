"""Processor time of `examples/own-images` on a slice of your images, shrunk to 64 pixels and at their own size.

python benchmarks/own_images.py FOLDER

FOLDER holds `images` and `records.csv` with HAM10000's columns (image_id, lesion_id, dx, split, age, sex). 750 are
taken, malignant and benign in equal parts.
"""

import csv
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import torch

from unlearn_audit.cases import CaseRequest
from unlearn_audit.pipeline.audit import name_known, run_audit
from unlearn_audit.policy import load_case, load_policy

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "own-images"
SIZES = {"train": 480, "val": 90, "test": 180}
MALIGNANT = ("akiec", "bcc", "mel")


def take_slice(folder: Path, sizes: Mapping[str, int], into: Path) -> int:
    """Copy so many images of each split with their rows into the folder `into`; return how many in all."""
    with (folder / "records.csv").open(newline="") as file:
        known = list(csv.DictReader(file))
    rows = []
    for split, count in sizes.items():
        for wanted in (True, False):
            alike = [row for row in known if row["split"] == split and (row["dx"] in MALIGNANT) == wanted]
            rows += alike[: count // 2]
    (into / "images").mkdir(parents=True)
    for row in rows:
        shutil.copy(folder / "images" / f"{row['image_id']}.jpg", into / "images")
    with (into / "records.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return len(rows)


def measure_audit(data: Path, *, shrunk: bool) -> float:
    """Return the seconds of processor time that the whole audit takes, reference models included."""
    case = load_case(EXAMPLE / "case.yaml", name_known())
    with tempfile.TemporaryDirectory() as cache:
        request = CaseRequest(
            created="2026-01-02T03:04:05Z",
            cache=Path(cache),
            case=case if shrunk else case.model_copy(update={"images": None}),
            case_folder=EXAMPLE,
            data=data,
            threads=1,
            offline=True,
        )
        started = time.process_time()
        run_audit(load_policy(EXAMPLE / "policy.yaml", name_known()), request)
        return time.process_time() - started


def main() -> None:
    """Run both audits and print what they took."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        images = take_slice(Path(sys.argv[1]), SIZES, Path(name))
        small, whole = (measure_audit(Path(name), shrunk=shrunk) for shrunk in (True, False))
    times = whole / small
    print(f"{images} images: {small:.0f} s at 64 pixels, {whole:.0f} s at their own size, {times:.0f} times as long")


if __name__ == "__main__":
    main()
