"""The result of an audit: one type, whether it was asked for on the command line or in Python."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unlearn_audit.errors import UsageError
from unlearn_audit.evidence import Evidence
from unlearn_audit.policy import Policy
from unlearn_audit.records import AuditRecord, CheckResult, Outcome

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

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
        """Return the check called `check` by the policy; KeyError where there is none, with the ids that there are."""
        for result in self.checks:
            if result.id == check:
                return result
        raise KeyError(f"no check is called {check!r}; there are: {', '.join(result.id for result in self.checks)}")

    def to_dict(self) -> dict[str, Any]:
        """Return outcome, reason, and the checks as plain values, in the policy's order: what JSON can hold."""
        return {
            "outcome": self.outcome.value,
            "reason": self.record.verdict.reason,
            "checks": [check.model_dump(mode="json") for check in self.checks],
        }

    def to_frame(self) -> "pd.DataFrame":
        """Return one row for each check: title, estimate, bounds, tolerance, outcome; needs pandas.

        Raises:
            UsageError: pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise UsageError("to_frame: expected pandas, found none", hint="pip install pandas") from error
        return pd.DataFrame([_make_row(check) for check in self.checks]).set_index("check")

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw each check's estimate with the bounds that decide; needs matplotlib. Returns the axes.

        A grey bar is where a check's bounds must lie to pass; a limit on one side reaches to the edge. Checks that were
        not run have no point. Units differ between rows (rates, cost units): compare a row with its own bar alone.

        Raises:
            UsageError: matplotlib is not installed.
        """
        try:
            import matplotlib.pyplot as plt
        except ImportError as error:
            raise UsageError("plot: expected matplotlib, found none", hint="pip install matplotlib") from error
        axes: Axes = ax if ax is not None else plt.figure().add_subplot()
        for place, check in enumerate(reversed(self.checks)):
            _draw_check(axes, place, check)
        axes.set_yticks(range(len(self.checks)), [check.title for check in reversed(self.checks)])
        axes.set_xlabel("estimate, with the bounds that decide")
        return axes

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


def _make_row(check: CheckResult) -> dict[str, Any]:
    estimate = check.estimate
    bounds = estimate.bounds if estimate is not None else None
    return {
        "check": check.id,
        "title": check.title,
        "estimate": None if estimate is None else estimate.value,
        "low": None if bounds is None else bounds.low,
        "high": None if bounds is None else bounds.high,
        "tolerance": str(check.limit),
        "required": check.required,
        "outcome": check.outcome.value,
        "reason": check.reason,
    }


def _draw_check(axes: "Axes", place: int, check: CheckResult) -> None:
    estimate, shown = check.estimate, [0.0, 1.0]
    if estimate is not None:
        axes.plot(estimate.value, place, "o", color=_colour(check.outcome))
        if estimate.bounds is not None:
            shown += [estimate.bounds.low, estimate.bounds.high]
            axes.hlines(place, estimate.bounds.low, estimate.bounds.high, color=_colour(check.outcome))
    left = check.limit.at_least if check.limit.at_least is not None else min(shown)
    right = check.limit.at_most if check.limit.at_most is not None else max(shown)
    axes.barh(place, right - left, left=left, height=0.6, color="0.9", zorder=0)


def _draw_row(check: CheckResult) -> str:
    estimate = check.estimate
    number = "none" if estimate is None else f"{estimate.value:.3f}"
    if estimate is not None and estimate.bounds is not None:
        number += f" [{estimate.bounds.low:.3f}, {estimate.bounds.high:.3f}]"
    text = check.outcome.label + ("" if check.required else " (not required)")
    return (
        f"<tr title='{escape(check.reason, quote=True)}'><td>{escape(check.title)}</td><td>{number}</td>"
        f"<td>{escape(str(check.limit))}</td><td style='color:{_colour(check.outcome)}'>{escape(text)}</td></tr>"
    )
