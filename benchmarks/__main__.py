"""`make bench`: ours against scipy's bootstrap, a loop over trainings, sacroml's LiRA and ART's membership attack."""

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from scipy.stats import bootstrap

from benchmarks.comparison import Comparison
from benchmarks.ensemble import compare_ensemble
from benchmarks.judging import compare_verdict, time_verdict
from benchmarks.rivals import compare_art, compare_sacroml
from unlearn_audit.stats import MistakeCosts, estimate_risk_change

RESAMPLES = 10_000
PUBLISHED = Path(__file__).resolve().parents[1] / "docs" / "appendix" / "bench.json"
COSTS = MistakeCosts(20)
SIZES = (2_005, 20_000)
_AGREEMENT = 0.12  # of the interval's width: two bootstraps of 10,000 draws differ by this much at most


def make_calls(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return truth and the calls of two models that differ on 6 % of the records."""
    actual = rng.random(n) < 0.2
    before = actual ^ (rng.random(n) < 0.1)
    return actual, before, before ^ (rng.random(n) < 0.06)


def take_seconds(work: Callable[[], object], repeats: int) -> float:
    """Return the fastest of several runs, in seconds of the processor: what runs beside them does not count."""
    seconds = []
    for _ in range(repeats):
        started = time.process_time()
        work()
        seconds.append(time.process_time() - started)
    return min(seconds)


def compare(n: int) -> Comparison:
    """Print and return the ratio at `n` records, and whether the two intervals agree."""
    actual, before, after = make_calls(n, np.random.default_rng(1))

    def ours() -> tuple[float, float]:
        rng = np.random.default_rng(2)
        interval = estimate_risk_change(
            actual, before, after, COSTS, confidence=0.95, resamples=RESAMPLES, rng=rng
        ).interval
        assert interval is not None
        return interval.low, interval.high

    cost = np.where(actual, COSTS.false_negative, COSTS.false_positive)
    change = cost * ((after != actual).astype(float) - (before != actual))

    def scipys() -> tuple[float, float]:
        result = bootstrap(
            (change,), np.mean, n_resamples=RESAMPLES, method="percentile", batch=100, rng=np.random.default_rng(3)
        )
        return tuple(result.confidence_interval)

    mine, theirs = ours(), scipys()
    agree = max(abs(a - b) for a, b in zip(mine, theirs, strict=True)) < _AGREEMENT * (theirs[1] - theirs[0])
    ratio = take_seconds(scipys, 1) / take_seconds(ours, 5)
    print(
        f"paired change of Global Risk, {n:>7,} records, {RESAMPLES:,} resamples: {ratio:,.0f} times scipy's speed; "
        f"ours [{mine[0]:.4f}, {mine[1]:.4f}], scipy's [{theirs[0]:.4f}, {theirs[1]:.4f}], "
        f"{'agree' if agree else 'DISAGREE'}"
    )
    return Comparison(f"change-{n}", ratio, agree)


def publish(found: Sequence[Comparison | None], path: Path = PUBLISHED) -> None:
    """Write the ratios, the areas where attacks were compared, and how many reference models it took.

    Raises:
        ValueError: a library that is compared with is not installed: half a comparison is not published.
    """
    there = [comparison for comparison in found if comparison is not None]
    if len(there) < len(found):
        raise ValueError(f"expected every library to be installed, found {len(found) - len(there)} missing: make bench")
    ratios = {comparison.name: round(comparison.ratio, 1) for comparison in there}
    areas = {f"{comparison.name}-auc": comparison.areas for comparison in there if comparison.areas}
    models = {f"{comparison.name}-models": comparison.models for comparison in there if comparison.models}
    path.write_text(json.dumps(ratios | areas | models, indent=1, sort_keys=True) + "\n", "utf-8")


if __name__ == "__main__":
    found: list[Comparison | None] = [*(compare(n) for n in SIZES), compare_verdict()]
    time_verdict()
    found += [compare_ensemble(), compare_sacroml(), compare_art()]
    if sys.argv[1:] == ["--publish"]:
        publish(found)
    sys.exit(0 if all(comparison.agree for comparison in found if comparison) else 1)
