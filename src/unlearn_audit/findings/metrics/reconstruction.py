"""Reconstruction by difference: whether the change of weights between two releases points at the erased records.

The more exact the refit of a linear model, the more it discloses to whoever holds both releases: exact erasure is the
worst case here, not the best one.
"""

import numpy as np

from unlearn_audit.errors import MeasurementError
from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.findings.metric import Metric
from unlearn_audit.findings.traits import TRAITS
from unlearn_audit.policy import Policy
from unlearn_audit.records import Direction, Estimate, Unit, write_message
from unlearn_audit.records.key import MetricKey

LINEAR = "linear"
"""Name of the linear model in the table of models."""


def measure_reconstruction_rank(context: EvaluationContext, key: MetricKey) -> Estimate:
    """Measure the median rank of the erased records, each among itself and all test records; 1 is found at once.

    By chance it is half of n. The attack is strongest where one record was erased: of several the gradients add up.

    What must not be concluded: that nothing can be reconstructed, from a middling rank. Stochastic training from
    another seed moves the weights further than a few records do, and blurs this difference; a fit to the optimum does
    not. Nor that records of models with hidden layers are safe: their features change too, which this does not follow.
    """
    if key.model not in context.evidence.alignments:
        raise MeasurementError(write_message("no-two-linear-models", model=key.model))
    alignments = context.evidence.alignments[key.model]
    erased = alignments[context.select_among("forget", key.among)]
    strangers = np.sort(alignments[context.select_among("test", key.among)])
    if not erased.size or not strangers.size:
        raise MeasurementError(write_message("nothing-to-rank"))
    ahead = len(strangers) - np.searchsorted(strangers, erased, side="right")
    return Estimate(value=float(np.median(ahead + 1)), unit=Unit.COUNT, n=len(strangers) + 1)


def _is_linear(policy: Policy) -> bool:
    return policy.reference_case is not None and policy.reference_case.model == LINEAR


RECONSTRUCTION_RANK = Metric(
    traits=TRAITS["reconstruction-rank"],
    direction=Direction.HIGHER,
    source="Bertran et al. 2024, arXiv 2405.20272, with differences of gradients",
    measure=measure_reconstruction_rank,
    models=lambda name: name != "original",
    applies=_is_linear,
    caveat=write_message("exact-refit-discloses-most"),
)
