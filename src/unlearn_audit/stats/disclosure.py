"""Disclosure by comparison: what is learned from the model before unlearning and the model after it.

Whoever keeps the old release can compare. A record whose answer changed more than those of strangers was probably in
the request. Exact erasure is not exempt: a model trained anew without a record answers it differently too.

Source: Chen et al. (2021), "When Machine Unlearning Jeopardizes Privacy", CCS (arXiv 2005.02205).
"""

from dataclasses import dataclass

import numpy as np

from unlearn_audit.errors import MeasurementError
from unlearn_audit.records import Estimate, write_message
from unlearn_audit.stats.auc import estimate_auc
from unlearn_audit.stats.cells import Clusters
from unlearn_audit.stats.reference_pairs import Floats, bound_logit
from unlearn_audit.stats.validation import validate_equal_lengths, validate_finite

Answers = tuple[Floats, Floats]


@dataclass(frozen=True)
class Disclosure:
    """How well the change of an answer tells the group from the test records.

    Attributes:
        estimate: AUC of phi(before) - phi(after); above 1/2 where the group lost certainty, below where it gained.
        p: two-sided, DeLong, of "the AUC is 1/2"; None where the groups are apart completely, so that DeLong's
            variance is zero and no p-value is defined.
    """

    estimate: Estimate
    p: float | None


def estimate_disclosure(
    group: Answers, test: Answers, *, confidence: float, clusters: tuple[Clusters, Clusters] | None = None
) -> Disclosure:
    """Estimate what the comparison of two releases discloses about a group of records.

    Args:
        group: (m,) phi before and (m,) after of the forgotten records; or of the retained ones, which answers whether
            somebody else's erasure exposes those who stay.
        test: (n,) phi before and (n,) after of records that neither model was trained on.
        confidence: of the interval and of each bound, in [0.5, 1).
        clusters: (m,) and (n,) person of each record, where records are not independent.

    Returns:
        The AUC, with DeLong's interval and worst-case bounds. Two-sided: an AUC below 1/2 discloses as much. It speaks
        of this attack; that it finds nothing does not mean that no comparison would.

    Source: DeLong, DeLong & Clarke-Pearson (1988).

    Raises:
        MeasurementError: answers that are not finite, lengths that differ, fewer than two records on a side, or no
            answer that changed.
    """
    from scipy.special import ndtr

    changes = [_compute_change(*answers, name) for name, answers in (("group", group), ("test", test))]
    if not any(change.any() for change in changes):
        raise MeasurementError(
            write_message("answers-unchanged"),
            hint="both releases are the same model, or the answers of one stand in the other's place",
        )
    estimate = estimate_auc(changes[0], changes[1], confidence=confidence, clusters=clusters)
    if estimate.standard_error is None:
        return Disclosure(estimate, None)
    return Disclosure(estimate, 2 * float(ndtr(-abs(estimate.value - 0.5) / estimate.standard_error)))


def _compute_change(before: Floats, after: Floats, name: str) -> Floats:
    validate_finite(**{f"{name} before": before, f"{name} after": after})
    validate_equal_lengths(**{f"{name} before": before, f"{name} after": after})
    return np.asarray(bound_logit(before) - bound_logit(after))
