"""A verdict in Python: what it rests on, how a notebook shows it, and how it becomes a signed report."""

from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unlearn_audit.errors import UsageError
from unlearn_audit.evidence import Evidence
from unlearn_audit.evidence.parquet import to_parquet
from unlearn_audit.pipeline.audit import judge
from unlearn_audit.policy import Policy
from unlearn_audit.records import AuditRecord, CheckResult, Outcome

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_COLOURS = {Outcome.PASS: "#1a7f37", Outcome.FAIL: "#b42318"}
_DOUBT = "#9a6700"


@dataclass(frozen=True, eq=False)
class Audited:
    """A verdict with all that it rests on. Shows itself as a table in notebooks; not signed before `save`."""

    policy: Policy
    evidence: Evidence
    record: AuditRecord

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

    def save(
        self,
        folder: str | Path,
        *,
        key: str | Path | None = None,
        chain: str | Path | None = None,
        passphrase: str | None = None,
        force: bool = False,
    ) -> Path:
        """Write the signed report folder, as `run` does, and return its path; `verify` takes it.

        Args:
            folder: must not hold anything, or an earlier report with `force`.
            key: signing key (PKCS#8 PEM or PKCS#12); without one a labelled TEST key signs, which every page says.
            chain: certificates of the key (PEM), signer first.
            passphrase: of the key.
            force: replace an earlier report.

        Raises:
            ReportError, KeyFileError: nothing is left behind then.
        """
        from unlearn_audit.pki.keys import describe, load_signing_key
        from unlearn_audit.pki.laboratory_ca import make_test_key
        from unlearn_audit.signing.bundle import validate_output_folder, write_bundle

        validate_output_folder(Path(folder), force=force)
        chain_path = Path(chain) if chain is not None else None
        signing = load_signing_key(Path(key), chain_path, passphrase) if key is not None else make_test_key()
        # The record names its signer, and the numbers do not depend on it: they are taken over, not measured again.
        told = self.evidence.provenance.model_copy(update={"signer": describe(signing)})
        signed = replace(self.evidence, provenance=told)
        record = judge(self.policy, signed, known=self.record)
        return write_bundle(Path(folder), _fill(self.policy, signed, record), record, signing, force=force)

    def _repr_html_(self) -> str:
        """Return the verdict as a table for notebooks. Every text is escaped: ids and titles come from outside."""
        rows = "".join(_draw_row(check) for check in self.checks)
        return (
            f"<div><p><strong style='color:{_colour(self.outcome)}'>{escape(self.outcome.label.upper())}</strong> "
            f"{escape(self.record.verdict.reason)}</p><table><thead><tr><th>Check</th><th>Estimate [bounds]</th>"
            f"<th>Tolerance</th><th>Outcome</th></tr></thead><tbody>{rows}</tbody></table>"
            f"<p>{escape(self.record.recommendation.text)} Policy {escape(self.policy.id)} "
            f"{escape(self.policy.version)}; {len(self.evidence)} records. Not signed: <code>save</code> is.</p></div>"
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
    said = check.outcome.label + ("" if check.required else " (not required)")
    return (
        f"<tr title='{escape(check.reason, quote=True)}'><td>{escape(check.title)}</td><td>{number}</td>"
        f"<td>{escape(str(check.limit))}</td><td style='color:{_colour(check.outcome)}'>{escape(said)}</td></tr>"
    )


def _fill(policy: Policy, evidence: Evidence, record: AuditRecord) -> dict[str, bytes]:
    from unlearn_audit.formats import FORMATS
    from unlearn_audit.formats.sources import Sources

    made = {form.file: form.render(record, Sources()) for form in FORMATS.values() if form.always}
    files = {name: content.encode() if isinstance(content, str) else content for name, content in made.items()}
    written = policy.model_dump_json(indent=2, by_alias=True, exclude_none=True)  # JSON is YAML
    return {**files, "evidence.parquet": to_parquet(evidence), "policy.yaml": f"{written}\n".encode()}
