"""Dormant memory: whether a short training on what remains brings back what was erased.

Training on anything moves a model. What counts is whether it moves the erased records more than strangers, and
more than it does from the retrained model, which has nothing to bring back.

Source: after arXiv 2505.22310, where forgotten records come back from half to nearly all by a few such epochs.
"""

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.errors import MeasurementError
from unlearn_audit.findings.attacks import select_group
from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.findings.metric import Metric
from unlearn_audit.findings.traits import TRAITS
from unlearn_audit.policy import Policy
from unlearn_audit.records import Direction, Estimate, Unit, round_number, write_message
from unlearn_audit.records.key import MetricKey
from unlearn_audit.stats import estimate_disclosure, score_logit


def _get_relearned(context: EvaluationContext, model: str) -> NDArray[np.float64]:
    if model not in context.evidence.relearned:
        raise MeasurementError(write_message("not-trained-further", model=model))
    return context.evidence.relearned[model]


def measure_dormant_memory(context: EvaluationContext, key: MetricKey) -> Estimate:
    """Measure the AUC of phi(relearned) - phi(before), forget against test records; above 0.5 something comes back.

    What must not be concluded: that nothing was left, from 0.5. A model that never lost its memory has none to bring
    back: other checks see that one.
    """
    evidence = context.evidence
    answers = (_get_relearned(context, key.model), evidence.log_probs[key.model])
    phi = [score_logit(values, evidence.label) for values in answers]
    every = evidence.select("forget") | evidence.select("test")
    masks = [select_group(context, split, key.among, every) for split in ("forget", "test")]
    ours, theirs = (context.clusters(mask) for mask in masks)
    found = estimate_disclosure(
        (phi[0][masks[0]], phi[1][masks[0]]),
        (phi[0][masks[1]], phi[1][masks[1]]),
        confidence=context.confidence_for(key.model),
        clusters=None if ours is None or theirs is None else (ours, theirs),
    )
    return found.estimate.model_copy(update={"p": None if found.p is None else round_number(found.p)})


def measure_returned_accuracy(context: EvaluationContext, key: MetricKey) -> Estimate:
    """Measure by how much the accuracy on erased records rises; read it beside the retrained model's."""
    evidence, mask = context.evidence, context.select_among("forget", key.among)
    if not mask.any():
        raise MeasurementError(write_message("nobody-of-group-forgotten"))
    right = [
        float((values[mask].argmax(axis=1) == evidence.label[mask]).mean())
        for values in (evidence.log_probs[key.model], _get_relearned(context, key.model))
    ]
    return Estimate(value=right[1] - right[0], unit=Unit.SCORE, n=int(mask.sum()))


def _asks(policy: Policy) -> bool:
    return policy.membership.relearning is not None


DORMANT_MEMORY = Metric(
    traits=TRAITS["dormant-memory"],
    direction=Direction.LOWER,
    source="AUC of phi(relearned) - phi(before); arXiv 2505.22310; DeLong et al. 1988",
    measure=measure_dormant_memory,
    groups=("forget", "test"),
    models=lambda name: name != "original",
    applies=_asks,
    caveat=write_message("other-training-may-bring-back-more"),
)
RETURNED_ACCURACY = Metric(
    traits=TRAITS["returned-accuracy"],
    direction=Direction.DESCRIPTIVE,
    source="share of erased records that are classified correctly, after relearning minus before",
    measure=measure_returned_accuracy,
    models=lambda name: name != "original",
    applies=_asks,
)
