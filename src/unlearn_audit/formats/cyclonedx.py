"""CycloneDX 1.6, a bill of materials of the audited model: measured numbers, digests of models and data.

The audited model is what the bill is of; the other models of the case and the data are its components. Verdict and
checks are properties, since CycloneDX has no word for them: `unlearn-audit:verdict` says `fail`, `inconclusive`, `pass`
or `pass with waivers`. Ids of records and patients are never in it.
"""

import json
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

from unlearn_audit.formats.severity import LONGEST_TITLE, describe, flatten, name_policy, outcome_of
from unlearn_audit.presentation.sections.case import is_test_signed
from unlearn_audit.presentation.wording import format_percent
from unlearn_audit.records import AuditRecord, Device, Finding, ModelCard, digest_of

CYCLONEDX_SCHEMA = "http://cyclonedx.org/schema/bom-1.6.schema.json"
_DATA = "data"
_STANDING = "Evidence for a decision, not a certificate of compliance."
_CLASSIFICATION = {"approach": {"type": "supervised"}, "task": "classification"}


def render_cyclonedx(record: AuditRecord) -> str:
    """Return a machine-learning bill of materials, valid by the schema of CycloneDX 1.6. Same record, same bytes.

    The interval beside a number is two-sided, for the eye. The one-sided bounds that decided stand in the text of each
    check. What was not measured is a technical limitation with its reason; no number stands for it.
    """
    made, digest = record.provenance, digest_of(record.to_bytes())
    audited = made.find_model(record.verdict.model) if _is_known(record) else None
    bill = {
        "$schema": CYCLONEDX_SCHEMA,
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, digest)}",
        "version": 1,
        "metadata": {
            "timestamp": made.created,
            "tools": {"components": [{"type": "application", "name": made.tool, "version": made.version}]},
            "component": {
                **_identify(record.verdict.model, audited),
                "modelCard": _write_card(record),
                "properties": _write_properties(_list_properties(record, digest)),
            },
        },
        "components": [
            *(_identify(card.name, card) for card in made.models if card.name != record.verdict.model),
            _write_data(record),
        ],
    }
    return json.dumps(bill, indent=2) + "\n"


def _is_known(record: AuditRecord) -> bool:
    return any(card.name == record.verdict.model for card in record.provenance.models)


def _identify(name: str, card: ModelCard | None) -> dict[str, Any]:
    """Return a model as a component; files of a model in several are components of their own."""
    found: dict[str, Any] = {"type": "machine-learning-model", "bom-ref": f"model:{flatten(name)}"}
    if card is None:
        return {**found, "name": flatten(name, LONGEST_TITLE) or "model"}
    found |= {"name": flatten(card.title, LONGEST_TITLE) or flatten(name) or "model"}
    found |= {"description": flatten(f"{card.role}, made by {card.method}")}
    if card.parts:
        found["components"] = [
            {"type": "file", "name": flatten(part), "hashes": _hash(digest)} for part, digest in card.parts.items()
        ]
    elif card.sha256:
        found["hashes"] = _hash(card.sha256)
    return found


def _hash(digest: str) -> list[dict[str, str]]:
    return [{"alg": "SHA-256", "content": digest}]


def _write_card(record: AuditRecord) -> dict[str, Any]:
    findings = [finding for finding in record.findings if finding.key.model == record.verdict.model]
    missing = (
        f"{flatten(f.title)} ({_slice(f)}) was not run: {flatten(f.not_run.text)}" for f in findings if f.not_run
    )
    use = record.policy.get("intended_purpose") or record.policy.get("applies_to")
    return {
        "modelParameters": {**_CLASSIFICATION, "datasets": [{"ref": _DATA}]},
        "quantitativeAnalysis": {"performanceMetrics": list(_list_metrics(findings))},
        "considerations": {
            **({"useCases": [flatten(str(use))]} if use else {}),
            "technicalLimitations": [*dict.fromkeys(missing), _STANDING],
        },
    }


def _list_metrics(findings: Iterable[Finding]) -> Iterator[dict[str, Any]]:
    for finding in findings:
        estimate = finding.estimate
        if estimate is None:
            continue
        metric: dict[str, Any] = {"type": finding.key.metric, "value": repr(estimate.value), "slice": _slice(finding)}
        if estimate.interval:
            low, high = repr(estimate.interval.low), repr(estimate.interval.high)
            metric["confidenceInterval"] = {"lowerBound": low, "upperBound": high}
        yield metric


def _slice(finding: Finding) -> str:
    """Return what a number is about: split or group, operating point, attack, the model it is compared with."""
    key = finding.key
    parts = (
        str(key.among),
        f"at {key.at}" if key.at else "",
        f"attack {key.attack}" if key.attack else "",
        f"against {key.against}" if key.against else "",
    )
    return flatten("; ".join(filter(None, parts)))


def _list_properties(record: AuditRecord, digest: str) -> Iterator[tuple[str, str]]:
    """Yield verdict, reason, recommendation, each check in words, and the digests that a reader holds them to."""
    verdict, made = record.verdict, record.provenance
    yield "verdict", verdict.label
    yield "verdict.reason", verdict.reason
    yield "recommendation", record.recommendation.text
    yield "policy", name_policy(record)
    yield "bounds", f"one-sided, {format_percent(verdict.confidence)} each; a check passes when all of them is inside"
    intervals = sorted({f.estimate.interval.confidence for f in record.findings if f.estimate and f.estimate.interval})
    yield "intervals", f"two-sided, {' or '.join(map(format_percent, intervals))} each; they decide nothing"
    for check in verdict.checks:
        yield f"check:{flatten(check.id)}", describe(check)
        yield f"check:{flatten(check.id)}:outcome", outcome_of(check).lower()
    yield from _identify_device(made.device)
    signer = made.signer
    yield "signer", "TEST KEY, not a valid signature" if signer is None or is_test_signed(signer) else signer.subject
    yield "record.sha256", digest
    yield "policy.sha256", record.policy_sha256
    yield "evidence.sha256", record.evidence_sha256
    yield "forgotten.records", str(made.forget.count)
    yield "forgotten.commitment", made.forget.commitment


def _identify_device(device: Device | None) -> Iterator[tuple[str, str]]:
    if device is not None:
        yield from ((f"device.{name}", str(value)) for name, value in device.model_dump().items() if value)


def _write_properties(listed: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"name": f"unlearn-audit:{name}", "value": flatten(value)} for name, value in listed]


def _write_data(record: AuditRecord) -> dict[str, Any]:
    data = record.provenance.data
    splits = "; ".join(
        f"{name}: {split.n} records, {split.positive} positive" for name, split in sorted(data.splits.items())
    )
    return {
        "type": "data",
        "bom-ref": _DATA,
        "name": flatten(data.name, LONGEST_TITLE) or "data",
        "description": flatten(data.source),
        "hashes": _hash(data.sha256),
        "licenses": [{"license": {"name": flatten(data.licence, LONGEST_TITLE) or "not stated"}}],
        "data": [{"type": "dataset", "name": flatten(data.name, LONGEST_TITLE), "description": flatten(splits)}],
    }
