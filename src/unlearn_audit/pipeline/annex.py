"""The annex: the test records that the report counts one by one, by id. The clinic needs the ids, a report does not.

It lies in the bundle beside the evidence, is as personal as that, and is covered by the attestation like any file. The
record holds counts alone, unless the policy says `record_ids: report`.
"""

import hmac
import json
from hashlib import sha256
from typing import Any

from unlearn_audit.errors import EvidenceError
from unlearn_audit.evidence import Evidence
from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.findings.metrics import METRICS
from unlearn_audit.policy import Policy
from unlearn_audit.records import AuditRecord, to_canonical_json

ANNEX_SCHEMA = "unlearn-audit/annex/v1"
_LABEL = b"unlearn-audit/annex/v1\n"


def make_annex(policy: Policy, evidence: Evidence, record: AuditRecord) -> bytes | None:
    """Return the annex as canonical JSON, None where no record is counted one by one or the report may name them.

    `blind` follows from the salt that stays with the evidence. Without it the digest of the annex, which the
    attestation publishes, would let somebody find a short list by trying names.

    Raises:
        EvidenceError: the evidence has no salt.
    """
    if policy.record_ids == "report":
        return None
    context = EvaluationContext(evidence, policy)
    lists = []
    for finding in record.findings:
        key = finding.key
        point_at = METRICS[key.metric].point_at
        if point_at is None or finding.estimate is None:
            continue
        if ids := point_at(context, key):
            lists.append({"key": key.model_dump(mode="json"), "ids": list(ids)})
    if not lists:
        return None
    content = {"schema": ANNEX_SCHEMA, "evidence_sha256": record.evidence_sha256, "blind": _blind(evidence)}
    return to_canonical_json({**content, "lists": lists})


def _blind(evidence: Evidence) -> str:
    salt = evidence.provenance.forget.salt
    if not salt:
        raise EvidenceError("the evidence has no salt, and an annex without one could be found by trying names")
    return hmac.new(bytes.fromhex(salt), _LABEL, sha256).hexdigest()


def read_annex(content: bytes) -> list[dict[str, Any]]:
    """Return the lists of an annex, each with the key of the finding that counts them, and ids.

    Raises:
        EvidenceError: it is none.
    """
    try:
        document = json.loads(content)
        lists = document["lists"] if document["schema"] == ANNEX_SCHEMA else None
    except (ValueError, KeyError, TypeError) as error:
        raise EvidenceError("this is no annex of a report") from error
    if not isinstance(lists, list):
        raise EvidenceError(f"this is no annex of schema {ANNEX_SCHEMA}")
    return lists
