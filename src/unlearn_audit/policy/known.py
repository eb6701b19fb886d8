"""What the tables above this floor hold, handed down so that a policy's names can be checked without importing them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel

from unlearn_audit.records.populations import ALL, Population
from unlearn_audit.records.verdicts import LIMITS

Kind = Literal["clinical", "forgetting", "utility", "descriptive"]


@dataclass(frozen=True)
class MetricTraits:
    """How a metric may be named in a check.

    Attributes:
        kind: what it speaks about; a 'descriptive' metric has no bound to decide by and can be in no check.
        against: models it may be compared with; None among them if it may stand alone.
        among: populations it may be measured on.
        subgroups: whether it may be measured in the policy's subgroups as well.
        at: whether it is read at an operating point.
        limits: kinds of limit that guard the right side. A rate of misses with only `at_least` would pass a model
            for missing enough.
        low: smallest value it can take, None if there is none. A limit outside of low..high decides nothing.
        high: largest value it can take, None if there is none.
    """

    kind: Kind
    against: frozenset[str | None] = frozenset({None})
    among: frozenset[Population] = frozenset({ALL})
    at: bool = False
    limits: frozenset[str] = frozenset(LIMITS)
    low: float | None = None
    high: float | None = None
    subgroups: bool = False


@dataclass(frozen=True)
class KnownNames:
    """Names a policy may use, per kind; None where that kind is not to be checked.

    Attributes:
        metrics: name -> traits.
        attacks: names of membership signals and attacks.
        methods: name -> model of its parameters, None for a method that takes none.
        datasets: names of data sets.
        models: names of model architectures.
    """

    metrics: Mapping[str, MetricTraits] | None = None
    attacks: Collection[str] | None = None
    methods: Mapping[str, type[BaseModel] | None] | None = None
    datasets: Collection[str] | None = None
    models: Collection[str] | None = None
