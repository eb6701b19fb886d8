"""SARIF 2.1.0: each check that is not passed is a result that points at its rule's line in the policy file."""

import json
from typing import Any
from urllib.parse import quote

from unlearn_audit.formats.severity import LONGEST_TITLE, Severity, describe, flatten, title_of, weigh
from unlearn_audit.formats.sources import Sources
from unlearn_audit.presentation.wording import format_limit
from unlearn_audit.records import AuditRecord, CheckResult, digest_of

SARIF_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def render_sarif(record: AuditRecord, sources: Sources) -> str:
    """Return a SARIF log with one run: all checks as rules, those that are not passed as results.

    Inconclusive and not-run checks that are required are errors like failed ones, with the outcome in the message:
    SARIF's own kind for them has no level, and a gate that looks at levels would let them through. A check that is
    waived is a notification and no result: GitHub opens an alert for every result, also for a suppressed one.
    """
    checks = record.verdict.checks
    shown = [(index, check) for index, check in enumerate(checks) if weigh(check)]
    results = [_make_result(record, sources, index) for index, check in shown if not check.is_waived]
    waived = [_notify(index, check) for index, check in shown if check.is_waived]
    policy = flatten(str(record.policy.get("id")), LONGEST_TITLE)
    run = {
        "tool": {
            "driver": {
                "name": record.provenance.tool,
                "version": record.provenance.version,
                "rules": [_make_rule(check) for check in checks],
            }
        },
        "automationDetails": {"id": f"unlearn-audit/{policy}/"},
        "invocations": [
            {
                "executionSuccessful": True,
                "endTimeUtc": record.provenance.created,
                **({"toolExecutionNotifications": waived} if waived else {}),
            }
        ],
        "results": results,
        "properties": {
            "verdict": record.outcome.value,
            **(
                {"waivedChecks": [flatten(check.id) for check in record.verdict.waived]}
                if record.verdict.waived
                else {}
            ),
            "verdictReason": flatten(record.verdict.reason),
            "recommendation": flatten(record.recommendation.text),
            "recordSha256": digest_of(record.to_bytes()),
            "policySha256": record.policy_sha256,
        },
    }
    return json.dumps({"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _make_rule(check: CheckResult) -> dict[str, Any]:
    title = flatten(check.title, LONGEST_TITLE) or flatten(check.id)
    return {
        "id": flatten(check.id),
        "shortDescription": {"text": title},
        "fullDescription": {"text": f"{title}: tolerance {flatten(format_limit(check.limit))}."},
        "help": {"text": f"Why this tolerance: {flatten(check.why)}"},
        "defaultConfiguration": {"level": (Severity.ERROR if check.required else Severity.WARNING).value},
        "properties": {"tags": [flatten(check.kind)], "required": check.required},
    }


def _make_result(record: AuditRecord, sources: Sources, index: int) -> dict[str, Any]:
    check = record.verdict.checks[index]
    severity = weigh(check)
    mark = fingerprint(record, check)
    return {
        "ruleId": flatten(check.id),
        "ruleIndex": index,
        "kind": "fail",
        "level": severity.value if severity else "none",
        "message": {"text": _keep_plain(f"{title_of(check)}. {describe(check)}")},
        "locations": [{"physicalLocation": _locate(sources, check)}],
        "partialFingerprints": {"unlearnAuditCheck/v1": mark},
        "properties": {"outcome": check.outcome.value, "required": check.required, "metric": check.key.metric},
    }


def _notify(index: int, check: CheckResult) -> dict[str, Any]:
    """Return what is said of a check that is waived: its finding, and by whom, why and until when it is waived."""
    return {
        "associatedRule": {"id": flatten(check.id), "index": index},
        "level": Severity.WARNING.value,
        "message": {"text": _keep_plain(f"{title_of(check)}. {describe(check)}")},
    }


def _keep_plain(text: str) -> str:
    """Return `text` without what SARIF reads as a link, '[text](target)', in the message of a result."""
    return text.replace("](", "] (")


def fingerprint(record: AuditRecord, check: CheckResult) -> str:
    """Return what makes two results the same alert: the check, by policy and id, not its line, wording or numbers.

    GitHub's own fingerprint is the hash of the line, which its upload computes; another value there is a warning.
    """
    return digest_of(["unlearn-audit/check/v1", str(record.policy.get("id")), check.id])


def _locate(sources: Sources, check: CheckResult) -> dict[str, Any]:
    """Return the place of the check; without a line where it is not known, never with an invented one."""
    place: dict[str, Any] = {"artifactLocation": {"uri": quote(sources.policy_file)}}
    if check.id in sources.lines:
        place["region"] = {"startLine": sources.lines[check.id]}
    return place
