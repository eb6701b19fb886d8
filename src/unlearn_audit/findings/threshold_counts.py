"""The counts that let a reader try other operating points, beside the findings and never in their place."""

import numpy as np

from unlearn_audit.errors import MeasurementError
from unlearn_audit.findings.context import Scope
from unlearn_audit.records import ModelMistakes, ThresholdCounts, round_number
from unlearn_audit.stats import Confusion, choose_grid, count_mistakes

_MOST = 200


def count_at_thresholds(scope: Scope) -> ThresholdCounts | None:
    """Return every model's mistakes on test at thresholds between the observed scores and at the policy's own.

    At a threshold of the policy the counts are those of its findings, which compare with the exact number; the record
    holds it rounded. 'argmax' has no threshold and is not among them. None where there are no test records.
    """
    if not scope.actual.size:
        return None
    own = _find_own(scope)
    scores = {model: scope.evidence.positive_probability(model)[scope.test] for model in scope.evidence.log_probs}
    grid = choose_grid(list(scores.values()), _MOST)
    thresholds = np.unique([*grid, *own])
    models = []
    for model, probability in scores.items():
        missed, alarms = count_mistakes(scope.actual, probability, thresholds)
        for threshold, point in own.items():
            place = int(np.searchsorted(thresholds, threshold))
            confusion = Confusion.of(scope.actual, scope.call(model, point))
            missed[place], alarms[place] = confusion.fn, confusion.fp
        models.append(
            ModelMistakes(model=model, false_negatives=tuple(missed.tolist()), false_positives=tuple(alarms.tolist()))
        )
    return ThresholdCounts(
        thresholds=tuple(thresholds.tolist()),
        positives=int(scope.actual.sum()),
        negatives=int((~scope.actual).sum()),
        models=tuple(models),
    )


def _find_own(scope: Scope) -> dict[float, str]:
    """Return the policy's operating points by their threshold as the record holds it."""
    found: dict[float, str] = {}
    for point in scope.policy.task.operating_points:
        try:
            threshold = scope.find_threshold(point)
        except MeasurementError:  # the finding on this point says why
            continue
        if threshold is not None:
            found.setdefault(round_number(threshold), point)
    return found
