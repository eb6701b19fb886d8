"""From the evidence of all finished cells to the numbers of a study. Needs no torch."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unlearn_audit import __version__
from unlearn_audit.errors import EvidenceError, MeasurementError
from unlearn_audit.policy import ALWAYS, Claim, Policy, StudyFile
from unlearn_audit.records import Estimate, ModelCard, Unit, derive_rng, round_number
from unlearn_audit.scope import Scope
from unlearn_audit.stats import estimate_over_runs, estimate_over_seeds
from unlearn_audit.study.cells import FinishedCell
from unlearn_audit.study.measures import Measure, find_collapse, list_measures
from unlearn_audit.study.result import RESULT_SCHEMA, Answer, CellResult, Figure, Row, StudyResult

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

    scopes: Mapping[int, Scope]
    failed: Mapping[int, Mapping[str, str]]
    measures: Mapping[str, Measure]
    confidence: float
    _values: dict[tuple[str, str, int, str | None], Values | str] = field(default_factory=dict, init=False, repr=False)

    @property
    def first(self) -> Scope:
        """The scope of the first seed."""
        return next(iter(self.scopes.values()))

    def find_collapse(self, model: str, seed: int) -> str | None:
        """Return why `model` has collapsed in the run of `seed`, None where it has not."""
        scope = self.scopes[seed]
        return scope.remember(("collapse", model), lambda: find_collapse(scope, model))

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
        if model in self.failed[seed]:
            return f"not made: {self.failed[seed][model]}"
        if model not in self.scopes[seed].evidence.log_probs:
            return "the cell has no such model"
        if measure.membership and (reason := self.find_collapse(model, seed)):
            return f"collapsed: it {reason}"
        try:
            if measure.like is not None and like is not None:
                return measure.like(self.scopes[seed], model, like)
            return measure.compute(self.scopes[seed], model)
        except MeasurementError as error:
            return error.message

    def gather(self, measure: str, model: str, than: str | None = None) -> tuple[list[int], list[Values]]:
        """Return the seeds with values, and the values; less those of `than` in the same run, where it is given."""
        seeds, found = [], []
        for seed in self.scopes:
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
        """Return the mean over seeds (and records); without interval for fewer than three seeds, None for none."""
        _, found = self.gather(measure, model, than)
        if not found:
            return None
        level = confidence or self.confidence
        whole = than is None
        row, unit = self.measures[measure], _find_unit(measure)
        if len(found) < _FEWEST:
            mean = float(np.mean([values.mean() for values in found]))
            return Estimate(value=round_number(mean), unit=unit, n=len(found))
        if row.records is None:
            return _clip(estimate_over_runs(np.concatenate(found), unit, confidence=level), whole=whole).rounded()
        study = estimate_over_seeds(
            np.stack(found),
            unit,
            confidence=level,
            resamples=RESAMPLES,
            rng=derive_rng(0, "study", measure, model, than or ""),
            clusters=self.first.clusters(row.records(self.first)),
        )
        return _clip(study.estimate, whole=whole).rounded()


def _clip(estimate: Estimate, *, whole: bool) -> Estimate:
    """Keep the ends of a rate, an area or a cost within what it can be; those of a difference are left alone."""
    ends = estimate.interval
    if not whole or ends is None:
        return estimate
    highest = np.inf if estimate.unit is Unit.COST_PER_CASE else 1.0
    inside = {"low": max(ends.low, 0.0), "high": min(ends.high, highest)}
    return estimate.model_copy(update={"interval": ends.model_copy(update=inside)})


def _find_unit(measure: str) -> Unit:
    if measure.startswith("risk"):
        return Unit.COST_PER_CASE
    proportions = {"fnr", "fpr", "fnr-calibrated", "fnr-at-fpr", "retain-accuracy"}
    return Unit.PROPORTION if measure in proportions else Unit.AUC


def summarise(
    study: StudyFile, policy: Policy, finished: Sequence[FinishedCell], missing: Sequence[str]
) -> StudyResult:
    """Return the numbers of all finished cells.

    Raises:
        EvidenceError: no cell is finished, or cells of one study were judged on different test records.
        UsageError: a claim names a measure that the study does not have.
    """
    if not finished:
        raise EvidenceError("expected at least one finished cell, found none")
    measures = choose_measures(study, policy)
    by_share: dict[float, list[FinishedCell]] = defaultdict(list)
    for cell in finished:
        by_share[cell.forget].append(cell)
    _refuse_other_records(finished)
    answers = max(1, sum(len(_list_claims(study, share)) for share in by_share))
    share = 1 - (1 - policy.protocol.confidence) / answers
    provenance, costs = finished[0].evidence.provenance, policy.costs
    return StudyResult(
        schema_=RESULT_SCHEMA,
        version=__version__,
        study=study,
        policy=f"{policy.id} {policy.version}",
        policy_sha256=policy.digest(),
        policy_ratio=costs.false_negative / costs.false_positive,
        point=policy.task.operating_points[0],
        data=provenance.data.name,
        data_sha256=provenance.data.sha256,
        recipe=dict(provenance.recipe),
        environment=dict(provenance.environment),
        confidence=policy.protocol.confidence,
        cells=tuple(
            _summarise_cell(study, policy, measures, by_share[cell.forget], share)
            for cell in study.cells
            if cell.forget in by_share
        ),
        missing=tuple(missing),
    )


def choose_measures(study: StudyFile, policy: Policy) -> dict[str, Measure]:
    """Return the measures of a study by name; attacks with reference models come last."""
    attacks = (*policy.membership.attacks, *(study.references.attacks if study.references else ()))
    costs = policy.costs
    return list_measures(study.cost_ratio, costs.false_negative / costs.false_positive, tuple(dict.fromkeys(attacks)))


def _refuse_other_records(finished: Sequence[FinishedCell]) -> None:
    first = finished[0].evidence
    ids = first.ids[first.select("test")]
    for cell in finished[1:]:
        if not np.array_equal(ids, cell.evidence.ids[cell.evidence.select("test")]):
            raise EvidenceError(
                f"expected the same test records in every cell, found others in the one of share {cell.forget:g} and "
                f"seed {cell.seed}",
                hint="a study compares models on the same patients: give data whose test split is fixed",
            )


def _list_claims(study: StudyFile, share: float) -> list[Claim]:
    """Return the claims of which the cell of `share` has both models."""
    cell = next(cell for cell in study.cells if cell.forget == share)
    here = {*ALWAYS, *(model.name for model in cell.models)}
    return [claim for claim in study.claims if {claim.model, claim.than} <= here]


def _summarise_cell(
    study: StudyFile,
    policy: Policy,
    measures: Mapping[str, Measure],
    cells: Sequence[FinishedCell],
    confidence: float,
) -> CellResult:
    runs = Runs(
        scopes={cell.seed: Scope(cell.evidence, policy) for cell in cells},
        failed={cell.seed: cell.failed for cell in cells},
        measures=measures,
        confidence=policy.protocol.confidence,
    )
    first = cells[0].evidence
    masks = {name: first.select(name) for name in ("retain", "forget", "validation", "test")}
    share = cells[0].forget
    listed = next(cell for cell in study.cells if cell.forget == share).models
    titles = {"original": "Original", "retrained": "Retrained", **{model.name: model.title for model in listed}}
    return CellResult(
        forget=share,
        seeds=tuple(runs.scopes),
        splits={name: int(mask.sum()) for name, mask in masks.items()},
        positives={name: int((mask & first.is_positive).sum()) for name, mask in masks.items()},
        rows=tuple(_make_row(runs, name, title) for name, title in titles.items()),
        answers=tuple(_answer(runs, claim, confidence) for claim in _list_claims(study, share)),
    )


def _make_row(runs: Runs, name: str, title: str) -> Row:
    cards = [_find_card(scope, name) for scope in runs.scopes.values()]
    made = [card for card in cards if card is not None]
    seconds = [card.seconds for card in made if card.seconds is not None]
    collapsed = {
        str(seed): reason
        for seed, scope in runs.scopes.items()
        if name in scope.evidence.log_probs and (reason := runs.find_collapse(name, seed))
    }
    parameters: dict[str, Any] = made[0].parameters if made else {}
    return Row(
        name=name,
        title=title,
        method=made[0].method if made else "",
        parameters=parameters,
        seconds=round(float(np.mean(seconds)), 1) if seconds else None,
        failed={str(seed): failed[name] for seed, failed in runs.failed.items() if name in failed},
        collapsed=collapsed,
        figures=tuple(_make_figure(runs, name, measure) for measure in runs.measures),
    )


def _find_card(scope: Scope, name: str) -> ModelCard | None:
    return next((card for card in scope.evidence.provenance.models if card.name == name), None)


def _make_figure(runs: Runs, model: str, measure: str) -> Figure:
    found = [runs.compute(measure, model, seed) for seed in runs.scopes]
    reasons = [item for item in found if isinstance(item, str)]
    return Figure(
        measure=measure,
        values=tuple(None if isinstance(item, str) else round_number(float(item.mean())) for item in found),
        mean=runs.estimate(measure, model),
        difference=None if model == "retrained" else runs.estimate(measure, model, "retrained"),
        reason=reasons[0] if reasons else None,
    )


def _answer(runs: Runs, claim: Claim, confidence: float) -> Answer:
    _, found = runs.gather(claim.measure, claim.model, claim.than)
    sign = 1 if claim.expected == "higher" else -1
    difference = runs.estimate(claim.measure, claim.model, claim.than, confidence)
    ends = difference.interval if difference else None
    outcome = "open"
    limit = -sign * claim.margin
    if ends is not None and not ends.low <= limit <= ends.high:
        outcome = "holds" if sign * (ends.low - limit) > 0 else "contradicted"
    return Answer.model_validate(
        {
            "claim": claim,
            "difference": difference,
            "agreeing": sum(sign * float(values.mean()) > -claim.margin for values in found),
            "seeds": len(found),
            "outcome": outcome,
        }
    )
