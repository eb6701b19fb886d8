"""`make scale-study`: what an audit costs as the data grow, and how it divides among workers.

Writes docs/appendix/scale.json.

Training, asking and judging are timed in seconds of one processor, which another job beside them hardly changes;
workers by the clock, so run it on a quiet machine. Images are random: the time of a step does not depend on what they
show.
"""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
SIZES = {28: (1_000, 10_000, 100_000), 64: (1_000, 10_000, 30_000)}
"""Images by pixels of a side."""
RECORDS = (1_000, 10_000, 100_000)
WORKERS = (1, 2)
MODELS_MADE = 4


def measure_training(side: int, n: int) -> dict[str, float]:
    """Return the seconds of one epoch on `n` images of `side` pixels, and of asking the model about all, one thread."""
    import torch

    from unlearn_audit.models import MODELS
    from unlearn_audit.policy import Recipe
    from unlearn_audit.training import Records, fit, predict_log_probs

    torch.set_num_threads(1)
    rng = np.random.default_rng(n)
    x = torch.from_numpy(rng.random((n, 3, side, side), dtype=np.float32)).to(memory_format=torch.channels_last)
    y = torch.from_numpy(rng.integers(0, 2, n))
    records = Records(x=x, y=y, positive=y == 1)
    model = MODELS["resnet18-small"].build((3, side, side), 2, 1)
    recipe = Recipe(epochs=1)
    epoch = take_seconds(lambda: fit(model, records, recipe, 1))
    return {"side": side, "images": n, "epoch": epoch, "ask": take_seconds(lambda: predict_log_probs(model, x))}


def take_seconds(work: Callable[[], object]) -> float:
    """Return the seconds of processor time that `work` takes in this process."""
    started = time.process_time()
    work()
    return round(time.process_time() - started, 3)


def train_one(_shared: int, seed: int) -> int:
    """Train for two epochs on 1,500 images: one job of `measure_workers`."""
    import torch

    from unlearn_audit.models import MODELS
    from unlearn_audit.policy import Recipe
    from unlearn_audit.training import Records, fit

    rng = np.random.default_rng(seed)
    x = torch.from_numpy(rng.random((1_500, 3, 28, 28), dtype=np.float32))
    y = torch.from_numpy(rng.integers(0, 2, 1_500))
    fit(
        MODELS["resnet18-small"].build((3, 28, 28), 2, seed), Records(x=x, y=y, positive=y == 1), Recipe(epochs=4), seed
    )
    return seed


def measure_workers(workers: int) -> dict[str, float]:
    """Return the seconds to train several models on `workers` processes, which are started beforehand."""
    from unlearn_audit.reference_models.workers import open_workers

    orders = list(range(MODELS_MADE))
    with open_workers(workers) as pool:
        list(pool.run(train_one, (0,), orders[:workers], "warm up"))
        started = time.perf_counter()
        list(pool.run(train_one, (0,), orders, "train"))
        seconds = time.perf_counter() - started
    return {"workers": workers, "models": MODELS_MADE, "seconds": round(seconds, 3)}


def measure_verdict(n: int) -> dict[str, float]:
    """Return the seconds from evidence on `n` records (30 % test) to the clinical verdict, 10,000 resamples."""
    from benchmarks.judging import draw, judge_clinically, load_policy

    policy, evidence = load_policy(), draw(3 * n // 10, 7 * n // 30)
    judge_clinically(policy, evidence)
    return {"records": n, "seconds": take_seconds(lambda: judge_clinically(policy, evidence))}


PARTS: dict[str, Callable[[], list[dict[str, float]]]] = {
    "workers": lambda: [measure_workers(workers) for workers in WORKERS],
    "verdict": lambda: [measure_verdict(n) for n in RECORDS],
    "training": lambda: [measure_training(side, n) for side, sizes in SIZES.items() for n in sizes],
}


def update(target: Path, parts: list[str]) -> None:
    """Measure `parts` and write them into the file, beside what it holds of the others."""
    result = json.loads(target.read_text("utf-8")) if target.is_file() else {}
    result["machine"] = f"{os.cpu_count()} cores, {platform.machine()}"
    for part in parts:
        result[part] = PARTS[part]()
        print(f"{part}: {json.dumps(result[part])}", file=sys.stderr, flush=True)
    target.write_text(json.dumps(result, indent=1, sort_keys=True) + "\n", "utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "appendix" / "scale.json")
    parser.add_argument("parts", nargs="*", default=list(PARTS), help="of: workers, verdict, training")
    options = parser.parse_args()
    update(options.out, options.parts)
