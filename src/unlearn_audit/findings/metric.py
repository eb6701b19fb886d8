"""A metric: a row of the table of metrics, and the function that measures it."""

from collections.abc import Callable
from dataclasses import dataclass

from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.findings.key import MetricKey
from unlearn_audit.policy import MetricTraits, Policy
from unlearn_audit.records import Direction, Estimate


@dataclass(frozen=True)
class Metric:
    """A row of the table of metrics: where it is measured, how it reads, and the function that measures it."""

    title: str
    traits: MetricTraits
    direction: Direction
    source: str
    measure: Callable[[EvaluationContext, MetricKey], Estimate]
    point_at: Callable[[EvaluationContext, MetricKey], tuple[str, ...]] | None = None
    """Where a metric counts single records that a reader wants to see: their ids."""
    baselines: bool = False
    """Whether it is also measured for the trivial models."""
    caveat: str | None = None
    per_attack: bool = False
    """Whether it is measured once for each attack that the policy lists."""
    attacks: Callable[[str], bool] | None = None
    """Which of those attacks it is measured for, by name; None for all of them."""
    models: Callable[[str], bool] | None = None
    """Which models it is measured for, by name; None for all of them."""
    applies: Callable[[Policy], bool] | None = None
    """Whether a policy gives rise to it at all; None for every policy."""
    groups: tuple[str, ...] = ()
    """What `Estimate.sizes` counts, in its order: 'positive', 'negative', or splits such as 'forget'. Of each, a
    subgroup must hold the policy's smallest number."""
    null: float | None = None
    """The value that means no difference, where several attacks ask for one: their p-values are adjusted together."""
    points: Callable[[Policy], tuple[str, ...]] | None = None
    """What stands in the key's `at` where that is no operating point."""
