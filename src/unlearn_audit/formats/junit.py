"""JUnit XML as GitLab and Jenkins read it: one test case for each check on the audited model."""

import xml.etree.ElementTree as ET

from unlearn_audit.formats.severity import Severity, describe, flatten, name_policy, title_of, weigh
from unlearn_audit.formats.sources import Sources
from unlearn_audit.records import AuditRecord, CheckResult, Outcome, digest_of

_ELEMENTS = {Outcome.FAIL: "failure", Outcome.INCONCLUSIVE: "error"}


def render_junit(record: AuditRecord, sources: Sources) -> str:
    """Return the checks as JUnit XML: fail is a failure, inconclusive an error, not run skipped or an error.

    A required check that was not run is an error: readers of JUnit count a skipped test among the good ones. A check
    that is waived is skipped for the same reason: the gate does not stop for it.
    """
    checks = record.verdict.checks
    elements = [_name_element(check) for check in checks]
    counts = {"tests": str(len(checks))} | {
        attribute: str(elements.count(element))
        for attribute, element in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped"))
    }
    name = f"Unlearning audit, policy {name_policy(record)}"
    root = ET.Element("testsuites", {"name": name, **counts})
    created = record.provenance.created.removesuffix("Z")
    suite = ET.SubElement(root, "testsuite", {"name": name, **counts, "timestamp": created})
    _add_properties(suite, record)
    for check, element in zip(checks, elements, strict=True):
        _add_case(suite, check, element, record, sources)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _name_element(check: CheckResult) -> str | None:
    if check.is_waived:
        return "skipped"
    if check.outcome is Outcome.NOT_RUN:
        return "error" if weigh(check) is Severity.ERROR else "skipped"
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


def _add_case(suite: ET.Element, check: CheckResult, element: str | None, record: AuditRecord, where: Sources) -> None:
    policy = flatten(str(record.policy.get("id")))
    attributes = {
        "classname": f"unlearn-audit.{policy}.{flatten(check.kind)}",
        "name": title_of(check),
        "file": flatten(where.policy_file),
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
