"""Single patients: positives that the reference caught and this model misses, and the other way round, by record id."""

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.findings.context import Scope
from unlearn_audit.findings.key import Address
from unlearn_audit.findings.metric import Metric
from unlearn_audit.policy import MetricTraits
from unlearn_audit.records import Direction, Estimate, Unit
from unlearn_audit.stats import compute_mcnemar, estimate_rate

_REFERENCES = frozenset({"original", "retrained"})


def _turned(scope: Scope, address: Address, *, missed: bool) -> NDArray[np.bool_]:
    before = scope.call(scope.reference(address), address.at)
    after = scope.call(address.model, address.at)
    return scope.actual & ((before & ~after) if missed else (~before & after))


def _count(scope: Scope, address: Address, *, missed: bool) -> Estimate:
    count = int(_turned(scope, address, missed=missed).sum())
    return Estimate(value=float(count), unit=Unit.COUNT, n=int(scope.actual.sum()), events=count)


def count_newly_missed(scope: Scope, address: Address) -> Estimate:
    """Count the positives that the reference calls positive and this model does not."""
    return _count(scope, address, missed=True)


def count_newly_caught(scope: Scope, address: Address) -> Estimate:
    """Count the positives that this model calls positive and the reference does not."""
    return _count(scope, address, missed=False)


def point_at_newly_missed(scope: Scope, address: Address) -> tuple[str, ...]:
    """Return the ids of the newly missed positives."""
    return tuple(str(item) for item in scope.evidence.ids[scope.test][_turned(scope, address, missed=True)])


def point_at_newly_caught(scope: Scope, address: Address) -> tuple[str, ...]:
    """Return the ids of the newly caught positives."""
    return tuple(str(item) for item in scope.evidence.ids[scope.test][_turned(scope, address, missed=False)])


def measure_newly_missed_rate(scope: Scope, address: Address) -> Estimate:
    """Measure the share of all positives that are newly missed. Newly caught ones do not make up for it."""
    turned = _turned(scope, address, missed=True)[scope.actual]
    return estimate_rate(
        turned, clusters=scope.clusters(scope.positives), **scope.sampling("newly-missed-rate", address)
    )


def measure_mcnemar(scope: Scope, address: Address) -> Estimate:
    """Measure McNemar's exact p-value for newly missed against newly caught positives.

    What must not be concluded: a large p-value is no evidence of equality, only a lack of evidence of a difference.
    """
    missed = int(_turned(scope, address, missed=True).sum())
    caught = int(_turned(scope, address, missed=False).sum())
    return Estimate(value=compute_mcnemar(missed, caught), unit=Unit.SCORE, n=missed + caught)


NEWLY_MISSED_RATE = Metric(
    title="Newly missed positives",
    traits=MetricTraits(
        kind="clinical",
        against=_REFERENCES,
        at=True,
        limits=frozenset({"at_most"}),
        low=0.0,
        high=1.0,
        subgroups=True,
    ),
    direction=Direction.LOWER,
    source="positives called positive by the reference and negative by this model / positives",
    measure=measure_newly_missed_rate,
    groups=("positive",),
)
NEWLY_MISSED = Metric(
    title="Newly missed positives (count)",
    traits=MetricTraits(kind="descriptive", against=_REFERENCES, at=True),
    direction=Direction.LOWER,
    source="as the rate",
    measure=count_newly_missed,
    point_at=point_at_newly_missed,
)
NEWLY_CAUGHT = Metric(
    title="Newly caught positives (count)",
    traits=MetricTraits(kind="descriptive", against=_REFERENCES, at=True),
    direction=Direction.HIGHER,
    source="positives called negative by the reference and positive by this model",
    measure=count_newly_caught,
    point_at=point_at_newly_caught,
)
MCNEMAR = Metric(
    title="McNemar's exact test, newly missed against newly caught",
    traits=MetricTraits(kind="descriptive", against=_REFERENCES, at=True),
    direction=Direction.DESCRIPTIVE,
    source="McNemar 1947; exact binomial form",
    measure=measure_mcnemar,
)
