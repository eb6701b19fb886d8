"""The attestation: one in-toto Statement over every file of a bundle, in one DSSE envelope.

One Statement, with the predicate type https://in-toto.io/attestation/test-result/v0.1, so that tools which know that
type can read it. Our own details stand in its `configuration`, as resource descriptors with annotations. Because those
tools may let WARNED through, an inconclusive audit is FAILED there; the exact outcome stands in the annotations. WARNED
is a pass with waivers, which is meant to be let through.

How an envelope is written, and why it has exactly one form, is said in `envelope`.
"""

from collections.abc import Mapping
from typing import Any

from cryptography import x509

from unlearn_audit.bundle.envelope import STATEMENT_TYPE, open_envelope
from unlearn_audit.records import AuditRecord, CheckResult, Outcome, digest_of, to_canonical_json

PREDICATE_TYPE = "https://in-toto.io/attestation/test-result/v0.1"
AUDIT_SCHEMA = "unlearn-audit/attestation/v1"


def make_statement(digests: Mapping[str, str], record: AuditRecord) -> bytes:
    """Return the canonical Statement over `digests` (file name -> SHA-256, hex) with the record's result.

    Only an outcome of PASS becomes PASSED, and WARNED where it rests on waivers. Required checks that did not pass are
    failed tests, whatever the reason; those that are waived are warned ones.
    """
    checks = record.verdict.checks
    named: dict[str, list[str]] = {"passedTests": [], "warnedTests": [], "failedTests": []}
    for check in checks:
        named[_sort_test(check)].append(check.id)
    statement = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": name, "digest": {"sha256": digests[name]}} for name in sorted(digests)],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "result": _name_result(record),
            "configuration": _describe_audit(record, digests.get("record.json")),
            **named,
        },
    }
    return to_canonical_json(statement)


def _name_result(record: AuditRecord) -> str:
    if record.outcome is not Outcome.PASS:
        return "FAILED"
    return "WARNED" if record.verdict.waived else "PASSED"


def _sort_test(check: CheckResult) -> str:
    if check.outcome is Outcome.PASS:
        return "passedTests"
    return "failedTests" if check.required and not check.is_waived else "warnedTests"


def _describe_audit(record: AuditRecord, record_sha256: str | None) -> list[dict[str, Any]]:
    """`record_sha256` saves serialising the record once more, where its file is among those that are digested."""
    signer = record.provenance.signer
    models = [{"name": f"model:{card.name}", "digest": {"sha256": card.sha256}, "annotations": {"method": card.method,
               "role": card.role}} for card in record.provenance.models if card.sha256]  # fmt: skip
    return [
        {
            "name": "record",
            "digest": {"sha256": record_sha256 or digest_of(record.to_bytes())},
            "annotations": {
                "schema": AUDIT_SCHEMA,
                "outcome": record.outcome.value,
                "model": record.verdict.model,
                "recommendation": record.recommendation.action,
                "created": record.provenance.created,
                "signerKind": signer.kind if signer else "test",
                "tool": f"{record.provenance.tool} {record.provenance.version}",
            },
        },
        {
            "name": "policy",
            "digest": {"sha256": record.policy_sha256},
            "annotations": {"digestOf": "canonical JSON of the policy as validated", "id": str(record.policy.get("id")),
                            "version": str(record.policy.get("version"))},
        },
        {
            "name": "evidence",
            "digest": {"sha256": record.evidence_sha256},
            "annotations": {"digestOf": "content of the evidence, independent of how it is stored"},
        },
        *models,
    ]  # fmt: skip


def open_attestation(envelope: bytes, signer: x509.Certificate) -> dict[str, Any]:
    """Return the Statement of a bundle's attestation; see `open_envelope` for what is refused."""
    return open_envelope(envelope, signer, PREDICATE_TYPE)
