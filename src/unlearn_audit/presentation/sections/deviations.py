"""Deviations that were declared or found, waivers, and earlier runs of the same case."""

from collections.abc import Iterator
from typing import Any

from unlearn_audit.presentation.sections.checks import mark_check
from unlearn_audit.presentation.sections.grid import Cell, Grid
from unlearn_audit.presentation.sections.index import Index
from unlearn_audit.presentation.wording import NONE, clip, format_date, format_percent
from unlearn_audit.records import CheckResult, ModelCard

_RUNS = 12
_LONGEST = 600
_SAME_SHARE = 0.005


def present_waivers(index: Index) -> Grid | None:
    """Return every waiver that names a check of the audited model, with what it does; None where there is none."""
    rows = tuple(_show_waiver(check) for check in index.record.verdict.checks if check.waiver is not None)
    heads = ("Check", "Outcome", "Waiver", "Approved by, until", "Reason")
    return Grid("waivers", "Waivers", heads, rows) if rows else None


def _show_waiver(check: CheckResult) -> tuple[Any, ...]:
    waiver = check.waiver
    if waiver is None:
        raise ValueError("only checks with a waiver are shown")
    where = "in the policy" if waiver.given_in == "policy" else "in a file given to the run"
    return (
        Cell(clip(check.id, 80), kind="code"),
        mark_check(check),
        Cell(waiver.state.value, f"accepts {waiver.covers}; {where}"),
        Cell(clip(waiver.approver, 120), f"until {waiver.expires.isoformat()}"),
        Cell(clip(waiver.reason, _LONGEST)),
    )


def present_deviations(index: Index) -> Grid | None:
    """Return what was declared, and where the case is not the policy's reference case; None where there is nothing."""
    declared = [
        (Cell(clip(d.what, _LONGEST)), Cell("declared"), Cell(clip(d.reason, _LONGEST), _describe_approver(d.approver)))
        for d in index.record.provenance.deviations
    ]
    found = [(Cell(what), Cell("found"), Cell(how)) for what, how in find_deviations(index)]
    rows = (*declared, *found)
    return Grid("deviations", "Deviations", ("What", "Source", "Reason or detail"), rows) if rows else None


def _describe_approver(approver: str | None) -> str | None:
    return f"accepted by {clip(approver, 120)}" if approver else None


def find_deviations(index: Index) -> Iterator[tuple[str, str]]:
    """Yield where the case differs from the reference case of the policy, by what both of them say in the record."""
    reference = index.policy.get("reference_case") or {}
    made = index.record.provenance
    audited = next((card for card in index.models if card.name == index.audited), None)
    if reference and audited:
        yield from _compare_method(reference.get("unlearn") or {}, audited)
    share = reference.get("forget")
    if share is not None and (made.forget.by != "fraction" or abs(made.forget.fraction - share) > _SAME_SHARE):
        found = f"{format_percent(made.forget.fraction)} of the training records, named by {made.forget.by}"
        yield "Records to forget", f"{found}, where the reference case forgets {format_percent(share)}"
    if reference.get("retrain") and index.find_name("retrained") is None:
        yield "Retrained reference", "was not trained, where the reference case has one"
    recipe = reference.get("recipe") or {}
    differs = sorted(key for key, value in recipe.items() if key in made.recipe and made.recipe[key] != value)
    if differs:
        yield "Training recipe", ", ".join(f"{k} = {made.recipe[k]} instead of {recipe[k]}" for k in differs)
    if made.data.official is False:
        yield "Data", "the checksum differs from the published one"


def _compare_method(reference: dict[str, Any], audited: ModelCard) -> Iterator[tuple[str, str]]:
    method = reference.get("method")
    if method != audited.method:
        yield "Audited method", f"{clip(audited.method, 80)}, where the reference case audits {method}"
        return
    declared = reference.get("parameters") or {}
    differs = sorted(key for key, value in declared.items() if audited.parameters.get(key) != value)
    if differs:
        found = ", ".join(f"{key} = {audited.parameters.get(key, NONE)} instead of {declared[key]}" for key in differs)
        yield "Parameters of the audited method", clip(found, _LONGEST)


def present_earlier_runs(index: Index) -> Grid | None:
    """Return the earlier audits of the case that the record knows of, the latest first; None where there is none."""
    runs = index.record.provenance.earlier_runs
    rows = tuple(
        (
            Cell(clip(format_date(run.created), 40), f"record {run.record_sha256[:12]}"),
            Cell(run.label),
            Cell(clip(run.model, 60)),
            Cell(clip(run.policy, 60), _compare_policy(run.policy_sha256, index)),
        )
        for run in reversed(runs)
    )
    more = len(rows) - _RUNS
    notes = (f"{more} older runs stand in the attached record.json.",) if more > 0 else ()
    heads = ("Evidence collected", "Outcome", "Audited model", "Policy")
    return Grid("earlier-runs", "Earlier runs of this case", heads, rows[:_RUNS], notes) if rows else None


def _compare_policy(digest: str, index: Index) -> str:
    return "the same policy" if digest == index.record.policy_sha256 else f"another policy, {digest[:12]}"
