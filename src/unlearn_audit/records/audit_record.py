"""The record: everything a report says, as one canonical JSON. HTML and PDF are rendered from it alone."""

from enum import StrEnum
from typing import Any, Literal, Self

from pydantic import Field, ValidationError

from unlearn_audit.errors import IntegrityError
from unlearn_audit.records.canonical import digest_of, to_canonical_json
from unlearn_audit.records.estimates import Finding
from unlearn_audit.records.frozen import Frozen, is_absent
from unlearn_audit.records.key import MetricKey
from unlearn_audit.records.looks import Looks
from unlearn_audit.records.messages import Message, join_texts
from unlearn_audit.records.provenance import EarlierRun, Provenance
from unlearn_audit.records.rounding import round_number
from unlearn_audit.records.selftest_summary import SelfTestSummary
from unlearn_audit.records.threshold_counts import ThresholdCounts
from unlearn_audit.records.verdicts import Outcome, Verdict

RECORD_SCHEMA: Literal["unlearn-audit/record/v1"] = "unlearn-audit/record/v1"


class CurveKind(StrEnum):
    """What a curve's x and y are."""

    COST_RATIO = "cost-ratio"
    """x: cost of a false negative in false positives; y: Global Risk in false positives per case."""
    ROC = "roc"
    """x: false-positive rate, y: true-positive rate of a membership attack."""
    SCORES = "scores"
    """x: centre of a bin, y: density of an attack's score on one split."""
    RELIABILITY = "reliability"
    """x: mean probability stated in a bin, y: share of it that is positive, with Clopper-Pearson ends."""
    NET_BENEFIT = "net-benefit"
    """x: threshold probability, y: net benefit; at the prevalence that the key's metric names."""
    RECORD_RECOGNITION = "record-recognition"
    """x: t of each erased record, in rising order; y: from where on one is recognised."""
    PATIENT_RECOGNITION = "patient-recognition"
    """The same of each erased patient."""


class Curve(Frozen):
    """Points of a figure. `low` and `high` are a band around `y` where there is one."""

    kind: CurveKind
    key: MetricKey = Field(description="the metric that the figure belongs to, and what it was drawn of")
    split: Literal["retain", "forget", "test"] | None = Field(
        default=None, exclude_if=is_absent, description="the split whose scores a 'scores' curve shows"
    )
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] | None = None
    high: tuple[float, ...] | None = None


class Recommendation(Frozen):
    """What to do, and why."""

    action: Literal["release", "release-remedied", "do-not-release", "collect-evidence"]
    model: str | None = Field(default=None, description="the model the action names, where it names one")
    advice: tuple[Message, ...] = Field(min_length=1, description="what to do and why, in sentences")

    @property
    def text(self) -> str:
        """The advice as a paragraph."""
        return join_texts(self.advice)


class AuditRecord(Frozen):
    """One audit. `verdicts[0]` is the audited model's and equals `outcome`; remedied and compared models follow."""

    schema_: Literal["unlearn-audit/record/v1"] = Field(default=RECORD_SCHEMA, alias="schema")
    policy: dict[str, Any] = Field(description="the policy as validated, defaults filled in")
    policy_sha256: str = Field(description="of the canonical JSON of `policy`")
    evidence_sha256: str = Field(description="content digest of the evidence, see Evidence.digest")
    provenance: Provenance
    findings: tuple[Finding, ...]
    curves: tuple[Curve, ...] = ()
    threshold_counts: ThresholdCounts | None = Field(
        default=None, exclude_if=is_absent, description="for trying other operating points; no check rests on them"
    )
    verdicts: tuple[Verdict, ...] = Field(min_length=1)
    looks: Looks | None = Field(
        default=None,
        exclude_if=is_absent,
        description="looks at the test split, where the policy plans them",
    )
    outcome: Outcome
    recommendation: Recommendation
    selftest: SelfTestSummary | None = Field(
        default=None, description="how often the gate decides wrongly where the truth is planted: the published run"
    )

    @property
    def verdict(self) -> Verdict:
        """The verdict on the audited model."""
        return self.verdicts[0]

    def to_bytes(self) -> bytes:
        """Return the canonical JSON (RFC 8785), which is what is digested, signed and rendered."""
        return to_canonical_json(self.model_dump(mode="json"))

    def list_runs(self) -> tuple[EarlierRun, ...]:
        """Return this audit and the earlier ones that it lists, as a later audit of the same case lists them."""
        made, policy = self.provenance, self.policy
        card = next((card for card in made.models if card.name == self.verdict.model), None)
        this_run = EarlierRun(
            record_sha256=digest_of(self.to_bytes()),
            created=made.created,
            case=made.case,
            policy=f"{policy.get('id')} {policy.get('version')}",
            policy_sha256=self.policy_sha256,
            evidence_sha256=self.evidence_sha256,
            test_sha256=self.looks.test_sha256 if self.looks else None,
            spent=round_number(1 - self.looks.confidence) if self.looks else None,
            model=card.title if card else self.verdict.model,
            outcome=self.verdict.outcome,
            with_waivers=self.verdict.is_pass_with_waivers,
        )
        return (*made.earlier_runs, this_run)

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """Read a record back; `from_bytes(r.to_bytes()) == r`.

        Raises:
            IntegrityError: not a record of this schema version.
        """
        try:
            return cls.model_validate_json(content)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the file"
            raise IntegrityError(
                f"this is not an audit record of schema {RECORD_SCHEMA}: {where}: {first['msg']}",
                hint="records are written by 'unlearn-audit run'; was this file edited or made by another version?",
            ) from error
