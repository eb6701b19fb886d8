"""Annotations for the log of a GitHub workflow, then the summary for whoever reads that log."""

from unlearn_audit.formats.markdown import render_markdown
from unlearn_audit.formats.severity import Severity, describe, flatten, title_of, weigh
from unlearn_audit.formats.sources import Sources
from unlearn_audit.records import AuditRecord, CheckResult, Outcome, digest_of

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}
_ORDER = list(_COMMANDS)


def render_github(record: AuditRecord, sources: Sources) -> str:
    """Return workflow commands, gravest first (GitHub shows ten of a kind for a step), and the summary as log text.

    Print it in a step. The summary stands between two marks within which GitHub obeys no command; the mark is the
    record's digest, which no text in the record can contain.
    """
    weighed = [(severity, check) for check in record.verdict.checks if (severity := weigh(check))]
    weighed.sort(key=lambda pair: _ORDER.index(pair[0]))
    mark = f"unlearn-audit-{digest_of(record.to_bytes())}"
    summary = render_markdown(record, sources)
    lines = [
        _annotate_verdict(record, sources),
        *(_annotate(severity, check, sources) for severity, check in weighed),
        "::group::Unlearning audit",
        f"::stop-commands::{mark}",
        *summary.splitlines(),
        f"::{mark}::",
        "::endgroup::",
    ]
    return "\n".join(lines) + "\n"


def _annotate_verdict(record: AuditRecord, sources: Sources) -> str:
    passed = "warning" if record.verdict.waived else "notice"
    command = passed if record.outcome is Outcome.PASS else "error"
    text = f"{record.verdict.reason} {record.recommendation.text}"
    title = f"Unlearning audit: {record.verdict.label.upper()}"
    return _command(command, {"file": flatten(sources.policy_file), "title": title}, flatten(text))


def _annotate(severity: Severity, check: CheckResult, sources: Sources) -> str:
    where = {"file": flatten(sources.policy_file)}
    if check.id in sources.lines:
        where["line"] = str(sources.lines[check.id])
    return _command(_COMMANDS[severity], {**where, "title": title_of(check)}, describe(check))


def _command(name: str, properties: dict[str, str], message: str) -> str:
    written = ",".join(f"{key}={_escape(value, ':,')}" for key, value in properties.items())
    return f"::{name} {written}::{_escape(message)}"


def _escape(text: str, also: str = "") -> str:
    """Return `text` as GitHub's runner decodes it: percent and line ends, in properties ':' and ',' as well."""
    return "".join(f"%{ord(c):02X}" if c in "%\r\n" + also else c for c in text)
