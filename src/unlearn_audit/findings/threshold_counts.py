"""Counts of mistakes at many thresholds, beside the findings."""

import numpy as np

from unlearn_audit.errors import MeasurementError
from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.findings.reissued_threshold import find_rule
from unlearn_audit.records import ModelMistakes, OperatingPoint, ThresholdCounts, round_number
from unlearn_audit.stats import Confusion, choose_grid, count_mistakes

_MOST = 200


def count_at_thresholds(context: EvaluationContext) -> ThresholdCounts | None:
    """Return every model's mistakes on test at thresholds between the observed scores and at the policy's own.

    At a threshold of the policy the counts are those of its findings, which compare with the exact number; the record
    holds it rounded. 'argmax' has no threshold and is not among them. None where there are no test records.
    """
    if not context.actual.size:
        return None
    points = _find_own(context)
    scores = {model: context.evidence.positive_probability(model)[context.test] for model in context.evidence.log_probs}
    grid = choose_grid(list(scores.values()), _MOST)
    thresholds = np.unique([*grid, *points])
    models = []
    for model, probability in scores.items():
        missed, false_positives = count_mistakes(context.actual, probability, thresholds)
        for threshold, point in points.items() if find_rule(context.evidence, model) is None else ():
            place = int(np.searchsorted(thresholds, threshold))
            confusion = Confusion.of(context.actual, context.predict_positive(model, point))
            missed[place], false_positives[place] = confusion.fn, confusion.fp
        models.append(
            ModelMistakes(
                model=model, false_negatives=tuple(missed.tolist()), false_positives=tuple(false_positives.tolist())
            )
        )
    return ThresholdCounts(
        thresholds=tuple(thresholds.tolist()),
        positives=int(context.actual.sum()),
        negatives=int((~context.actual).sum()),
        models=tuple(models),
    )


def _find_own(context: EvaluationContext) -> dict[float, OperatingPoint]:
    """Return the policy's operating points by their threshold as the record holds it."""
    found: dict[float, OperatingPoint] = {}
    for point in context.policy.task.operating_points:
        try:
            threshold = context.find_threshold(point)
        except MeasurementError:  # the finding on this point says why
            continue
        if threshold is not None:
            found.setdefault(round_number(threshold), point)
    return found
