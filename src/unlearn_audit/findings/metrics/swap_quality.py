"""The SWAP test of the method: pairs of reference models that forgot complementary halves of the same records."""

from unlearn_audit.errors import MeasurementError
from unlearn_audit.findings.attacks import is_population_attack, needs_references, score_swapped
from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.findings.metric import Metric
from unlearn_audit.findings.traits import TRAITS
from unlearn_audit.records import Direction, Estimate, write_message
from unlearn_audit.records.key import MetricKey
from unlearn_audit.stats import estimate_swap_quality


def measure_swap_quality(context: EvaluationContext, key: MetricKey) -> Estimate:
    """Measure Q = 1 - the advantage of the best of the policy's population attacks over swapped runs.

    What must not be concluded: anything about the audited model itself, of which these runs are siblings.
    """
    names = [name for name in context.policy.membership.attacks if is_population_attack(name)]
    if not names:
        raise MeasurementError(write_message("no-population-attack"))
    scored = [score_swapped(context, key.model, name) for name in names]
    signals = [scores for scores, _ in scored]
    least = context.policy.protocol.smallest_group
    if scored[0][1].shape[1] < 2 * least:
        raise MeasurementError(write_message("too-few-candidates", found=scored[0][1].shape[1], least=least))
    return estimate_swap_quality(signals, scored[0][1], confidence=context.policy.protocol.confidence)


SWAP_QUALITY = Metric(
    traits=TRAITS["swap-quality"],
    direction=Direction.HIGHER,
    source="Tu, Hu and Ma 2024, arXiv 2404.11577: 1 - advantage over swapped runs, adversary from the other pairs",
    measure=measure_swap_quality,
    caveat=write_message("speaks-of-the-method"),
    models=lambda name: name not in ("original", "retrained"),
    applies=needs_references,
)
