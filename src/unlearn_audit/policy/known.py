"""Names in the tables above this floor, handed down so that a policy is checked without importing them."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel

from unlearn_audit.records.operating_points import OperatingPoint
from unlearn_audit.records.populations import ALL, Population
from unlearn_audit.records.verdicts import LIMITS

if TYPE_CHECKING:
    from unlearn_audit.policy.model import Policy

Kind = Literal["clinical", "forgetting", "utility", "descriptive"]


@dataclass(frozen=True)
class MetricTraits:
    """How a metric is called, and how it may be named in a check: all that a decision needs to know of it.

    Attributes:
        title: as printed, everywhere.
        kind: what it speaks about; a 'descriptive' metric has no bound to decide by and can be in no check.
        against: models it may be compared with; None among them if it may stand alone.
        among: populations it may be measured on.
        subgroups: whether it may be measured in the policy's subgroups as well.
        at: whether it is read at an operating point.
        limits: kinds of limit that guard the right side. A rate of misses with only `at_least` would pass a model
            for missing enough.
        low: smallest value it can take, None if there is none. A limit outside of low..high decides nothing.
        high: largest value it can take, None if there is none.
        points: where it is measured, where that is not the task's operating points; a check reads it at the first.
        every_attack: whether it is measured once for each attack that the policy lists, so that all of them must hold.
        null: the value that means no difference. Of several attacks, the one furthest from it is named; where a metric
            is measured once for each attack, their p-values are adjusted together.
        guards: whether a required check on it is enough to guard its side. Finding nothing in a comparison of two
            releases does not show that a record was forgotten.
        needs_power: whether it is a test that may pass only with the power that `membership.recognition` asks for.
    """

    title: str
    kind: Kind
    against: frozenset[str | None] = frozenset({None})
    among: frozenset[Population] = frozenset({ALL})
    at: bool = False
    limits: frozenset[str] = frozenset(LIMITS)
    low: float | None = None
    high: float | None = None
    subgroups: bool = False
    guards: bool = True
    needs_power: bool = False
    points: "Callable[[Policy], tuple[OperatingPoint, ...]] | None" = None
    every_attack: bool = False
    null: float | None = None

    def list_points(self, policy: "Policy") -> tuple[OperatingPoint | None, ...]:
        """Return where the metric is measured under `policy`: (None,) where it is read at no operating point."""
        if self.points is not None:
            return self.points(policy)
        return policy.task.operating_points if self.at else (None,)


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
