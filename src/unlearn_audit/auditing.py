"""The product in one sentence: policy + case -> evidence -> findings -> verdict -> record."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from unlearn_audit.assets import read_published_selftest
from unlearn_audit.errors import EvidenceError
from unlearn_audit.measurement import measure, trace
from unlearn_audit.policy import Acceptances, KnownNames, Policy, belongs_to
from unlearn_audit.predictions.plausibility import validate_better_than_chance
from unlearn_audit.records import AuditRecord, Evidence, Outcome, Say, SelfTestSummary, Verdict, say_nothing
from unlearn_audit.scope import Address, Scope
from unlearn_audit.threshold_counts import count_at_thresholds
from unlearn_audit.verdict import decide, recommend

if TYPE_CHECKING:
    from unlearn_audit.cases import CaseRequest


@dataclass(frozen=True, eq=False)
class Audit:
    """A finished audit: the record, the evidence it rests on, and the weights of the models by path in the bundle."""

    record: AuditRecord
    evidence: Evidence
    models: Mapping[str, bytes]


def run_audit(policy: Policy, request: "CaseRequest", say: Say = say_nothing) -> Audit:
    """Make the case, audit the unlearned model, and while it does not pass try the policy's remedies in their order.

    The verdict of the record is the audited model's; a remedy that passes is recommended, not silently put in its
    place. Stops at the first remedy that passes.
    """
    from unlearn_audit.cases import add_remedy, build_case, list_remedies
    from unlearn_audit.evidence import collect
    from unlearn_audit.search import choose_setting

    case = build_case(policy, request, say)
    evidence = collect(case, say)
    if request.original:
        validate_better_than_chance(evidence, "the original that was brought along")
    record = judge(policy, evidence, say)
    latest = record.verdict
    for remedy in list_remedies(policy, case) if request.remedy else ():
        if latest.outcome is Outcome.PASS:
            break
        case, choice = choose_setting(policy, case, evidence, remedy)
        case = add_remedy(case, choice) if choice else case
        evidence = collect(case, say, known=evidence)
        record = judge(policy, evidence, say, known=record)
        latest = record.verdicts[-1] if choice else latest
    return Audit(record, evidence, case.files)


def judge(policy: Policy, evidence: Evidence, say: Say = say_nothing, known: AuditRecord | None = None) -> AuditRecord:
    """Measure, decide and record. Needs no torch; the same policy and evidence give the same bytes.

    Args:
        policy: what decides.
        evidence: what is judged.
        say: hears about progress.
        known: the record of the same case with fewer models; saves measuring those again and changes no byte.

    Raises:
        EvidenceError: the evidence was collected for another set of positive classes than the policy's, or with splits
            that the policy does not allow.
    """
    _refuse_other_task(policy, evidence)
    _refuse_shared_groups(policy, evidence)
    provenance = evidence.provenance
    scope = Scope(evidence, policy)
    findings = measure(scope, say, known.findings if known else ())
    verdicts = tuple(
        decide(findings, policy, card.name, Acceptances.of(policy, provenance, card.role))
        for card in provenance.candidates
    )
    return AuditRecord(
        policy=policy.model_dump(mode="json"),
        policy_sha256=policy.digest(),
        evidence_sha256=evidence.digest(),
        provenance=provenance.without_salt(),
        findings=findings,
        curves=trace(scope, findings),
        threshold_counts=count_at_thresholds(scope),
        verdicts=verdicts,
        outcome=verdicts[0].outcome,
        recommendation=recommend(verdicts, provenance),
        selftest=SelfTestSummary.model_validate_json(read_published_selftest()),
    )


def reach_verdicts(policy: Policy, evidence: Evidence) -> tuple[Verdict, ...]:
    """Return the verdicts that `judge` records, after measuring only what the policy's checks ask of the candidates.

    Raises:
        EvidenceError: the evidence was collected for another set of positive classes than the policy's, or with splits
            that the policy does not allow.
    """
    _refuse_other_task(policy, evidence)
    _refuse_shared_groups(policy, evidence)
    provenance = evidence.provenance
    candidates = {card.name: card.role for card in provenance.candidates}

    def wants(metric: str, address: Address) -> bool:
        return address.model in candidates and any(
            (check.metric, check.against) == (metric, address.against) and belongs_to(check.among, address.among)
            for check in policy.checks
        )

    findings = measure(Scope(evidence, policy), wants=wants)
    return tuple(
        decide(findings, policy, name, Acceptances.of(policy, provenance, role)) for name, role in candidates.items()
    )


def name_known() -> KnownNames:
    """Return every name that the tables of this installation hold, for checking a policy."""
    from unlearn_audit.data import DATASETS
    from unlearn_audit.methods import METHODS
    from unlearn_audit.metrics import ATTACKS, METRICS
    from unlearn_audit.models import MODELS

    return KnownNames(
        metrics={name: metric.traits for name, metric in METRICS.items()},
        attacks=frozenset(ATTACKS),
        methods={name: method.parameters for name, method in METHODS.items()},
        datasets=frozenset(DATASETS),
        models=frozenset(MODELS),
    )


def _refuse_other_task(policy: Policy, evidence: Evidence) -> None:
    asked, found = set(policy.task.positive), set(evidence.provenance.data.positive_asked)
    if asked != found and asked != set(evidence.provenance.data.positive):
        raise EvidenceError(
            f"the policy's positive classes are {sorted(asked)}, the evidence was collected with {sorted(found)}",
            hint="recheck judges evidence of the same task; run the audit anew for another one",
        )


def _refuse_shared_groups(policy: Policy, evidence: Evidence) -> None:
    """Evidence from splits that share patients is no evidence under a policy that keeps them apart."""
    column = policy.data.disjoint if policy.data else None
    if column is None:
        return
    hint = "run the audit anew under this policy: it then makes splits that share no group"
    if column not in evidence.groups:
        raise EvidenceError(f"the policy keeps splits apart by '{column}', which the evidence does not have", hint=hint)
    shared = evidence.find_shared(column)
    if shared:
        listed = "; ".join(f"{count} in {first} and {second}" for (first, second), count in shared.items())
        raise EvidenceError(f"the policy lets no '{column}' stand in two splits, the evidence has {listed}", hint=hint)
