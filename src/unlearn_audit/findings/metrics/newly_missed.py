"""Newly missed and newly caught positives against a reference model, with their record ids."""

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.findings.metric import Metric
from unlearn_audit.findings.traits import TRAITS
from unlearn_audit.records import Direction, Estimate, Unit
from unlearn_audit.records.key import MetricKey
from unlearn_audit.stats import compute_mcnemar, estimate_rate

_REFERENCES = frozenset({"original", "retrained"})


def _turned(context: EvaluationContext, key: MetricKey, *, missed: bool) -> NDArray[np.bool_]:
    before = context.predict_positive(context.reference(key), key.at)
    after = context.predict_positive(key.model, key.at)
    return context.actual & ((before & ~after) if missed else (~before & after))


def _count(context: EvaluationContext, key: MetricKey, *, missed: bool) -> Estimate:
    count = int(_turned(context, key, missed=missed).sum())
    return Estimate(value=float(count), unit=Unit.COUNT, n=int(context.actual.sum()), events=count)


def count_newly_missed(context: EvaluationContext, key: MetricKey) -> Estimate:
    """Count the positives that the reference calls positive and this model does not."""
    return _count(context, key, missed=True)


def count_newly_caught(context: EvaluationContext, key: MetricKey) -> Estimate:
    """Count the positives that this model calls positive and the reference does not."""
    return _count(context, key, missed=False)


def point_at_newly_missed(context: EvaluationContext, key: MetricKey) -> tuple[str, ...]:
    """Return the ids of the newly missed positives."""
    return tuple(str(item) for item in context.evidence.ids[context.test][_turned(context, key, missed=True)])


def point_at_newly_caught(context: EvaluationContext, key: MetricKey) -> tuple[str, ...]:
    """Return the ids of the newly caught positives."""
    return tuple(str(item) for item in context.evidence.ids[context.test][_turned(context, key, missed=False)])


def measure_newly_missed_rate(context: EvaluationContext, key: MetricKey) -> Estimate:
    """Measure the share of all positives that are newly missed. Newly caught ones do not make up for it."""
    turned = _turned(context, key, missed=True)[context.actual]
    return estimate_rate(turned, clusters=context.clusters(context.positives), **context.sampling(key))


def measure_mcnemar(context: EvaluationContext, key: MetricKey) -> Estimate:
    """Measure McNemar's exact p-value for newly missed against newly caught positives.

    What must not be concluded: a large p-value is no evidence of equality, only a lack of evidence of a difference.
    """
    missed = int(_turned(context, key, missed=True).sum())
    caught = int(_turned(context, key, missed=False).sum())
    return Estimate(value=compute_mcnemar(missed, caught), unit=Unit.SCORE, n=missed + caught)


NEWLY_MISSED_RATE = Metric(
    traits=TRAITS["newly-missed-rate"],
    direction=Direction.LOWER,
    source="positives called positive by the reference and negative by this model / positives",
    measure=measure_newly_missed_rate,
    groups=("positive",),
)
NEWLY_MISSED = Metric(
    traits=TRAITS["newly-missed"],
    direction=Direction.LOWER,
    source="as the rate",
    measure=count_newly_missed,
    point_at=point_at_newly_missed,
)
NEWLY_CAUGHT = Metric(
    traits=TRAITS["newly-caught"],
    direction=Direction.HIGHER,
    source="positives called negative by the reference and positive by this model",
    measure=count_newly_caught,
    point_at=point_at_newly_caught,
)
MCNEMAR = Metric(
    traits=TRAITS["mcnemar-p"],
    direction=Direction.DESCRIPTIVE,
    source="McNemar 1947; exact binomial form",
    measure=measure_mcnemar,
)
