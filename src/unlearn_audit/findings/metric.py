"""A metric: a row of the table of metrics, and the function that measures it."""

from collections.abc import Callable
from dataclasses import dataclass

from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.policy import MetricTraits, Policy
from unlearn_audit.records import Direction, Estimate, Message
from unlearn_audit.records.key import MetricKey


@dataclass(frozen=True)
class Metric:
    """A row of the table of metrics: its traits, its printed name among them, and the function that measures it.

    The name under which the table holds it is in `MetricKey.metric`: no metric repeats it.
    """

    traits: MetricTraits
    direction: Direction
    source: str
    measure: Callable[[EvaluationContext, MetricKey], Estimate]
    point_at: Callable[[EvaluationContext, MetricKey], tuple[str, ...]] | None = None
    """Where a metric counts single records that a reader wants to see: their ids."""
    baselines: bool = False
    """Whether it is also measured for the trivial models."""
    caveat: Message | None = None
    """What a reader of each of its numbers must know; a plug-in writes `quote_text(...)`."""
    attacks: Callable[[str], bool] | None = None
    """Which of the policy's attacks it is measured for, by name, where some are enough; where none may be missing, its
    traits say `every_attack`, which a verifier reads too."""
    models: Callable[[str], bool] | None = None
    """Which models it is measured for, by name; None for all of them."""
    applies: Callable[[Policy], bool] | None = None
    """Whether a policy gives rise to it at all; None for every policy."""
    groups: tuple[str, ...] = ()
    """What `Estimate.sizes` counts, in its order: 'positive', 'negative', or splits such as 'forget'. Of each, a
    subgroup must hold the policy's smallest number."""

    @property
    def title(self) -> str:
        """How the metric is called in print, everywhere: it travels in the finding."""
        return self.traits.title

    @property
    def null(self) -> float | None:
        """The value that means no difference."""
        return self.traits.null

    @property
    def per_attack(self) -> bool:
        """Whether it is measured once for each attack that the policy lists, or for each of some of them."""
        return self.traits.every_attack or self.attacks is not None
