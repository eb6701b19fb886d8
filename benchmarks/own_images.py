"""Processor time of `examples/own-images`: all images of a folder shrunk to 64 pixels, and a slice at either size.

python -m benchmarks.own_images FOLDER

FOLDER holds `images` and `records.csv` with HAM10000's columns (image_id, lesion_id, dx, split, age, sex). The slice
has 750, malignant and benign in equal parts. Times go to docs/appendix/own-images.json.
"""

import csv
import json
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

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE, TIMES = ROOT / "examples" / "own-images", ROOT / "docs" / "appendix" / "own-images.json"
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
    """Run the three audits and write what each took, in seconds."""
    torch.set_num_threads(1)
    folder = Path(sys.argv[1])
    with (folder / "records.csv").open(newline="") as file:
        images = sum(1 for _ in csv.DictReader(file))
    found: dict[str, float] = {"images": images, "shrunk": measure_audit(folder, shrunk=True)}
    with tempfile.TemporaryDirectory() as name:
        found["slice"] = take_slice(folder, SIZES, Path(name))
        for key, shrunk in (("slice_shrunk", True), ("slice_whole", False)):
            found[key] = measure_audit(Path(name), shrunk=shrunk)
    TIMES.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
