"""The type of a measure, and what is counted at an operating point: misses, false alarms, their cost."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.records import OperatingPoint, Unit

Values = NDArray[np.float64]
Better = Literal["lower", "higher", "half"]


@dataclass(frozen=True)
class Measure:
    """A row of the study's tables.

    Attributes:
        title: heading.
        about: what it is, in a sentence.
        better: which way is better; 'half': 0.5 is what a model shows that never saw the records.
        unit: what the number counts.
        compute: from the context of one run and a model to (n,) values, one per record of `records`, or to (1,) number.
        records: the mask of the records that `compute` speaks of; None where it gives one number per run.
        membership: whether a collapsed model is left out of it: one that says the same of every image hides everybody.
        like: from the context of one run and a model that underwent no method to the same values, on the statistic that
            is made for another model's method; None where the statistic is the same for all.
        relearned: whether it speaks of the model's relearned copy.
    """

    title: str
    about: str
    better: Better
    unit: Unit
    compute: Callable[[EvaluationContext, str], Values]
    records: Callable[[EvaluationContext], NDArray[np.bool_]] | None = None
    membership: bool = False
    like: Callable[[EvaluationContext, str, str], Values] | None = None
    relearned: bool = False


def select_positives(context: EvaluationContext) -> NDArray[np.bool_]:
    """Return the mask of the positive test records."""
    return context.positives


def select_negatives(context: EvaluationContext) -> NDArray[np.bool_]:
    """Return the mask of the negative test records."""
    return context.negatives


def select_test(context: EvaluationContext) -> NDArray[np.bool_]:
    """Return the mask of the test records."""
    return context.test


def find_misses(at: OperatingPoint, context: EvaluationContext, model: str) -> Values:
    """Return for each positive test record 1 where `model` misses it at the operating point, else 0."""
    return (~context.predict_positive(model, at)[context.actual]).astype(np.float64)


def find_alarms(at: OperatingPoint, context: EvaluationContext, model: str) -> Values:
    """Return for each negative test record 1 where `model` calls it positive at the operating point, else 0."""
    return context.predict_positive(model, at)[~context.actual].astype(np.float64)


def find_cost(actual: NDArray[np.bool_], predicted: NDArray[np.bool_], ratio: float) -> Values:
    """Return (n,) the cost of each prediction: `ratio` for a miss, 1 for a false alarm, else 0."""
    return np.where(actual & ~predicted, ratio, 0.0) + (~actual & predicted)


def find_cost_at(at: OperatingPoint | None, ratio: float, context: EvaluationContext, model: str) -> Values:
    """Return for each test record the cost at an operating point, the policy's first where None."""
    return find_cost(context.actual, context.predict_positive(model, at), ratio)
