"""Evidence to verdict as a whole: against the same clinical numbers by scipy's bootstrap, and on 100,000 records."""

import time
from pathlib import Path

import numpy as np
from scipy.stats import bootstrap

from benchmarks.comparison import Comparison
from unlearn_audit.evidence import Evidence
from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.findings.measurement import measure
from unlearn_audit.findings.metrics import METRICS
from unlearn_audit.pipeline.audit import name_known
from unlearn_audit.policy import Policy, parse_policy
from unlearn_audit.records import Finding
from unlearn_audit.records.key import MetricKey
from unlearn_audit.selftest.simulation import Simulation, draw_evidence
from unlearn_audit.verdict.decision import decide

_POLICY = Path(__file__).resolve().parents[1] / "policies" / "breast-cytology.yaml"
_AGREEMENT = 0.12  # of the interval's width: two bootstraps of 10,000 draws differ by this much at most
_DRAWN = ("global-risk", "global-risk-increase", "balanced-accuracy", "false-negative-rate-increase")
"""Clinical metrics whose intervals are drawn; the others of the policy are exact or DeLong's in both worlds."""


def load_policy(cluster: str | None = None) -> Policy:
    """Return the shipped breast-cytology policy at its 10,000 resamples, judged by `cluster`."""
    policy = parse_policy(_POLICY.read_text(), _POLICY.name, name_known())
    return policy.model_copy(update={"protocol": policy.protocol.model_copy(update={"cluster": cluster})})


def draw(n_test: int, others: int, images: int = 1) -> Evidence:
    """Return planted evidence with so many test records, and `others` in each of the other splits."""
    sizes = {"retain": others, "forget": others, "validation": others, "test": n_test}
    return draw_evidence(Simulation(images=images), np.random.default_rng(1), sizes=sizes)


def judge_clinically(policy: Policy, evidence: Evidence, metrics: tuple[str, ...] | None = None) -> tuple[Finding, ...]:
    """Measure the clinical metrics (or some of them) of the audited model and decide the policy's checks on them."""
    chosen = metrics or tuple(name for name, metric in METRICS.items() if metric.traits.kind == "clinical")

    def wants(key: MetricKey) -> bool:
        return key.metric in chosen and key.model == "unlearned"

    findings = measure(EvaluationContext(evidence, policy), wants=wants)
    decide(findings, policy, "unlearned")
    return findings


def bootstrap_with_scipy(policy: Policy, evidence: Evidence, finding: Finding) -> tuple[float, float]:
    """Return the percentile interval of the same number by resampling records, at the confidence of ours."""
    context = EvaluationContext(evidence, policy)
    actual, after = context.actual, context.predict_positive("unlearned", finding.key.at)
    before = context.predict_positive(finding.key.against, finding.key.at) if finding.key.against else actual
    cost = np.where(actual, policy.costs.false_negative, policy.costs.false_positive)
    change = (after != actual).astype(float) - (before != actual)
    parts = {
        "global-risk": ((cost * change,), np.mean),
        "global-risk-increase": ((cost * change,), np.mean),
        "false-negative-rate-increase": ((change[actual],), np.mean),
        "balanced-accuracy": ((1 - change[actual], 1 - change[~actual]), _average),
    }
    data, statistic = parts[finding.key.metric]
    found = bootstrap(
        data,
        statistic,
        n_resamples=policy.protocol.resamples,
        confidence_level=context.confidence_for(finding.key.model),
        method="percentile",
        batch=100,
        rng=np.random.default_rng(3),
    )
    return float(found.confidence_interval.low), float(found.confidence_interval.high)


def _average(positives: np.ndarray, negatives: np.ndarray, axis: int = -1) -> np.ndarray:
    return (positives.mean(axis=axis) + negatives.mean(axis=axis)) / 2


def compare_verdict(n_test: int = 2_005) -> Comparison:
    """Print and return evidence to verdict against scipy's bootstrap, and whether all intervals agree."""
    policy, evidence = load_policy(), draw(n_test, 200)
    judge_clinically(policy, evidence, _DRAWN)  # imports and caches are nobody's work
    started = time.process_time()
    findings = judge_clinically(policy, evidence, _DRAWN)
    ours = time.process_time() - started
    started = time.process_time()
    theirs = [bootstrap_with_scipy(policy, evidence, finding) for finding in findings]
    scipys = time.process_time() - started
    apart = [_find_distance(finding, ends) for finding, ends in zip(findings, theirs, strict=True)]
    agree = bool(findings) and max(apart) < _AGREEMENT
    print(
        f"evidence to verdict, {n_test:,} test records, {policy.protocol.resamples:,} resamples, {len(findings)} drawn "
        f"clinical numbers: {scipys / ours:,.0f} times scipy's speed; ends at most {max(apart):.3f} of a width apart, "
        f"{'agree' if agree else 'DISAGREE'}"
    )
    return Comparison("verdict", scipys / ours, agree)


def _find_distance(finding: Finding, theirs: tuple[float, float]) -> float:
    """Return how far the ends lie apart, in widths of scipy's interval."""
    interval = finding.estimate.interval if finding.estimate else None
    if interval is None:
        return float("inf")
    return max(abs(interval.low - theirs[0]), abs(interval.high - theirs[1])) / (theirs[1] - theirs[0])


def time_verdict(n: int = 100_000) -> None:
    """Print how long the clinical part takes on `n` records, test split of 30 %, independent and clustered by three."""
    for cluster, images in ((None, 1), ("patient_id", 3)):
        policy, evidence = load_policy(cluster), draw(3 * n // 10, 7 * n // 30, images)
        judge_clinically(policy, evidence)
        wall, used = time.perf_counter(), time.process_time()
        findings = judge_clinically(policy, evidence)
        wall, used = time.perf_counter() - wall, time.process_time() - used
        print(
            f"evidence to verdict, clinical part of one model, {len(evidence):,} records, "
            f"{policy.protocol.resamples:,} resamples, {'records' if cluster is None else 'patients of three images'}: "
            f"{len(findings)} findings in {used:.2f} s of one processor ({wall:.2f} s passed)"
        )
