"""The key of a finding: which metric value is asked for, of which model, among which records."""

from dataclasses import dataclass


@dataclass(frozen=True)
class MetricKey:
    """What exactly is asked: a finding carries the same five words."""

    model: str
    against: str | None = None
    among: str = "all"
    at: str | None = None
    attack: str | None = None
