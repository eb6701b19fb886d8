"""Walks the table of metrics over the evidence: one finding for every metric, model and address."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from unlearn_audit import subgroups
from unlearn_audit.attacks import find_attack, score_groups, score_records
from unlearn_audit.calibration_curves import trace_net_benefit, trace_reliability
from unlearn_audit.errors import MeasurementError
from unlearn_audit.metrics import METRICS
from unlearn_audit.metrics.membership import find_strongest
from unlearn_audit.predictions.alignment import explain_misaligned
from unlearn_audit.records import Curve, Finding, Say, round_number, say_nothing
from unlearn_audit.scope import BASELINES, Address, Metric, Scope
from unlearn_audit.stats import adjust_differences, compute_roc, estimate_risk_curve

_BINS = 40
_ROC_POINTS = 200
_ALWAYS_AMONG = ("all", "positive")


def _want_all(metric: str, address: Address) -> bool:
    del metric, address
    return True


def measure(
    scope: Scope,
    say: Say = say_nothing,
    known: Iterable[Finding] = (),
    wants: Callable[[str, Address], bool] = _want_all,
) -> tuple[Finding, ...]:
    """Measure every metric of the table at every address that the policy and the evidence give rise to.

    A statistic that is not defined on what it was given becomes a finding with the reason, never a number.

    Args:
        scope: evidence and policy.
        say: hears about progress.
        known: findings of the same policy on the same case with fewer models. They are taken over: a finding depends
            on its address and the models that it names, not on what else is in the evidence.
        wants: whether the finding on a metric at an address is wanted. Leaving some out changes none of the others,
            if the attacks of one address are left out or wanted together: their p-values are adjusted together.
    """
    before = {(f.metric, Address(f.model, f.against, f.among, f.at, f.attack)): f for f in known}
    findings: list[Finding] = []
    for done, (name, metric) in enumerate(METRICS.items()):
        say("measure", done, len(METRICS))
        if metric.applies is not None and not metric.applies(scope.policy):
            continue
        findings += [
            before.get((name, address)) or _measure_one(scope, name, metric, address)
            for address in _addresses(scope, name, metric)
            if wants(name, address)
        ]
    say("measure", len(METRICS), len(METRICS))
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


def _addresses(scope: Scope, name: str, metric: Metric) -> Iterator[Address]:
    models = [model for model in scope.evidence.log_probs if metric.models is None or metric.models(model)]
    models += list(BASELINES) if metric.baselines else []
    asked = {check.among for check in scope.policy.checks if check.metric == name}
    named = [model for model in models if model not in BASELINES]
    points = scope.policy.task.operating_points if metric.traits.at else (None,)
    for model in models:
        for against in sorted(metric.traits.against, key=str):
            for among in [a for a in sorted(metric.traits.among) if a in _ALWAYS_AMONG or a in asked]:
                for at in points if metric.points is None else metric.points(scope.policy):
                    for attack in _attacks(scope, metric):
                        if model != against:
                            yield Address(model, against, among, at, attack)
    yield from subgroups.list_addresses(scope, name, metric, named, _attacks(scope, metric))


def _attacks(scope: Scope, metric: Metric) -> tuple[str | None, ...]:
    if not metric.per_attack:
        return (None,)
    return tuple(a for a in scope.policy.membership.attacks if metric.attacks is None or metric.attacks(a))


def _measure_one(scope: Scope, name: str, metric: Metric, address: Address) -> Finding:
    estimate, reason = None, None
    records: tuple[str, ...] = ()
    caveats = [text for text in (metric.caveat, scope.cluster_caveat) if text]
    try:
        _validate_alignment(scope, metric)
        measured = _estimate(scope, metric, address)
        estimate = measured.estimate.rounded()
        caveats += [measured.note] if measured.note else []
        records = metric.point_at(scope, address) if metric.point_at else ()
    except MeasurementError as error:
        reason = f"{error.message}."
    return Finding(
        metric=name,
        model=address.model,
        against=address.against,
        among=address.among,
        at=address.at,
        attack=address.attack,
        estimate=estimate,
        not_run=reason,
        direction=metric.direction,
        source=metric.source if address.attack is None else f"{metric.source}; {find_attack(address.attack).source}",
        caveat=" ".join(caveats) or None,
        records=records,
    )


def _validate_alignment(scope: Scope, metric: Metric) -> None:
    """Forgetting is not measured on answers that stand at other records' ids: forgotten records would look unseen."""
    if metric.traits.kind == "forgetting" or metric.per_attack:
        reason = scope.remember(("alignment",), lambda: explain_misaligned(scope.evidence))
        if reason is not None:
            raise MeasurementError(reason)


def _estimate(scope: Scope, metric: Metric, address: Address) -> subgroups.Measured:
    if subgroups.is_extreme(address):
        return subgroups.measure_extreme(scope, metric, address)
    if subgroups.is_group(address):
        return subgroups.Measured(subgroups.measure_group(scope, metric, address))
    return subgroups.Measured(metric.measure(scope, address))


def trace(scope: Scope, findings: tuple[Finding, ...]) -> tuple[Curve, ...]:
    """Return the points of the report's figures; a figure that cannot be drawn is left out, as its findings say why."""
    audited = scope.evidence.provenance.candidates[0].name
    curves = [*_trace_costs(scope), *trace_reliability(scope), *trace_net_benefit(scope)]
    for among in _ALWAYS_AMONG:
        attack = find_strongest(findings, audited, among)
        if attack is not None:
            for model in scope.evidence.log_probs:
                curves += _trace_membership(scope, model, among, attack)
    return tuple(curves)


def _rounded(values: Iterable[float]) -> tuple[float, ...]:
    return tuple(round_number(float(value)) for value in values)


def _trace_costs(scope: Scope) -> Iterator[Curve]:
    """Global Risk in units of one false positive, over the policy's cost ratios, per model and baseline."""
    ratios = scope.policy.costs.ratios
    for model in (*scope.evidence.log_probs, *BASELINES):
        for at in scope.policy.task.operating_points:
            try:
                estimates = estimate_risk_curve(
                    scope.actual,
                    scope.call(model, at),
                    ratios,
                    clusters=scope.clusters(scope.test),
                    **scope.sampling("cost-ratio", Address(model, at=at)),
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


def _trace_membership(scope: Scope, model: str, among: str, attack: str) -> Iterator[Curve]:
    try:
        members, nonmembers = score_groups(scope, model, among, attack)
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
        yield from _trace_scores(scope, model, attack)


def _trace_scores(scope: Scope, model: str, attack: str) -> Iterator[Curve]:
    """Densities of the membership score on retain, forget and test, on common bins that hold 99 % of the scores.

    A split of which the attack can score no record (retain, for one with reference models) has no density.
    """
    scored = score_records(scope, model, attack)
    scores = scored.values
    low, high = np.quantile(scores[scored.records], [0.005, 0.995])
    if low == high:
        return
    edges = np.linspace(low, high, _BINS + 1)
    for split in ("retain", "forget", "test"):
        here = scope.evidence.select(split) & scored.records
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
