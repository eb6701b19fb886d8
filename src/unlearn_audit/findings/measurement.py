"""The walk of the table of metrics over the evidence: one finding for every key that the policy gives rise to."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from unlearn_audit.errors import MeasurementError
from unlearn_audit.evidence.predictions.alignment import explain_misaligned
from unlearn_audit.findings import subgroups
from unlearn_audit.findings.attacks import find_attack, score_groups, score_records
from unlearn_audit.findings.audit_set import OF_PAIRS
from unlearn_audit.findings.calibration_curves import trace_net_benefit, trace_reliability
from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.findings.metric import Metric
from unlearn_audit.findings.metrics import METRICS
from unlearn_audit.findings.metrics.membership import find_strongest
from unlearn_audit.findings.obstacles import find_doubt, find_obstacle
from unlearn_audit.findings.recognition_curves import trace_recognition
from unlearn_audit.records import (
    ALL,
    POSITIVE,
    Curve,
    CurveKind,
    Finding,
    ProgressCallback,
    find_reason,
    ignore_progress,
    round_number,
)
from unlearn_audit.records.key import MetricKey
from unlearn_audit.records.trivial_models import TRIVIAL_MODELS
from unlearn_audit.stats import adjust_differences, compute_roc, estimate_risk_curve

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

_BINS = 40
_ROC_POINTS = 200
_ALWAYS_AMONG = (ALL, POSITIVE)
_SPLITS: tuple[Literal["retain", "forget", "test"], ...] = ("retain", "forget", "test")


def _want_all(key: MetricKey) -> bool:
    del key
    return True


def measure(
    context: EvaluationContext,
    progress: ProgressCallback = ignore_progress,
    known: Iterable[Finding] = (),
    wants: Callable[[MetricKey], bool] = _want_all,
) -> tuple[Finding, ...]:
    """Measure every metric of the table at every key that the policy and the evidence give rise to.

    A statistic that is not defined on what it was given becomes a finding with the reason, never a number.

    Args:
        context: evidence and policy.
        progress: called as each part is finished.
        known: findings of the same policy on the same case with fewer models. They are taken over: a finding depends
            on its key and the models that it names, not on what else is in the evidence. One that was not run is tried
            again: what it lacked may have come.
        wants: whether the finding at a key is wanted. Leaving some out changes none of the others,
            if all attacks of one metric, model and population are left out or wanted together: their p-values are
            adjusted together.
    """
    with _use_one_thread():
        return _adjust_attacks(_measure_all(context, progress, known, wants))


def _use_one_thread() -> "AbstractContextManager[object]":
    """Let linear algebra give the same bits on any number of cores; where cores are busy it is faster, too."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1, user_api="blas")  # type: ignore[no-any-return]


def _measure_all(
    context: EvaluationContext,
    progress: ProgressCallback,
    known: Iterable[Finding],
    wants: Callable[[MetricKey], bool],
) -> list[Finding]:
    before = {f.key: f for f in known if f.estimate is not None}
    findings: list[Finding] = []
    for done, (name, metric) in enumerate(METRICS.items()):
        progress("measure", done, len(METRICS))
        if metric.applies is not None and not metric.applies(context.policy):
            continue
        findings += [
            before.get(key) or _measure_one(context, metric, key)
            for key in _list_keys(context, name, metric, tuple(context.evidence.log_probs))
            if wants(key)
        ]
    progress("measure", len(METRICS), len(METRICS))
    return findings


def measure_pairs(context: EvaluationContext, model: str) -> tuple[Finding, ...]:
    """Measure what pairs of reference models say of the procedure of `model`, which itself need not have answered.

    The numbers are those that `measure` gives once the model is in the evidence, to the last bit. What its own answers
    could put in the way of a pass (`find_obstacle`) is not among them.

    Args:
        context: evidence whose reference models underwent the procedure, and whose provenance has the model's card.
        model: its name.

    Returns:
        A finding for every key of the metrics in `OF_PAIRS`; one that is not defined says why.
    """
    with _use_one_thread():
        return tuple(
            _measure_one(context, METRICS[name], key)
            for name in sorted(OF_PAIRS)
            if (applies := METRICS[name].applies) is None or applies(context.policy)
            for key in _list_keys(context, name, METRICS[name], (model,))
        )


def _adjust_attacks(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Give the findings of several attacks on one model their p-values, adjusted for all of them together."""
    families: dict[MetricKey, list[int]] = {}
    for index, f in enumerate(findings):
        if f.estimate is not None and f.key.attack is not None and f.null is not None:
            families.setdefault(f.key.model_copy(update={"attack": None}), []).append(index)
    adjusted = list(findings)
    for indices in families.values():
        null = findings[indices[0]].null
        family = [estimate for i in indices if (estimate := findings[i].estimate) is not None]
        for i, p in zip(indices, adjust_differences(family, null or 0.0), strict=True):
            adjusted[i] = findings[i].model_copy(update={"holm_p": None if p is None else round_number(p)})
    return tuple(adjusted)


def _list_keys(context: EvaluationContext, name: str, metric: Metric, answered: Sequence[str]) -> Iterator[MetricKey]:
    models = [model for model in answered if metric.models is None or metric.models(model)]
    models += list(TRIVIAL_MODELS) if metric.baselines else []
    asked = {check.among for check in context.policy.checks if check.metric == name}
    named = [model for model in models if model not in TRIVIAL_MODELS]
    points = metric.traits.list_points(context.policy)
    for model in models:
        for against in sorted(metric.traits.against, key=str):
            for among in [a for a in sorted(metric.traits.among, key=str) if a in _ALWAYS_AMONG or a in asked]:
                for at in points:
                    for attack in _attacks(context, metric):
                        if model != against:
                            yield MetricKey(
                                metric=name, model=model, against=against, among=among, at=at, attack=attack
                            )
    yield from subgroups.list_keys(context, name, metric, named, _attacks(context, metric))


def _attacks(context: EvaluationContext, metric: Metric) -> tuple[str | None, ...]:
    if not metric.per_attack:
        return (None,)
    return tuple(a for a in context.policy.membership.attacks if metric.attacks is None or metric.attacks(a))


def _measure_one(context: EvaluationContext, metric: Metric, key: MetricKey) -> Finding:
    estimate, reason = None, None
    records: tuple[str, ...] = ()
    caveats = tuple(caveat for caveat in (metric.caveat, context.cluster_caveat) if caveat)
    try:
        _validate_alignment(context, metric)
        measured = _estimate(context, metric, key)
        estimate = measured.estimate.rounded()
        caveats += measured.caveats
        named = context.policy.record_ids == "report"
        records = metric.point_at(context, key) if metric.point_at and named else ()
    except MeasurementError as error:
        reason = find_reason(error)
    if estimate is not None and (doubt := find_doubt(context, metric, key)):
        caveats += (doubt,)
    return Finding(
        key=key,
        title=metric.title,
        estimate=estimate,
        not_run=reason,
        direction=metric.direction,
        null=metric.null,
        source=metric.source if key.attack is None else f"{metric.source}; {find_attack(key.attack).source}",
        caveats=caveats,
        obstacle=find_obstacle(context, metric, key) if estimate is not None and estimate.bounds is not None else None,
        records=records,
    )


def _validate_alignment(context: EvaluationContext, metric: Metric) -> None:
    """Forgetting is not measured on answers that stand at other records' ids: forgotten records would look unseen."""
    if metric.traits.kind == "forgetting" or metric.per_attack:
        reason = context.remember(("alignment",), lambda: explain_misaligned(context.evidence))
        if reason is not None:
            raise MeasurementError(reason)


def _estimate(context: EvaluationContext, metric: Metric, key: MetricKey) -> subgroups.Measured:
    if key.among.is_extreme:
        return subgroups.measure_extreme(context, metric, key)
    if key.among.is_group:
        return subgroups.Measured(subgroups.measure_group(context, metric, key))
    return subgroups.Measured(metric.measure(context, key))


def trace(context: EvaluationContext, findings: tuple[Finding, ...]) -> tuple[Curve, ...]:
    """Return the points of the report's figures; a figure that cannot be drawn is left out, as its findings say why."""
    audited = context.evidence.provenance.candidates[0].name
    curves = [
        *_trace_costs(context),
        *trace_reliability(context),
        *trace_net_benefit(context),
        *trace_recognition(context),
    ]
    for among in _ALWAYS_AMONG:
        attack = find_strongest(findings, audited, among)
        if attack is not None:
            for model in context.evidence.log_probs:
                key = MetricKey(metric="membership-auc", model=model, among=among, attack=attack)
                curves += _trace_membership(context, key, attack)
    return tuple(curves)


def _rounded(values: Iterable[float]) -> tuple[float, ...]:
    return tuple(round_number(float(value)) for value in values)


def _trace_costs(context: EvaluationContext) -> Iterator[Curve]:
    """Global Risk in units of one false positive, over the policy's cost ratios, per model and baseline."""
    ratios = context.policy.costs.ratios
    for model in (*context.evidence.log_probs, *TRIVIAL_MODELS):
        for at in context.policy.task.operating_points:
            try:
                estimates = estimate_risk_curve(
                    context.actual,
                    context.predict_positive(model, at),
                    ratios,
                    clusters=context.clusters(context.test),
                    **context.sampling(MetricKey(metric=CurveKind.COST_RATIO, model=model, at=at)),
                )
            except MeasurementError:
                continue
            intervals = [e.interval for e in estimates if e.interval]
            yield Curve(
                kind=CurveKind.COST_RATIO,
                key=MetricKey(metric="global-risk", model=model, at=at),
                x=ratios,
                y=_rounded(e.value for e in estimates),
                low=_rounded(i.low for i in intervals),
                high=_rounded(i.high for i in intervals),
            )


def _trace_membership(context: EvaluationContext, key: MetricKey, attack: str) -> Iterator[Curve]:
    try:
        members, nonmembers = score_groups(context, key.model, key.among, attack)
    except MeasurementError:
        return
    roc = compute_roc(members, nonmembers)
    keep = np.unique(np.linspace(0, len(roc.fpr) - 1, _ROC_POINTS).round().astype(int))
    yield Curve(
        kind=CurveKind.ROC,
        key=key,
        x=_rounded(roc.fpr[keep]),
        y=_rounded(roc.tpr[keep]),
    )
    if key.among == ALL:
        yield from _trace_scores(context, key, attack)


def _trace_scores(context: EvaluationContext, key: MetricKey, attack: str) -> Iterator[Curve]:
    """Densities of the membership score on retain, forget and test, on common bins that hold 99 % of the scores.

    A split of which the attack can score no record (retain, for one with reference models) has no density.
    """
    scored = score_records(context, key.model, attack)
    scores = scored.values
    low, high = np.quantile(scores[scored.records], [0.005, 0.995])
    if low == high:
        return
    edges = np.linspace(low, high, _BINS + 1)
    for split in _SPLITS:
        here = context.evidence.select(split) & scored.records
        if not here.any():
            continue
        clipped = scores[here].clip(low, high)
        density, _ = np.histogram(clipped, bins=edges, density=True)
        yield Curve(
            kind=CurveKind.SCORES,
            key=key,
            split=split,
            x=_rounded((edges[1:] + edges[:-1]) / 2),
            y=_rounded(density),
        )
