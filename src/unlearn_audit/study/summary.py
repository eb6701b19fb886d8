"""Summarises the evidence of all finished cells into the numbers of a study. Needs no torch."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from unlearn_audit import __version__
from unlearn_audit.errors import EvidenceError, UsageError
from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.policy import ALWAYS, Claim, Policy, StudyCell, StudyFile, name_share
from unlearn_audit.policy.problems import suggest
from unlearn_audit.records import ModelCard, Population, digest_of, round_number
from unlearn_audit.study.by_subgroup import find_groups
from unlearn_audit.study.cells import REFERENCES, FinishedCell
from unlearn_audit.study.measure import Measure
from unlearn_audit.study.measures import POPULATION, list_measures
from unlearn_audit.study.recognition import recognise
from unlearn_audit.study.relearning import PREFIX
from unlearn_audit.study.result import RESULT_SCHEMA, Answer, CellResult, Figure, Row, StudyResult
from unlearn_audit.study.runs import Runs

_SETTINGS = frozenset({"task", "costs", "membership", "protocol", "subgroups", "data", "reference_case"})


def digest_settings(policy: Policy) -> str:
    """Return the SHA-256 of what a study reads of `policy`: a check that is added there leaves its numbers as they are.

    What a later version adds to policies does not change it where it is left at its default.
    """
    return digest_of(policy.model_dump(mode="json", include=set(_SETTINGS), exclude_defaults=True))


def summarise(
    study: StudyFile, policy: Policy, finished: Sequence[FinishedCell], missing: Sequence[str]
) -> StudyResult:
    """Return the numbers of all finished cells.

    Raises:
        EvidenceError: no cell is finished, or cells of one study were judged on different test records.
        UsageError: a claim names a measure that the study does not have.
    """
    if not finished:
        raise EvidenceError(
            "expected at least one finished cell, found none",
            hint="cells of other data, another study file, policy or version of this package do not count: run the "
            "study without --summarise",
        )
    groups = find_groups(EvaluationContext(finished[0].evidence, policy)) if study.by_subgroup else ()
    measures = choose_measures(study, policy, groups)
    validate_measures(study, policy)
    by_share: dict[str, list[FinishedCell]] = defaultdict(list)
    for cell in finished:
        by_share[name_share(cell.forget)].append(cell)
    _validate_same_records(finished)
    answers = max(1, sum(len(_list_claims(study, cell)) for cell in study.cells))
    shared = 1 - (1 - policy.protocol.confidence) / answers
    provenance, costs = finished[0].evidence.provenance, policy.costs
    return StudyResult(
        schema_=RESULT_SCHEMA,
        version=__version__,
        study=study,
        policy=f"{policy.id} {policy.version}",
        settings_sha256=digest_settings(policy),
        policy_ratio=costs.false_negative / costs.false_positive,
        point=policy.task.operating_points[0],
        data=provenance.data.name,
        data_sha256=provenance.data.sha256,
        recipe=dict(provenance.recipe),
        environment=dict(provenance.environment),
        confidence=policy.protocol.confidence,
        claim_confidence=round_number(shared),
        cluster=_find_cluster(policy, finished[0]),
        cells=tuple(
            _summarise_cell(study, cell, policy, measures, by_share[name_share(cell.forget)], shared)
            for cell in study.cells
            if name_share(cell.forget) in by_share
        ),
        missing=tuple(missing),
    )


def choose_measures(study: StudyFile, policy: Policy, groups: Sequence[Population] = ()) -> dict[str, Measure]:
    """Return the measures of a study by name: the policy's attacks, with the study's own after them.

    `groups` are the subgroups that the data have.
    """
    own, costs = policy.membership.attacks, policy.costs
    first = () if POPULATION in own else (POPULATION,)
    attacks = (*first, *own, *(study.references.attacks if study.references else ()))
    return list_measures(
        study.cost_ratio,
        costs.false_negative / costs.false_positive,
        tuple(dict.fromkeys(attacks)),
        relearned=study.relearning is not None,
        by_class=study.by_class,
        groups=groups,
    )


def validate_measures(study: StudyFile, policy: Policy) -> None:
    """Refuse claims on measures that the study does not have; to be asked before anything is trained.

    Raises:
        UsageError: the first of them, with what there is.
    """
    known = choose_measures(study, policy)
    for claim in study.claims:
        if claim.measure not in known:
            raise UsageError(
                f"claim '{claim.says}': expected a measure of this study, found '{claim.measure}'",
                hint=suggest(claim.measure, known),
            )


def _find_cluster(policy: Policy, cell: FinishedCell) -> str | None:
    column = policy.protocol.cluster
    return column if column in cell.evidence.groups else None


def _validate_same_records(finished: Sequence[FinishedCell]) -> None:
    first = finished[0].evidence
    ids = first.ids[first.select("test")]
    for cell in finished[1:]:
        if not np.array_equal(ids, cell.evidence.ids[cell.evidence.select("test")]):
            raise EvidenceError(
                "expected the same test records in every cell, found others in the one of share "
                f"{name_share(cell.forget)} and seed {cell.seed}",
                hint="a study compares models on the same patients: give data whose test split is fixed",
            )


def _list_claims(study: StudyFile, cell: StudyCell) -> list[Claim]:
    """Return the claims of which `cell` has both models."""
    here = {*ALWAYS, *(model.name for model in cell.models)}
    return [claim for claim in study.claims if {claim.model, claim.than} <= here]


def _summarise_cell(  # noqa: PLR0917 - one call site, in the order of the study
    study: StudyFile,
    asked: StudyCell,
    policy: Policy,
    measures: Mapping[str, Measure],
    cells: Sequence[FinishedCell],
    confidence: float,
) -> CellResult:
    runs = Runs(
        contexts={cell.seed: EvaluationContext(cell.evidence, policy) for cell in cells},
        failed={cell.seed: cell.failed for cell in cells},
        measures=measures,
        confidence=policy.protocol.confidence,
    )
    first = cells[0].evidence
    masks = {name: first.select(name) for name in ("retain", "forget", "validation", "test")}
    whole, listed = len(cells) == len(study.seeds), asked.models
    titles = {"original": "Original", "retrained": "Retrained", **{model.name: model.title for model in listed}}
    methods = {"original": "train", "retrained": "retrain", **{model.name: model.method for model in listed}}
    return CellResult(
        forget=asked.forget,
        seeds=tuple(runs.contexts),
        splits={name: int(mask.sum()) for name, mask in masks.items()},
        positives={name: int((mask & first.is_positive).sum()) for name, mask in masks.items()},
        rows=tuple(_make_row(runs, name, title, methods[name]) for name, title in titles.items()),
        references={str(cell.seed): cell.failed[REFERENCES] for cell in cells if REFERENCES in cell.failed},
        answers=tuple(_answer(runs, claim, confidence, whole=whole) for claim in _list_claims(study, asked)),
        recognition=tuple(row for cell in cells for row in recognise(cell, policy, titles)),
    )


def _make_row(runs: Runs, name: str, title: str, method: str) -> Row:
    cards = [_find_card(context, name) for context in runs.contexts.values()]
    made = [card for card in cards if card is not None]
    seconds = [card.seconds for card in made if card.seconds is not None]
    collapsed = {
        str(seed): reason
        for seed, context in runs.contexts.items()
        if name in context.evidence.log_probs and (reason := runs.find_collapse(name, seed))
    }
    parameters: dict[str, Any] = made[0].parameters if made else {}
    return Row(
        name=name,
        title=title,
        method=method,
        parameters=parameters,
        seconds=round(float(np.mean(seconds)), 1) if seconds else None,
        failed={str(seed): failed[name] for seed, failed in runs.failed.items() if name in failed},
        collapsed=collapsed,
        unrelearned={str(s): failed[PREFIX + name] for s, failed in runs.failed.items() if PREFIX + name in failed},
        figures=tuple(_make_figure(runs, name, measure) for measure in runs.measures),
    )


def _find_card(context: EvaluationContext, name: str) -> ModelCard | None:
    return next((card for card in context.evidence.provenance.models if card.name == name), None)


def _make_figure(runs: Runs, model: str, measure: str) -> Figure:
    found = [runs.compute(measure, model, seed) for seed in runs.contexts]
    reasons = [item for item in found if isinstance(item, str)]
    return Figure(
        measure=measure,
        values=tuple(None if isinstance(item, str) else round_number(float(item.mean())) for item in found),
        mean=runs.estimate(measure, model),
        difference=None if model == "retrained" else runs.estimate(measure, model, "retrained"),
        pairs=0 if model == "retrained" else len(runs.gather(measure, model, "retrained")[0]),
        reason=reasons[0] if reasons else None,
    )


def _answer(runs: Runs, claim: Claim, confidence: float, *, whole: bool) -> Answer:
    """Answer a claim; not before all seeds are in, since looking again and again finds something in the end."""
    _, found = runs.gather(claim.measure, claim.model, claim.than)
    sign = 1 if claim.expected == "higher" else -1
    difference = runs.estimate(claim.measure, claim.model, claim.than, confidence)
    ends = difference.interval if difference else None
    outcome = "open"
    limit = -sign * claim.margin
    if whole and ends is not None and not ends.low <= limit <= ends.high:
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
