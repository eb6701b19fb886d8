"""What cannot be, whatever a model is like: one class alone to be judged on, an original worse than chance."""

import numpy as np

from unlearn_audit.errors import EvidenceError
from unlearn_audit.evidence import Evidence

_ERRORS_BELOW_CHANCE = 4.0
"""Standard errors of the AUC under chance: a model that knows nothing falls below once in 30,000 files."""


def validate_two_classes(evidence: Evidence, where: str) -> None:
    """Refuse a test split of one class only: no error rate is defined there.

    Raises:
        EvidenceError: says how many of each there are.
    """
    test = evidence.select("test")
    n, positive = int(test.sum()), int(evidence.is_positive[test].sum())
    if positive in (0, n):
        raise EvidenceError(
            f"{where}: expected positive and negative test records, found {positive} positive and {n - positive} "
            "negative ones",
            hint="check the labels against the policy's positive classes: "
            + ", ".join(f"'{name}'" for name in evidence.provenance.data.positive),
        )


def validate_better_than_chance(evidence: Evidence, where: str) -> None:
    """Refuse an original that ranks positives below negatives: two columns or two meanings are swapped.

    The AUC (Mann-Whitney) over all records, against 1/2 less four of its standard errors under chance,
    sqrt((m + n + 1) / (12 m n)).

    Raises:
        EvidenceError: with the AUC.
    """
    from scipy.stats import rankdata

    positive = evidence.is_positive
    m, n = int(positive.sum()), int((~positive).sum())
    ranks = rankdata(evidence.positive_probability("original"))
    auc = (float(ranks[positive].sum()) - m * (m + 1) / 2) / (m * n)
    if auc + _ERRORS_BELOW_CHANCE * float(np.sqrt((m + n + 1) / (12 * m * n))) < 1 / 2:
        raise EvidenceError(
            f"{where}: the original gives positives a lower probability than negatives (AUC {auc:.2f} over {m + n} "
            "records): no classifier does that",
            hint="are two classes' columns swapped, or 0 and 1 in the labels? 'classes' in a case file says what "
            "numbers mean",
        )
