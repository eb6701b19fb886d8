"""The promise of an interval, tested: how often it covers, against what chance allows a correct method to miss."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.stats import binom

from unlearn_audit.records import Interval

Draw = Callable[[np.random.Generator], Any]
Ends = Callable[[Any], Interval]

CHANCE_OF_A_FALSE_ALARM = 1e-6
"""A correct method fails here under one seed in a million."""


def count_hits(ends: Ends, draw: Draw, truth: float, rng: np.random.Generator, repeats: int) -> dict[str, int]:
    """Return how often each end lay on its right side of the truth, and how often both did."""
    found = [ends(draw(rng)) for _ in range(repeats)]
    low = np.array([interval.low <= truth + 1e-12 for interval in found])
    high = np.array([interval.high >= truth - 1e-12 for interval in found])
    return {"low": int(low.sum()), "high": int(high.sum()), "both": int((low & high).sum())}


def assert_covers(
    ends: Ends,
    draw: Draw,
    truth: float,
    rng: np.random.Generator,
    *,
    confidence: float = 0.95,
    repeats: int = 400,
) -> None:
    """Hold a two-sided interval to its joint coverage, and a one-sided pair to the coverage of each end by itself."""
    sides = {ends(draw(np.random.default_rng(0))).sides}
    hits = count_hits(ends, draw, truth, rng, repeats)
    fewest = binom.ppf(CHANCE_OF_A_FALSE_ALARM, repeats, confidence)
    for side in ("low", "high") if sides == {"one"} else ("both",):
        assert hits[side] >= fewest, f"{side}: covered {hits[side]}/{repeats}, need {fewest:.0f} for {confidence:.0%}"
