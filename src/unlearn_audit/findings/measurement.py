"""Walks the table of metrics over the evidence: one finding for every metric, model and key."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from unlearn_audit.errors import MeasurementError
from unlearn_audit.findings import subgroups
from unlearn_audit.findings.attacks import find_attack, score_groups, score_records
from unlearn_audit.findings.calibration_curves import trace_net_benefit, trace_reliability
from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.findings.key import MetricKey
from unlearn_audit.findings.metric import Metric
from unlearn_audit.findings.metrics import METRICS
from unlearn_audit.findings.metrics.membership import find_strongest
from unlearn_audit.records import Curve, Finding, ProgressCallback, ignore_progress, round_number
from unlearn_audit.records.trivial_models import TRIVIAL_MODELS
from unlearn_audit.stats import adjust_differences, compute_roc, estimate_risk_curve

_BINS = 40
_ROC_POINTS = 200
_ALWAYS_AMONG = ("all", "positive")


def _want_all(metric: str, key: MetricKey) -> bool:
    del metric, key
    return True


def measure(
    context: EvaluationContext,
    progress: ProgressCallback = ignore_progress,
    known: Iterable[Finding] = (),
    wants: Callable[[str, MetricKey], bool] = _want_all,
) -> tuple[Finding, ...]:
    """Measure every metric of the table at every key that the policy and the evidence give rise to.

    A statistic that is not defined on what it was given becomes a finding with the reason, never a number.

    Args:
        context: evidence and policy.
        progress: called as each part is finished.
        known: findings of the same policy on the same case with fewer models. They are taken over: a finding depends
            on its key and the models that it names, not on what else is in the evidence.
        wants: whether the finding on a metric at a key is wanted. Leaving some out changes none of the others,
            if the attacks of one key are left out or wanted together: their p-values are adjusted together.
    """
    before = {(f.metric, MetricKey(f.model, f.against, f.among, f.at, f.attack)): f for f in known}
    findings: list[Finding] = []
    for done, (name, metric) in enumerate(METRICS.items()):
        progress("measure", done, len(METRICS))
        if metric.applies is not None and not metric.applies(context.policy):
            continue
        findings += [
            before.get((name, key)) or _measure_one(context, name, metric, key)
            for key in _list_keys(context, name, metric)
            if wants(name, key)
        ]
    progress("measure", len(METRICS), len(METRICS))
    return _adjust_attacks(findings)


def _adjust_attacks(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Give the findings of several attacks on one model their p-values, adjusted for all of them together."""
    families: dict[tuple[str | None, ...], list[int]] = {}
    for index, f in enumerate(findings):
        if f.estimate is not None and f.attack is not None and METRICS[f.metric].null is not None:
            families.setdefault((f.metric, f.model, f.against, f.among, f.at), []).append(index)
    adjusted = list(findings)
    for indices in families.values():
        null = METRICS[findings[indices[0]].metric].null
        family = [estimate for i in indices if (estimate := findings[i].estimate) is not None]
        for i, p in zip(indices, adjust_differences(family, null or 0.0), strict=True):
            adjusted[i] = findings[i].model_copy(update={"holm_p": None if p is None else round_number(p)})
    return tuple(adjusted)


def _list_keys(context: EvaluationContext, name: str, metric: Metric) -> Iterator[MetricKey]:
    models = [model for model in context.evidence.log_probs if metric.models is None or metric.models(model)]
    models += list(TRIVIAL_MODELS) if metric.baselines else []
    asked = {check.among for check in context.policy.checks if check.metric == name}
    named = [model for model in models if model not in TRIVIAL_MODELS]
    points = context.policy.task.operating_points if metric.traits.at else (None,)
    for model in models:
        for against in sorted(metric.traits.against, key=str):
            for among in [a for a in sorted(metric.traits.among) if a in _ALWAYS_AMONG or a in asked]:
                for at in points if metric.points is None else metric.points(context.policy):
                    for attack in _attacks(context, metric):
                        if model != against:
                            yield MetricKey(model, against, among, at, attack)
    yield from subgroups.list_keys(context, name, metric, named, _attacks(context, metric))


def _attacks(context: EvaluationContext, metric: Metric) -> tuple[str | None, ...]:
    if not metric.per_attack:
        return (None,)
    return tuple(a for a in context.policy.membership.attacks if metric.attacks is None or metric.attacks(a))


def _measure_one(context: EvaluationContext, name: str, metric: Metric, key: MetricKey) -> Finding:
    estimate, reason = None, None
    records: tuple[str, ...] = ()
    caveats = [text for text in (metric.caveat, context.cluster_caveat) if text]
    try:
        measured = _estimate(context, metric, key)
        estimate = measured.estimate.rounded()
        caveats += [measured.note] if measured.note else []
        records = metric.point_at(context, key) if metric.point_at else ()
    except MeasurementError as error:
        reason = f"{error.message}."
    return Finding(
        metric=name,
        model=key.model,
        against=key.against,
        among=key.among,
        at=key.at,
        attack=key.attack,
        estimate=estimate,
        not_run=reason,
        direction=metric.direction,
        source=metric.source if key.attack is None else f"{metric.source}; {find_attack(key.attack).source}",
        caveat=" ".join(caveats) or None,
        records=records,
    )


def _estimate(context: EvaluationContext, metric: Metric, key: MetricKey) -> subgroups.Measured:
    if subgroups.is_extreme(key):
        return subgroups.measure_extreme(context, metric, key)
    if subgroups.is_group(key):
        return subgroups.Measured(subgroups.measure_group(context, metric, key))
    return subgroups.Measured(metric.measure(context, key))


def trace(context: EvaluationContext, findings: tuple[Finding, ...]) -> tuple[Curve, ...]:
    """Return the points of the report's figures; a figure that cannot be drawn is left out, as its findings say why."""
    audited = context.evidence.provenance.candidates[0].name
    curves = [*_trace_costs(context), *trace_reliability(context), *trace_net_benefit(context)]
    for among in _ALWAYS_AMONG:
        attack = find_strongest(findings, audited, among)
        if attack is not None:
            for model in context.evidence.log_probs:
                curves += _trace_membership(context, model, among, attack)
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
                    **context.sampling("cost-ratio", MetricKey(model, at=at)),
                )
            except MeasurementError:
                continue
            intervals = [e.interval for e in estimates if e.interval]
            yield Curve(
                kind="cost-ratio",
                model=model,
                at=at,
                x=ratios,
                y=_rounded(e.value for e in estimates),
                low=_rounded(i.low for i in intervals),
                high=_rounded(i.high for i in intervals),
            )


def _trace_membership(context: EvaluationContext, model: str, among: str, attack: str) -> Iterator[Curve]:
    try:
        members, nonmembers = score_groups(context, model, among, attack)
    except MeasurementError:
        return
    roc = compute_roc(members, nonmembers)
    keep = np.unique(np.linspace(0, len(roc.fpr) - 1, _ROC_POINTS).round().astype(int))
    yield Curve(
        kind="roc",
        model=model,
        population=among,
        attack=attack,
        x=_rounded(roc.fpr[keep]),
        y=_rounded(roc.tpr[keep]),
    )
    if among == "all":
        yield from _trace_scores(context, model, attack)


def _trace_scores(context: EvaluationContext, model: str, attack: str) -> Iterator[Curve]:
    """Densities of the membership score on retain, forget and test, on common bins that hold 99 % of the scores.

    A split of which the attack can score no record (retain, for one with reference models) has no density.
    """
    scored = score_records(context, model, attack)
    scores = scored.values
    low, high = np.quantile(scores[scored.records], [0.005, 0.995])
    if low == high:
        return
    edges = np.linspace(low, high, _BINS + 1)
    for split in ("retain", "forget", "test"):
        here = context.evidence.select(split) & scored.records
        if not here.any():
            continue
        clipped = scores[here].clip(low, high)
        density, _ = np.histogram(clipped, bins=edges, density=True)
        yield Curve(
            kind="scores",
            model=model,
            population=split,
            attack=attack,
            x=_rounded((edges[1:] + edges[:-1]) / 2),
            y=_rounded(density),
        )
