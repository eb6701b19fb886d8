"""The number of records that would let a fine model pass a check, known before anybody trains."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from statistics import NormalDist, fmean, median

from unlearn_audit.policy import Check, Policy
from unlearn_audit.records import CheckResult, Estimate, Message, write_message
from unlearn_audit.verdict.decision import name_groups

_POWER = 0.8
_MOST = 1000.0
"""Times the records at hand: beyond that nobody collects."""
_PAIR = 2


@dataclass(frozen=True)
class Size:
    """What would do for one check; `message` says it."""

    check: str
    passes: int
    draws: int
    message: Message


def find_size_that_does(check: Check, policy: Policy, results: Sequence[CheckResult]) -> Size:
    """Return how many records would let the fine model pass `check` in about .8 of the draws.

    With half-width w of the bound now and the distance d from the mean estimate to the nearer limit, the bound
    shrinks with one over the square root of the records: they must grow ((z_c + z_.8) / z_c * w / d)^2 times. Of two
    groups the first grows alone where that is enough (a variance in a / m + a / n), else both.

    Args:
        check: that is seldom passed.
        policy: it stands in.
        results: of the fine model, one for each draw.
    """
    passes = sum(result.outcome.value == "pass" for result in results)
    about = {"check": check.id, "passes": passes, "draws": len(results)}
    estimates = [result.estimate for result in results if result.estimate is not None and result.estimate.bounds]
    if not estimates:
        causes = list(dict.fromkeys(result.reason for result in results))
        return Size(check.id, passes, len(results), write_message("proof-check-not-measured", **about, causes=causes))
    growth = _find_growth(check, estimates)
    if growth is None:
        return Size(check.id, passes, len(results), write_message("proof-no-size-would-do", **about))
    groups = name_groups(check, policy) or ("",)
    sizes = [round(median(column)) for column in zip(*[e.sizes or (e.n,) for e in estimates], strict=True)]
    names = groups if len(groups) == len(sizes) else ("",) * len(sizes)
    now = [_name(n, name) for n, name in zip(sizes, names, strict=True)]
    needed = [_name(n, name) for n, name in zip(_grow(sizes, growth), names, strict=True)]
    message = write_message("proof-size-that-would-do", **about, now=now, needed=needed)
    return Size(check.id, passes, len(results), message)


def _find_growth(check: Check, estimates: Sequence[Estimate]) -> float | None:
    """Return how many times the records must be, None where no number within reach would do."""
    low, high = check.ends
    mean = fmean(estimate.value for estimate in estimates)
    grown = []
    for limit, side in ((high, 1), (low, -1)):
        if limit is None:
            continue
        distance = side * (limit - mean)
        if distance <= 0:
            return None
        ends = [e.bounds.high if side > 0 else e.bounds.low for e in estimates if e.bounds]
        width = fmean(side * (end - e.value) for end, e in zip(ends, estimates, strict=True))
        confidence = max(e.bounds.confidence for e in estimates if e.bounds)
        z = NormalDist().inv_cdf(min(max(confidence, 0.8), 0.9999))
        grown.append(((z + NormalDist().inv_cdf(_POWER)) / z * width / distance) ** 2)
    growth = max(grown)
    return growth if growth <= _MOST else None


def _grow(sizes: Sequence[int], growth: float) -> list[int]:
    """Return the sizes that make the sum of reciprocals `growth` times smaller, the first growing alone if it can."""
    growth = max(growth, 1.0)
    if len(sizes) == _PAIR:
        left = (1 / sizes[0] + 1 / sizes[1]) / growth - 1 / sizes[1]
        if left * sizes[0] > 1 / 8:  # more than eightfold of one side alone would only replace the other
            return [_round_up(1 / left), sizes[1]]
    return [_round_up(size * growth) for size in sizes]


def _round_up(number: float) -> int:
    unit = int(10 ** max(0, len(str(ceil(number))) - 2))
    return -(-ceil(number) // unit) * unit


def _name(n: int, group: str) -> str:
    return f"{n:,} {group}".rstrip() + (" records" if not group or group in {"forget", "test"} else "")
