"""What work costs on an ordinary core: processor time by a yardstick, so that no test knows how busy a machine is."""

import resource
import time
from collections.abc import Callable

YARDSTICK = 0.2
"""Seconds in which an ordinary core counts three million squares."""


def measure_slowness() -> float:
    """Return how much longer than an ordinary core this one takes at present; never below 1."""
    start = time.process_time()
    sum(i * i for i in range(3_000_000))
    return max(1.0, (time.process_time() - start) / YARDSTICK)


def measure_work(work: Callable[[], object], *, enough: float, attempts: int = 5) -> float:
    """Return the seconds of an ordinary core that `work` takes, in this process and in those it waits for.

    The least of several attempts, or the first below `enough`: others on the machine can only make it more.
    """
    least = float("inf")
    for _ in range(attempts):
        slowness = measure_slowness()
        start = _read_clock()
        work()
        least = min(least, (_read_clock() - start) / slowness)
        if least < enough:
            break
    return least


def _read_clock() -> float:
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in usage)
