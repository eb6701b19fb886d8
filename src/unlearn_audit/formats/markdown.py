"""The result as Markdown for a GitHub step summary or the comment on a merge request."""

import re
from collections.abc import Iterable, Sequence
from itertools import accumulate

from unlearn_audit.formats.severity import LONGEST_TEXT, LONGEST_TITLE, flatten, name_policy, outcome_of
from unlearn_audit.formats.sources import Sources
from unlearn_audit.presentation.wording import (
    NONE,
    format_estimate,
    format_interval,
    format_limit,
    format_percent,
)
from unlearn_audit.records import AuditRecord, CheckResult, Outcome, Verdict, digest_of
from unlearn_audit.verdict.comparison import HOW_TO_READ, CheckChange, Comparison

Cells = Sequence[str]
LARGEST = 1_000_000
"""Bytes. GitHub takes 1 MiB as a step summary, GitLab 1,000,000 characters as a comment."""
_ROOM = 300_000  # bytes for each of the three tables
_LONGEST_REASON = 500
_ORDER = [Outcome.FAIL, Outcome.NOT_RUN, Outcome.INCONCLUSIVE, Outcome.PASS]
_MARKUP = re.compile(r"[\\`*_\[\]~$]")
_TRIGGERS = re.compile(r"@|#(?=\w)|:(?=//|[a-z_+-][\w+-]*:)|www(?=\.)", re.IGNORECASE)
_ACTIONS = {
    "release": "release the unlearned model",
    "release-remedied": "release the remedied model instead",
    "do-not-release": "do not release",
    "collect-evidence": "do not release yet: collect evidence",
}


def render_markdown(record: AuditRecord, sources: Sources) -> str:
    """Return verdict, recommendation and the table of checks, worst first; with the comparison where there is one.

    Nothing in the record can add markup, mention a person or grow the text beyond what GitHub and GitLab take.
    """
    parts = [_describe_verdict(record), _list_checks(record.verdict)]
    if sources.comparison is not None:
        parts.append(_list_changes(sources.comparison))
    if record.verdicts[1:]:
        parts.append(_list_candidates(record))
    parts.append(_describe_basis(record, sources))
    return "\n\n".join(parts) + "\n"


def _describe_verdict(record: AuditRecord) -> str:
    signer = record.provenance.signer
    lines = [
        f"## {record.verdict.sign} Unlearning audit: {record.verdict.label.upper()}",
        f"**{escape(record.verdict.reason)}**",
        f"**To do** ({_ACTIONS[record.recommendation.action]}): {escape(record.recommendation.text)}",
    ]
    if signer is None or signer.kind == "test":
        lines.append("> **TEST KEY**: not a valid signature. Not for submissions.")
    return "\n\n".join(lines)


def _list_checks(verdict: Verdict) -> str:
    checks = sorted(verdict.checks, key=lambda check: _ORDER.index(check.outcome))
    heads = (
        "Outcome",
        "Check",
        "Value",
        f"One-sided {format_percent(verdict.confidence)} bounds",
        "Tolerance",
        "Reason",
    )
    return "### Checks\n\n" + _draw_what_fits(heads, [_show_check(check) for check in checks], "checks")


def _show_check(check: CheckResult) -> Cells:
    bounds = check.estimate.bounds if check.estimate else None
    return (
        f"{check.outcome.sign} **{outcome_of(check)}**",
        f"{escape(check.title, LONGEST_TITLE)} ({escape(check.id, LONGEST_TITLE)})",
        escape(format_estimate(check.estimate, check.limit)),
        escape(format_interval(bounds, check.limit)),
        escape(format_limit(check.limit)),
        escape(_describe_reason(check), _LONGEST_REASON),
    )


def _describe_reason(check: CheckResult) -> str:
    return f"{check.waiver.sentence} {check.reason}" if check.waiver else check.reason


def _list_changes(comparison: Comparison) -> str:
    before, after = comparison.outcome_before.label.upper(), comparison.outcome_after.label.upper()
    count = len(comparison.regressions)
    regressed = f"**{count} regression{'s' if count > 1 else ''}.**" if count else "No regressions."
    heads = ("Change", "Check", "Outcome then", "Bounds then", "Outcome now", "Bounds now", "Note")
    changes = sorted(comparison.changes, key=lambda change: not change.is_regression)
    return "\n\n".join(
        [
            "### Against the baseline",
            f"{regressed} Verdict {before} then, {after} now. Baseline: {escape(comparison.baseline)}.",
            _draw_what_fits(heads, [_show_change(change) for change in changes], "checks"),
            f"{HOW_TO_READ} {' '.join(escape(note) for note in comparison.notes)}",
        ]
    )


def _show_change(change: CheckChange) -> Cells:
    return (
        ("**REGRESSION**, " if change.is_regression else "") + change.change.value,
        f"{escape(change.title, LONGEST_TITLE)} ({escape(change.id, LONGEST_TITLE)})",
        change.outcome_before.label if change.outcome_before else NONE,
        escape(format_interval(change.before)),
        change.outcome_after.label if change.outcome_after else NONE,
        escape(format_interval(change.after)),
        escape("; ".join(change.notes)),
    )


def _list_candidates(record: AuditRecord) -> str:
    titles = {card.name: card.title for card in record.provenance.models}
    rows = [
        (
            f"{verdict.outcome.sign} **{verdict.outcome.label.upper()}**",
            f"{escape(titles.get(verdict.model, ''), LONGEST_TITLE)} ({escape(verdict.model, LONGEST_TITLE)})",
            escape(verdict.reason, _LONGEST_REASON),
        )
        for verdict in record.verdicts[1:]
    ]
    return "### Other candidates\n\n" + _draw_what_fits(("Outcome", "Model", "Reason"), rows, "candidates")


def _describe_basis(record: AuditRecord, sources: Sources) -> str:
    provenance = record.provenance
    return (
        f"Model {escape(record.verdict.model)} of case {escape(provenance.case)}, data {escape(provenance.data.name)}, "
        f"policy {escape(name_policy(record))} ({escape(sources.policy_file)}), {escape(provenance.created)}, "
        f"{escape(f'{provenance.tool} {provenance.version}')}. "
        f"SHA-256 of the record: `{digest_of(record.to_bytes())}`.\n\n"
        "Evidence for a decision, not a certificate of compliance."
    )


def _draw_what_fits(heads: Cells, rows: Sequence[Cells], what: str) -> str:
    """Return a table of as many rows as there is room for, and how many are left out."""
    ends = accumulate(len(_draw_row(cells).encode()) + 1 for cells in rows)
    fit = sum(end <= _ROOM for end in ends)
    table = draw_table(heads, rows[:fit])
    if fit == len(rows):
        return table
    return f"{table}\n\n{len(rows) - fit} more {what} are in the report: too many to list here."


def draw_table(heads: Cells, rows: Iterable[Cells], *, numbers: bool = False) -> str:
    """Return a Markdown table of cells that are Markdown already; with `numbers`, all but the first end right."""
    rule = ("---", *("---:" if numbers else "---" for _ in heads[1:]))
    return "\n".join([_draw_row(heads), f"|{'|'.join(rule)}|", *map(_draw_row, rows)])


def _draw_row(cells: Cells) -> str:
    return f"| {' | '.join(cells)} |"


def escape(text: str, longest: int = LONGEST_TEXT) -> str:
    """Return `text` as Markdown that shows it as it is: no markup, no link, no mention, no cell of its own.

    GitHub and GitLab look for mentions, references, links and emoji after Markdown was read, where a backslash no
    longer helps: an empty comment in their middle does.
    """
    entities = flatten(text, longest).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    plain = _TRIGGERS.sub(r"\g<0><!-- -->", _MARKUP.sub(r"\\\g<0>", entities))
    return plain.replace("|", "&#124;")
