"""`make bench-streaming`: memory of a whole case on 100,000 images of 224 x 224, from a folder of JPEG files.

The images are made here, and deleted at the end with everything decoded from them: some 16 GB of disk for a while.
A process of its own loads them (decoding into the cache), looks for leaks between the splits, digests the data, trains
a linear network for one epoch, unlearns, and asks both models about every record. Memory is the peak of its resident
set as the kernel counts it (VmHWM), program and libraries included; its anonymous part (RssAnon) is sampled twenty
times a second. Pixels are read, not mapped, so that no page of the file counts in either.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

LIMIT = 2 * 2**30
SIDE = 224
POLICY = """\
schema: unlearn-audit/policy/v1
id: streaming
version: "1"
title: Streaming
owner: Benchmarks
applies_to: Benchmarks
task: {positive: ["1"], operating_points: [argmax]}
costs: {false_negative: 10, false_positive: 1, rationale: Benchmarks}
checks:
  - {id: risk, metric: global-risk, at_most: 1, why: Benchmarks}
  - {id: kept, metric: retain-accuracy, at_least: 0.5, why: Benchmarks}
  - {id: forgotten, metric: membership-auc, among: positive, within: [0.4, 0.6], why: Benchmarks}
reference_case:
  dataset: own-data
  model: tiny
  forget: 0.01
  retrain: false
  unlearn: {method: gradient-ascent, parameters: {epochs: 1, learning_rate: 0.0001}}
  recipe: {epochs: 1, batch: 128, learning_rate: 0.001}
"""


def make_folder(folder: Path, n: int) -> None:
    """Write `n` JPEG files of 224 x 224 pixels and a records.csv: coarse random patterns, brighter where positive."""
    from PIL import Image

    rng = np.random.default_rng(1)
    rows = ["file,split,label,patient_id"]
    for i in range(n):
        coarse = rng.integers(0, 200, (14, 14, 3), dtype=np.uint8) + np.uint8(40 * (i % 5 == 0))
        Image.fromarray(coarse).resize((SIDE, SIDE)).save(folder / f"{i}.jpg", quality=75)
        patient = i // 12
        split = ("train", "train", "train", "train", "val", "test")[patient % 6]
        rows.append(f"{i}.jpg,{split},{int(i % 5 == 0)},p{patient}")
    (folder / "records.csv").write_text("\n".join(rows), "utf-8")


def read_memory(name: str) -> int:
    """Return a line of /proc/self/status, in bytes."""
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.split(f"{name}:")[1].split()[0]) * 1024


def watch_memory(peak: dict[str, int], stop: threading.Event) -> None:
    """Keep the largest RssAnon in `peak` until told to stop."""
    while not stop.wait(0.05):
        peak["RssAnon"] = max(peak.get("RssAnon", 0), read_memory("RssAnon"))


def add_network() -> None:
    """Put a network into the table of models, as a plug-in would: a linear one on patches of 16 x 16 pixels."""
    from torch import nn

    from unlearn_audit.models import MODELS, Architecture

    def make(_shape: tuple[int, ...], classes: int) -> nn.Module:
        return nn.Sequential(nn.AvgPool2d(16), nn.Flatten(), nn.Linear(3 * (SIDE // 16) ** 2, classes))

    MODELS._own["tiny"] = Architecture("tiny", "Linear on patches", "none", make)  # noqa: SLF001


def run_case(folder: Path, cache: Path) -> None:
    """Build the case in `folder` and collect its evidence; print seconds and memory as JSON lines."""
    from unlearn_audit.cases import CaseRequest, build_case
    from unlearn_audit.cases.collection import collect
    from unlearn_audit.pipeline.audit import name_known
    from unlearn_audit.policy import parse_policy

    add_network()
    peak: dict[str, int] = {}
    stop = threading.Event()
    watcher = threading.Thread(target=watch_memory, args=(peak, stop), daemon=True)
    watcher.start()
    started, latest = time.perf_counter(), [""]

    def progress(task: str, done: int, total: int) -> None:
        if task != latest[0] or done == total:
            latest[0] = task
            line = {"task": task, "seconds": round(time.perf_counter() - started), "VmHWM": read_memory("VmHWM")}
            print(json.dumps({**line, "done": done}), file=sys.stderr, flush=True)

    request = CaseRequest(created="2026-01-01T00:00:00Z", cache=cache, data=folder, threads=1)
    case = build_case(parse_policy(POLICY, "streaming.yaml", name_known()), request, progress)
    evidence = collect(case, progress)
    stop.set()
    watcher.join()
    print(
        json.dumps(
            {
                "records": len(evidence.ids),
                "models": len(evidence.log_probs),
                "pixels": int(np.prod(case.dataset.x.shape)),
                "seconds": round(time.perf_counter() - started),
                "VmHWM": read_memory("VmHWM"),
                **peak,
            }
        )
    )


def measure(n: int, place: Path | None) -> bool:
    """Print what a case on `n` images takes; return whether its memory stays below 2 GiB."""
    with tempfile.TemporaryDirectory(dir=place) as name:
        folder, cache = Path(name) / "images", Path(name) / "cache"
        folder.mkdir()
        started = time.perf_counter()
        make_folder(folder, n)
        print(f"{n:,} JPEG files of {SIDE} x {SIDE} pixels made in {time.perf_counter() - started:.0f} s", flush=True)
        command = [sys.executable, "-m", "benchmarks.streaming", "--run", str(folder), str(cache)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(done.stdout)
    pixels, peak, anonymous = (found[name] / 2**30 for name in ("pixels", "VmHWM", "RssAnon"))
    print(
        f"{found['records']:,} images, {pixels:.1f} GiB of pixels ({4 * pixels:.1f} GiB as floats): decoded, searched "
        f"for leaks, trained for one epoch, unlearned, {found['models']} models asked, in {found['seconds']} s; "
        f"peak memory {peak:.2f} GiB resident, {anonymous:.2f} GiB of it anonymous"
    )
    return bool(found["VmHWM"] < LIMIT)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--place", type=Path, help="folder with some 16 GB to spare")
    parser.add_argument("--run", nargs=2, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        run_case(*options.run)
    else:
        sys.exit(0 if measure(options.images, options.place) else 1)
