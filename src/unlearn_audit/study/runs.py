"""The finished runs of one share to forget: the measures of each, and their mean with its interval."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from unlearn_audit.errors import MeasurementError
from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.policy import ALWAYS
from unlearn_audit.records import Estimate, Unit, derive_rng, round_number
from unlearn_audit.study.measure import Measure
from unlearn_audit.study.measures import find_collapse
from unlearn_audit.study.relearning import PREFIX
from unlearn_audit.study.seeds import estimate_over_runs, estimate_over_seeds

RESAMPLES = 2_000  # they give a spread, not a quantile
_FEWEST = 3

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Runs:
    """All finished seeds of one share, and what was computed of them.

    Attributes:
        scopes: by seed.
        measures: by name.
        confidence: of the intervals in the tables.
    """

    contexts: Mapping[int, EvaluationContext]
    failed: Mapping[int, Mapping[str, str]]
    measures: Mapping[str, Measure]
    confidence: float
    _values: dict[tuple[str, str, int, str | None], Values | str] = field(default_factory=dict, init=False, repr=False)

    @property
    def first(self) -> EvaluationContext:
        """The scope of the first seed."""
        return next(iter(self.contexts.values()))

    def find_collapse(self, model: str, seed: int) -> str | None:
        """Return why `model` has collapsed in the run of `seed`, None where it has not."""
        context = self.contexts[seed]
        return context.remember(("collapse", model), lambda: find_collapse(context, model))

    def compute(self, measure: str, model: str, seed: int, like: str | None = None) -> Values | str:
        """Return the values of one run, or the reason why there are none.

        Args:
            measure: by name.
            model: of which.
            seed: in which run.
            like: for an attack that is made for one method, and a model that underwent none: the model whose method.
        """
        key = (measure, model, seed, like)
        if key not in self._values:
            self._values[key] = self._compute(self.measures[measure], model, seed, like)
        return self._values[key]

    def _compute(self, measure: Measure, model: str, seed: int, like: str | None) -> Values | str:
        if reason := self._find_reason(measure, model, seed, like):
            return reason
        try:
            if measure.like is not None and like is not None:
                return measure.like(self.contexts[seed], model, like)
            return measure.compute(self.contexts[seed], model)
        except MeasurementError as error:
            return error.message

    def _find_reason(self, measure: Measure, model: str, seed: int, like: str | None) -> str | None:
        """Return why nothing is to be computed, None where it can be tried."""
        for name in (model, *((PREFIX + model,) if measure.relearned else ())):
            if name in self.failed[seed]:
                return f"not made: {self.failed[seed][name]}"
        if model not in self.contexts[seed].evidence.log_probs:
            return "the cell has no such model"
        if measure.like is not None and model in ALWAYS and like is None:
            return "it underwent no method, and the attack is made for one"
        if measure.membership and (reason := self.find_collapse(model, seed)):
            return f"collapsed: it {reason}"
        return None

    def gather(self, measure: str, model: str, than: str | None = None) -> tuple[list[int], list[Values]]:
        """Return the seeds with values, and the values; less those of `than` in the same run, where it is given."""
        seeds, found = [], []
        for seed in self.contexts:
            ours = self.compute(measure, model, seed)
            like = model if than in ALWAYS and model not in ALWAYS else None
            theirs = self.compute(measure, than, seed, like) if than else None
            if not isinstance(ours, str) and not isinstance(theirs, str):
                seeds.append(seed)
                found.append(ours if theirs is None else ours - theirs)
        return seeds, found

    def estimate(
        self, measure: str, model: str, than: str | None = None, confidence: float | None = None
    ) -> Estimate | None:
        """Return the mean over seeds (and records), None where no seed has it.

        Without an interval for fewer than three seeds, and where all values are the same.
        """
        _, found = self.gather(measure, model, than)
        if not found:
            return None
        level = confidence or self.confidence
        whole = than is None
        row = self.measures[measure]
        unit = row.unit
        if len(found) < _FEWEST:
            mean = float(np.mean([values.mean() for values in found]))
            return Estimate(value=round_number(mean), unit=unit, n=len(found) if row.records is None else len(found[0]))
        if row.records is None:
            estimate = estimate_over_runs(np.concatenate(found), unit, confidence=level)
        else:
            estimate = estimate_over_seeds(
                np.stack(found),
                unit,
                confidence=level,
                resamples=RESAMPLES,
                rng=derive_rng(0, "study", measure, model, than or ""),
                clusters=self.first.clusters(row.records(self.first)),
            ).estimate
        return _withhold(_clip(estimate, whole=whole)).rounded()


def _withhold(estimate: Estimate) -> Estimate:
    """Leave out an interval of no width: runs that agree to the last digit say nothing about how far others differ."""
    return estimate if estimate.standard_error else estimate.model_copy(update={"interval": None})


def _clip(estimate: Estimate, *, whole: bool) -> Estimate:
    """Keep the ends of a rate, an area or a cost within what it can be; those of a difference are left alone."""
    ends = estimate.interval
    if not whole or ends is None:
        return estimate
    highest = np.inf if estimate.unit is Unit.COST_PER_CASE else 1.0
    inside = {"low": max(ends.low, 0.0), "high": min(ends.high, highest)}
    return estimate.model_copy(update={"interval": ends.model_copy(update=inside)})
