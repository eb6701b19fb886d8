"""Disclosure by comparison: what somebody learns who keeps the old release and compares it with the new one.

Of the erased: was this one in the request? Of those who stay: does another person's erasure expose them? Exact erasure
is not exempt: a model that was trained anew without a record answers it differently too. So it informs, unless a policy
asks for more.
"""

from collections.abc import Callable

from unlearn_audit.findings.attacks import select_group
from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.findings.metric import Metric
from unlearn_audit.findings.traits import TRAITS
from unlearn_audit.records import Direction, Estimate, round_number, write_message
from unlearn_audit.records.key import MetricKey
from unlearn_audit.stats import estimate_disclosure, score_logit


def _measure(split: str) -> Callable[[EvaluationContext, MetricKey], Estimate]:
    def measure(context: EvaluationContext, key: MetricKey) -> Estimate:
        """Measure the AUC of phi(before) - phi(after), the group's records against test records; 0.5 discloses nothing.

        What must not be concluded: that no other comparison of the two releases would disclose more.
        """
        evidence, before = context.evidence, context.reference(key)
        phi = [score_logit(evidence.log_probs[model], evidence.label) for model in (before, key.model)]
        masks = [
            select_group(context, name, key.among, evidence.select(split) | evidence.select("test"))
            for name in (split, "test")
        ]
        ours, theirs = (context.clusters(mask) for mask in masks)
        found = estimate_disclosure(
            (phi[0][masks[0]], phi[1][masks[0]]),
            (phi[0][masks[1]], phi[1][masks[1]]),
            confidence=context.confidence_for(key.model),
            clusters=None if ours is None or theirs is None else (ours, theirs),
        )
        return found.estimate.model_copy(update={"p": None if found.p is None else round_number(found.p)})

    return measure


def _tabulate(name: str, split: str) -> Metric:
    return Metric(
        traits=TRAITS[name],
        direction=Direction.TWO_SIDED,
        source="AUC of phi(before) - phi(after); Chen et al. 2021, arXiv 2005.02205; DeLong et al. 1988",
        measure=_measure(split),
        groups=(split, "test"),
        caveat=write_message("retraining-discloses-too"),
    )


DISCLOSURE = _tabulate("disclosure", "forget")
RETAINED_DISCLOSURE = _tabulate("retained-disclosure", "retain")
