"""JUnit XML as GitLab and Jenkins read it: one test case for each check on the audited model."""

import xml.etree.ElementTree as ET

from unlearn_audit.formats.severity import Severity, describe, flatten, name_policy, title_of, weigh
from unlearn_audit.formats.sources import Sources
from unlearn_audit.records import AuditRecord, CheckResult, Outcome, digest_of

_ELEMENTS = {Outcome.FAIL: "failure", Outcome.INCONCLUSIVE: "error", Outcome.NOT_RUN: "error"}
_NO_TIME = "0"


def render_junit(record: AuditRecord, sources: Sources) -> str:
    """Return the checks as JUnit XML that readers call green exactly where the verdict is a pass.

    Of the required checks a failed one is a failure, one that is open or was not run an error: readers of JUnit count a
    skipped test among the good ones. What does not stop the gate, a check that is waived or not required, is skipped
    whatever came out, with the outcome in its message: a reader would call the whole run failed. A check has no time of
    its own, and readers want one: it is 0.
    """
    checks = record.verdict.checks
    elements = [_name_element(check) for check in checks]
    counts = {"tests": str(len(checks))} | {
        attribute: str(elements.count(element)) for attribute, element in (("failures", "failure"), ("errors", "error"))
    }
    named = {"name": f"Unlearning audit, policy {name_policy(record)}", **counts, "time": _NO_TIME}
    root = ET.Element("testsuites", named)
    where = {"timestamp": record.provenance.created.removesuffix("Z"), "file": flatten(sources.policy_file)}
    suite = ET.SubElement(root, "testsuite", {**named, "skipped": str(elements.count("skipped")), **where})
    _add_properties(suite, record)
    for check, element in zip(checks, elements, strict=True):
        _add_case(suite, check, element, record)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _name_element(check: CheckResult) -> str | None:
    if weigh(check) in (Severity.WARNING, Severity.NOTE):
        return "skipped"
    return _ELEMENTS.get(check.outcome)


def _add_properties(suite: ET.Element, record: AuditRecord) -> None:
    listed = {
        "verdict": record.verdict.label,
        "verdict.reason": record.verdict.reason,
        "recommendation": record.recommendation.text,
        "case": record.provenance.case,
        "model": record.verdict.model,
        "record.sha256": digest_of(record.to_bytes()),
    }
    properties = ET.SubElement(suite, "properties")
    for name, value in listed.items():
        ET.SubElement(properties, "property", {"name": name, "value": flatten(value)})


def _add_case(suite: ET.Element, check: CheckResult, element: str | None, record: AuditRecord) -> None:
    policy = flatten(str(record.policy.get("id")))
    attributes = {
        "classname": f"unlearn-audit.{policy}.{flatten(check.kind)}",
        "name": title_of(check),
        "time": _NO_TIME,
    }
    case = ET.SubElement(suite, "testcase", attributes)
    description = describe(check)
    if element == "skipped":
        ET.SubElement(case, "skipped", {"message": description})
    elif element is not None:
        bad = ET.SubElement(case, element, {"type": check.outcome.value, "message": description})
        bad.text = f"{description}\nWhy this tolerance: {flatten(check.why)}"
    else:
        ET.SubElement(case, "system-out").text = description
