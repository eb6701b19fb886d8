"""Validation of what no model can be: judged on one class alone, or worse than chance as an original."""

import numpy as np

from unlearn_audit.errors import EvidenceError
from unlearn_audit.evidence import Evidence
from unlearn_audit.records.intake import IntakeEntry, note_intake
from unlearn_audit.stats import compute_auc, compute_midranks

_ERRORS_BELOW_CHANCE = 4.0
"""Standard errors of the AUC under chance: a model that knows nothing falls below once in 30,000 files."""
_ERRORS_ABOVE_CHANCE = 2.0
_FEWEST, _LEAST_FOLLOWED = 10, 0.3
_HALF, _ROUNDED = 0.5, 0.01
"""A column is one-sided where no larger share than the second lies on the other side of the first."""


def validate_both_classes(evidence: Evidence, where: str) -> None:
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
    auc, error = _compare_with_chance(evidence, evidence.positive_probability("original"))
    if auc + _ERRORS_BELOW_CHANCE * error < _HALF:
        raise EvidenceError(
            f"{where}: the original gives positives a lower probability than negatives (AUC {auc:.2f} over "
            f"{len(evidence)} records): no classifier does that",
            hint="are two classes' columns swapped, or 0 and 1 in the labels? 'classes' in a case file says what "
            "numbers mean",
        )


def _compare_with_chance(evidence: Evidence, p: np.ndarray) -> tuple[float, float]:
    """Return the AUC of positive against negative records over all of them, and its standard error under chance."""
    positive = evidence.is_positive
    m, n = int(positive.sum()), int((~positive).sum())
    return compute_auc(p[positive], p[~positive]), float(np.sqrt((m + n + 1) / (12 * m * n)))


def validate_single_scores(evidence: Evidence, where: str) -> tuple[IntakeEntry, ...]:
    """Refuse one column a model that holds the largest or the smallest probability instead of the positive class's.

    The largest of two probabilities is never below one half, but for rounding. An original of which that is true calls
    every record positive, which no classifier in use does. One that is almost always on one side may be in use where a
    class is rare; its column is refused where it tells the classes apart no better than chance. Another model may have
    collapsed; its column is refused where it follows the original's certainty more closely than the original's
    probability.

    Returns:
        what the one column was read as, and models that call every record positive.

    Raises:
        EvidenceError: with the model.
    """
    entries = [note_intake("scores.single", positive=evidence.classes[evidence.positive[0]])]
    first = evidence.positive_probability("original")
    largest = np.maximum(first, 1 - first)
    for model in evidence.log_probs:
        p = evidence.positive_probability(model)
        if len(p) < _FEWEST or min((p < _HALF).mean(), (p > _HALF).mean()) > _ROUNDED:
            continue
        above = (p < _HALF).mean() <= _ROUNDED
        if model == "original":
            other = bool((p >= _HALF).all()) or _tells_nothing(evidence, p)
        else:
            other = _follows(p, largest if above else 1 - largest) > max(_follows(p, first), _LEAST_FOLLOWED)
        if other:
            side, which = ("below", "largest") if above else ("above", "smallest")
            raise EvidenceError(
                f"{where}: the one column of '{model}' is {'almost ' if not _is_whole(p) else ''}never {side} 0.5 in "
                f"{len(p)} records: it holds the {which} probability"
                f"{', that of the predicted class,' if above else ''} and not the positive class's",
                hint="write the probability of the positive class, or one column '<model>:<class>' for each class",
            )
        if (p >= _HALF).all():
            entries.append(note_intake("scores.one-sided", model=model))
    return tuple(entries if len(entries) == 1 else entries[1:])


def _is_whole(p: np.ndarray) -> bool:
    return bool((p >= _HALF).all() or (p <= _HALF).all())


def _tells_nothing(evidence: Evidence, p: np.ndarray) -> bool:
    auc, error = _compare_with_chance(evidence, p)
    return auc < _HALF + _ERRORS_ABOVE_CHANCE * error


def _follows(values: np.ndarray, others: np.ndarray) -> float:
    if np.ptp(values) == 0 or np.ptp(others) == 0:
        return 0.0
    return float(np.corrcoef(compute_midranks(values), compute_midranks(others))[0, 1])
