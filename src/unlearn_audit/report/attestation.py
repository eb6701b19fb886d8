"""The attestation: one in-toto Statement over every file of a bundle, in one DSSE envelope.

One Statement, with the predicate type https://in-toto.io/attestation/test-result/v0.1, so that tools which know that
type can read it. Our own details stand in its `configuration`, as resource descriptors with annotations. Because those
tools may let WARNED through, an inconclusive audit is FAILED there; the exact outcome stands in the annotations. WARNED
is a pass with waivers, which is meant to be let through.

There is exactly one byte string for an envelope: canonical JSON (RFC 8785), canonical base64, canonical DER with the
lower of the two equivalent values of s. A verifier compares bytes, so no bit of it can change unseen.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from unlearn_audit.errors import IntegrityError
from unlearn_audit.records import AuditRecord, CheckResult, Outcome, digest_of, to_canonical_json
from unlearn_audit.report.keys import SigningKey, describe, fingerprint_of

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://in-toto.io/attestation/test-result/v0.1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
AUDIT_SCHEMA = "unlearn-audit/attestation/v1"
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of the group P-256


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


def encode_for_signing(payload: bytes) -> bytes:
    """Return DSSE's pre-authentication encoding of `payload`: what is really signed."""
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def seal_envelope(payload: bytes, key: SigningKey) -> bytes:
    """Sign `payload` and return the envelope in its one canonical form."""
    r, s = decode_dss_signature(key.private.sign(encode_for_signing(payload), ec.ECDSA(SHA256())))
    signature = encode_dss_signature(r, min(s, _ORDER - s))
    return _write_envelope(payload, describe(key).fingerprint, signature)


def _write_envelope(payload: bytes, key_id: str, signature: bytes) -> bytes:
    return to_canonical_json(
        {
            "payload": base64.b64encode(payload).decode("ascii"),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{"keyid": key_id, "sig": base64.b64encode(signature).decode("ascii")}],
        }
    )


def open_envelope(envelope: bytes, signer: x509.Certificate) -> dict[str, Any]:
    """Return the Statement in `envelope` after checking its bytes and the signature of `signer`.

    Says nothing about whether `signer` is to be trusted.

    Raises:
        IntegrityError: not a canonical envelope of one signature, another key, or the signature does not hold.
    """
    payload, signature = _split_envelope(envelope, fingerprint_of(signer))
    public = signer.public_key()
    if not isinstance(public, ec.EllipticCurvePublicKey) or not isinstance(public.curve, ec.SECP256R1):
        raise IntegrityError("the signer's certificate does not hold an ECDSA P-256 key")
    try:
        public.verify(signature, encode_for_signing(payload), ec.ECDSA(SHA256()))
    except InvalidSignature as error:
        raise IntegrityError("the signature over the attestation does not hold") from error
    statement = json.loads(payload)
    if to_canonical_json(statement) != payload:
        raise IntegrityError("the attestation's statement is not canonical JSON")
    kinds = (statement.get("_type"), statement.get("predicateType")) if isinstance(statement, dict) else ()
    if kinds != (STATEMENT_TYPE, PREDICATE_TYPE):
        raise IntegrityError("the attestation holds a statement of another type")
    return dict(statement)


def _split_envelope(envelope: bytes, key_id: str) -> tuple[bytes, bytes]:
    """Return payload and signature; writing them again must give the very same bytes."""
    try:
        fields = json.loads(envelope)
        signature = base64.b64decode(fields["signatures"][0]["sig"], validate=True)
        payload = base64.b64decode(fields["payload"], validate=True)
        r, s = decode_dss_signature(signature)
    except (ValueError, KeyError, IndexError, TypeError, RecursionError, binascii.Error) as error:
        raise IntegrityError("attestation.dsse.json is not a DSSE envelope with one signature") from error
    canonical = encode_dss_signature(r, min(s, _ORDER - s)) if 0 < s < _ORDER else b""
    if _write_envelope(payload, key_id, canonical) != envelope:
        raise IntegrityError("the attestation is not in its canonical form, or names another key than the signer's")
    return payload, signature
