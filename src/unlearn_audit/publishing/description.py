"""A verified report in the words of an experiment tracker: parameters, metrics and tags."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from unlearn_audit.records import AuditRecord, CheckResult, Outcome, digest_of
from unlearn_audit.verification.answers import State, Verification

PREFIX = "unlearn_audit."
OUTCOME = f"{PREFIX}outcome"
RECORD = f"{PREFIX}record_sha256"
PUBLISHING = "publishing"
"""Stands in the outcome's place until everything else is there: what was interrupted never reads as a pass."""
_ON_VERSION = ("reason", "record_sha256", "policy", "policy_sha256", "model_sha256", "created", "authenticity",
               "signer_fingerprint")  # fmt: skip


@dataclass(frozen=True)
class Description:
    """What is logged of a record. Tags carry `PREFIX`.

    Attributes:
        name: of the run.
        outcome: as printed: 'pass', 'pass with waivers', 'fail' or 'inconclusive'; only the first is a pass alone.
        created: when the evidence was collected, in milliseconds since 1970; the same at every publication.
        params: what was asked: policy, method, forgotten records, data, tolerances.
        metrics: what was measured of the audited model, for each check of the policy that has a number.
        tags: identity, signer and outcome, without `OUTCOME` itself, which is set last.
        checks: the outcome of each check as a tag, which also says what was not run.
    """

    name: str
    outcome: str
    created: int
    params: dict[str, str]
    metrics: dict[str, float]
    tags: dict[str, str]
    checks: dict[str, str] = field(default_factory=dict)

    @property
    def version_tags(self) -> dict[str, str]:
        """What a model version says by itself; MLflow sets its tags one by one."""
        return {name: text for name, text in self.tags.items() if name.removeprefix(PREFIX) in _ON_VERSION}


def describe(verification: Verification) -> Description:
    """Return what is logged of the record of `verification`.

    Raises:
        ValueError: the verification has no record, so that nothing can be said of it.
    """
    record = verification.record
    if record is None:
        raise ValueError("a report that does not verify is not described")
    verdict, outcome = record.verdict, name_outcome(verification)
    return Description(
        name=f"unlearn-audit {record.policy.get('id')} {outcome}",
        outcome=outcome,
        created=_read_moment(record.provenance.created),
        params=dict(_list_params(record)),
        metrics=dict(_list_metrics(record)),
        tags={f"{PREFIX}{name}": text for name, text in _list_tags(record, verification)},
        checks={f"{PREFIX}check.{check.id}": name_check(check) for check in verdict.checks},
    )


def name_outcome(verification: Verification) -> str:
    """Return the verdict as printed; where a waiver that it rests on has ended, the one without waivers.

    Raises:
        ValueError: there is no record.
    """
    if verification.record is None:
        raise ValueError("a report that does not verify has no outcome")
    verdict = verification.record.verdict
    if any(line.state is State.EXPIRED for line in verification.lines):
        return verdict.outcome_without_waivers.label
    return verdict.label


def name_check(check: CheckResult) -> str:
    """Return the outcome of a check, and why it does not count where it does not."""
    return f"{check.outcome.label}{check.standing}"


def _list_params(record: AuditRecord) -> Iterator[tuple[str, str]]:
    made, policy = record.provenance, record.policy
    card = made.find_model(record.verdict.model)
    yield "policy", f"{policy.get('id')} {policy.get('version')}"
    yield "policy_sha256", record.policy_sha256
    yield "case", made.case
    yield "data", made.data.name
    yield "data_sha256", made.data.sha256
    yield "test_records", str(made.data.splits["test"].n) if "test" in made.data.splits else "none"
    yield "method", card.method
    yield "seed", str(made.seed)
    yield "confidence", f"{record.verdict.confidence:g}"
    yield "forget_by", made.forget.by
    yield "forget_count", str(made.forget.count)
    yield "forget_positive", str(made.forget.positive)
    yield "forget_fraction", f"{made.forget.fraction:g}"
    for check in record.verdict.checks:
        yield f"check/{check.id}/tolerance", str(check.limit)


def _list_metrics(record: AuditRecord) -> Iterator[tuple[str, float]]:
    """A check without a number has no metric: a tracker would draw a zero or a gap as a value."""
    required = [check for check in record.verdict.checks if check.required]
    for outcome in Outcome:
        yield f"required_checks/{outcome.value}", float(sum(check.outcome is outcome for check in required))
    for check in record.verdict.checks:
        if check.estimate is None:
            continue
        yield f"check/{check.id}/estimate", check.estimate.value
        if check.estimate.bounds is not None:
            yield f"check/{check.id}/lower", check.estimate.bounds.low
            yield f"check/{check.id}/upper", check.estimate.bounds.high


def _list_tags(record: AuditRecord, verification: Verification) -> Iterator[tuple[str, str]]:
    made, policy = record.provenance, record.policy
    card = made.find_model(record.verdict.model)
    yield "reason", record.verdict.reason
    yield "recommendation", record.recommendation.action
    yield "record_sha256", digest_of(record.to_bytes())
    yield "evidence_sha256", record.evidence_sha256
    yield "policy", f"{policy.get('id')} {policy.get('version')}"
    yield "policy_sha256", record.policy_sha256
    yield "model_title", card.title
    yield "model_sha256", card.sha256 or "none"
    yield "created", made.created
    yield "tool", f"{made.tool} {made.version}"
    yield "authenticity", verification.find("authenticity").state.value
    if made.signer is not None:
        yield "signer", made.signer.subject
        yield "signer_fingerprint", made.signer.fingerprint


def _read_moment(created: str) -> int:
    """Return the milliseconds since 1970 of an ISO 8601 time; one without a zone is UTC."""
    moment = datetime.fromisoformat(created)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
