"""The result of an audit: one type, whether it was asked for on the command line or in Python."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from unlearn_audit.evidence import Evidence
from unlearn_audit.policy import Policy
from unlearn_audit.records import AuditRecord, CheckResult, Outcome

_COLOURS = {Outcome.PASS: "#1a7f37", Outcome.FAIL: "#b42318"}
_DOUBT = "#9a6700"


@dataclass(frozen=True, eq=False)
class Audit:
    """A finished audit: the record, and the policy and evidence that it follows from.

    Shows itself as a table in notebooks. It is not signed: `write_report` writes the signed report.

    Attributes:
        models: weights of the audited models, or files of them, by their path in the report folder.
    """

    policy: Policy
    evidence: Evidence
    record: AuditRecord
    models: Mapping[str, bytes | Path] = field(default_factory=dict)

    @property
    def outcome(self) -> Outcome:
        """The verdict on the audited model."""
        return self.record.outcome

    @property
    def checks(self) -> tuple[CheckResult, ...]:
        """The policy's checks on the audited model, in the policy's order."""
        return self.record.verdict.checks

    def __getitem__(self, check: str) -> CheckResult:
        """Return the check called `check` by the policy; KeyError where there is none."""
        for result in self.checks:
            if result.id == check:
                return result
        raise KeyError(check)

    def __repr__(self) -> str:
        return f"{self.outcome.label.upper()}: {self.record.verdict.reason}"

    def _repr_html_(self) -> str:
        """Return the verdict as a table for notebooks. Every text is escaped: ids and titles come from outside."""
        rows = "".join(_draw_row(check) for check in self.checks)
        return (
            f"<div><p><strong style='color:{_colour(self.outcome)}'>{escape(self.outcome.label.upper())}</strong> "
            f"{escape(self.record.verdict.reason)}</p><table><thead><tr><th>Check</th><th>Estimate [bounds]</th>"
            f"<th>Tolerance</th><th>Outcome</th></tr></thead><tbody>{rows}</tbody></table>"
            f"<p>{escape(self.record.recommendation.text)} Policy {escape(self.policy.id)} "
            f"{escape(self.policy.version)}; {len(self.evidence)} records. Not signed: <code>write_report</code> signs."
            "</p></div>"
        )


def _colour(outcome: Outcome) -> str:
    return _COLOURS.get(outcome, _DOUBT)


def _draw_row(check: CheckResult) -> str:
    estimate = check.estimate
    number = "none" if estimate is None else f"{estimate.value:.3f}"
    if estimate is not None and estimate.bounds is not None:
        number += f" [{estimate.bounds.low:.3f}, {estimate.bounds.high:.3f}]"
    said = check.outcome.label + ("" if check.required else " (not required)")
    return (
        f"<tr title='{escape(check.reason, quote=True)}'><td>{escape(check.title)}</td><td>{number}</td>"
        f"<td>{escape(str(check.limit))}</td><td style='color:{_colour(check.outcome)}'>{escape(said)}</td></tr>"
    )
