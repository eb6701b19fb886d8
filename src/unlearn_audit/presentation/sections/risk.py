"""The risk analysis: hazards and severity are the policy's, probabilities the findings', acceptability the checks'."""

from collections.abc import Iterable
from typing import Any

from unlearn_audit.presentation.sections.contents import number_of
from unlearn_audit.presentation.sections.grid import Cell, Grid, Mark
from unlearn_audit.presentation.sections.index import Index
from unlearn_audit.presentation.wording import clip, format_estimate, format_interval, format_limit
from unlearn_audit.records import CheckResult, Outcome, Verdict, find_worst

_LONGEST = 400
_WORDS = {
    Outcome.PASS: "acceptable",
    Outcome.FAIL: "not acceptable",
    Outcome.INCONCLUSIVE: "not shown",
    Outcome.NOT_RUN: "not measured",
}


def present_risk(index: Index) -> Grid | None:
    """Return one row per hazard of the policy: severity, measured probability, acceptability, residual risk.

    None where the policy names no hazard. A hazard without a check is 'not measured', never acceptable. Where another
    model is recommended than the audited one, its acceptability stands beside.
    """
    hazards = index.policy.get("risk_analysis") or ()
    other = _find_recommended(index)
    heads = ["Hazard and harm", "Severity", "Probability, with bounds", "By the tolerances"]
    heads += [f"On {clip(index.name(other.model), 30)}"] if other else []
    heads += ["Residual risk, and why it is borne"]
    rows = tuple(_show_hazard(hazard, index.record.verdict, other) for hazard in hazards)
    return Grid("risk-analysis", "Risk analysis of the audited model", tuple(heads), rows) if rows else None


def _find_recommended(index: Index) -> Verdict | None:
    wanted = index.record.recommendation.model
    return next((v for v in index.record.verdicts[1:] if v.model == wanted), None)


def _show_hazard(hazard: dict[str, Any], verdict: Verdict, other: Verdict | None) -> tuple[Cell | Mark, ...]:
    checks = _pick(hazard, verdict)
    control = f"Control: {clip(str(hazard['control']), _LONGEST)}" if hazard.get("control") else None
    judged = [_judge(checks)] + ([_judge(_pick(hazard, other))] if other else [])
    return (
        Cell(clip(str(hazard.get("hazard")), _LONGEST), clip(str(hazard.get("harm")), _LONGEST)),
        Cell(str(hazard.get("severity"))),
        Cell("; ".join(map(_describe_probability, checks)) or "not measured by this audit"),
        *judged,
        Cell(clip(str(hazard.get("residual")), _LONGEST), control),
    )


def _pick(hazard: dict[str, Any], verdict: Verdict) -> list[CheckResult]:
    wanted = hazard.get("checks") or ()
    return [check for check in verdict.checks if check.id in wanted]


def _describe_probability(check: CheckResult) -> str:
    estimate = check.estimate
    if estimate is None:
        return f"{check.id}: not measured"
    bounds = f" ({format_interval(estimate.bounds, check.limit)})" if estimate.bounds else " (no bounds)"
    limit = format_limit(check.limit)
    return f"{clip(check.title, 80)} {format_estimate(estimate, check.limit)}{bounds}, tolerance {limit}"


def _judge(checks: Iterable[CheckResult]) -> Mark:
    listed = list(checks)
    worst = find_worst(check.outcome for check in listed) if listed else Outcome.NOT_RUN
    waived = worst is not Outcome.PASS and any(check.is_waived for check in listed)
    return Mark(worst, f"a waiver counts: section {number_of('deviations')}" if waived else "", _WORDS[worst])
