"""The product in one sentence: policy + case -> evidence -> findings -> verdict -> record."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from unlearn_audit.assets import read_published_selftest
from unlearn_audit.errors import EvidenceError
from unlearn_audit.evidence import Evidence
from unlearn_audit.evidence.predictions.plausibility import validate_better_than_chance
from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.findings.measurement import measure, trace
from unlearn_audit.findings.obstacles import DOUBT
from unlearn_audit.findings.threshold_counts import count_at_thresholds
from unlearn_audit.pipeline.result import Audit
from unlearn_audit.policy import Acceptances, KnownNames, Policy, describe_looks
from unlearn_audit.records import (
    AuditRecord,
    Finding,
    Message,
    Outcome,
    ProgressCallback,
    SelfTestSummary,
    Signer,
    Verdict,
    ignore_progress,
    write_message,
)
from unlearn_audit.records.key import MetricKey
from unlearn_audit.verdict.decision import decide
from unlearn_audit.verdict.guards import is_of_stopped
from unlearn_audit.verdict.hopeless_checks import list_hopeless_checks
from unlearn_audit.verdict.recommendation import recommend
from unlearn_audit.verdict.release_caveats import list_release_caveats

if TYPE_CHECKING:
    from unlearn_audit.cases import CaseRequest


def run_audit(policy: Policy, request: "CaseRequest", progress: ProgressCallback = ignore_progress) -> Audit:
    """Make the case, audit the unlearned model, and while it does not pass try the policy's remedies in their order.

    The verdict of the record is the audited model's; a remedy that passes is recommended, not silently put in its
    place. Stops at the first remedy that passes. Beside each stands its control, trained from scratch at the same cost.
    """
    from unlearn_audit.cases import add_control, add_remedy, build_case, list_remedies
    from unlearn_audit.cases.collection import collect
    from unlearn_audit.pipeline.remedy_search import choose_configuration

    case = build_case(policy, request, progress)
    evidence = collect(case, progress)
    if request.original:
        validate_better_than_chance(evidence, "the external original")
    record = judge(policy, evidence, progress)
    latest = record.verdict
    for remedy in list_remedies(policy, case) if request.remedy else ():
        if latest.outcome is Outcome.PASS:
            break
        case, choice = choose_configuration(policy, case, evidence, remedy)
        case = add_control(add_remedy(case, choice, remedy), choice, remedy.model_name) if choice else case
        evidence = collect(case, progress, known=evidence)
        record = judge(policy, evidence, progress, known=record)
        latest = next((v for v in record.verdicts if v.model == remedy.model_name), latest)
    return Audit(policy, evidence, record, case.files)


def judge(
    policy: Policy, evidence: Evidence, progress: ProgressCallback = ignore_progress, known: AuditRecord | None = None
) -> AuditRecord:
    """Measure, decide and record. Needs no torch; the same policy and evidence give the same bytes.

    Args:
        policy: what decides.
        evidence: what is judged.
        progress: called as each part is finished.
        known: the record of the same case with fewer models; saves measuring those again and changes no byte.

    Raises:
        EvidenceError: the evidence was collected for another set of positive classes than the policy's, or with splits
            that the policy does not allow.
    """
    _validate_task(policy, evidence)
    _validate_disjoint(policy, evidence)
    provenance = evidence.provenance
    context = EvaluationContext(evidence, policy)
    findings = measure(context, progress, known.findings if known else ())
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
        curves=trace(context, findings),
        threshold_counts=count_at_thresholds(context),
        verdicts=verdicts,
        looks=context.looks,
        outcome=verdicts[0].outcome,
        recommendation=recommend(
            verdicts,
            provenance,
            list_hopeless_checks(findings, policy, provenance, verdicts[0]),
            tuple(_list_caveats(context, findings)),
        ),
        selftest=SelfTestSummary.model_validate_json(read_published_selftest()),
    )


def _list_caveats(context: EvaluationContext, findings: tuple[Finding, ...]) -> Iterator[Message]:
    """Yield what whoever releases must know besides: on page one."""
    yield from list_release_caveats(context.policy, context.evidence.provenance, findings)
    if caveat := describe_looks(context.looks, context.evidence.provenance):
        yield caveat
    doubts = (caveat for finding in findings for caveat in finding.caveats if caveat.code == DOUBT)
    if (doubt := next(doubts, None)) is not None:
        yield write_message("release-in-doubt", cause=doubt)


def name_signer(audit: Audit, signer: Signer) -> Audit:
    """Return the audit whose record names `signer`. Nothing is measured again: no number depends on who signs."""
    evidence = replace(audit.evidence, provenance=audit.evidence.provenance.model_copy(update={"signer": signer}))
    return replace(audit, evidence=evidence, record=judge(audit.policy, evidence, known=audit.record))


def reach_verdicts(policy: Policy, evidence: Evidence, *, plan: bool = True) -> tuple[Verdict, ...]:
    """Return the verdicts that `judge` records, after measuring only what the policy's checks ask of the candidates.

    Without `plan` no check says how many records would decide it; outcomes and bounds are the same.

    Raises:
        EvidenceError: the evidence was collected for another set of positive classes than the policy's, or with splits
            that the policy does not allow.
    """
    _validate_task(policy, evidence)
    _validate_disjoint(policy, evidence)
    provenance = evidence.provenance
    candidates = {card.name: card.role for card in provenance.candidates}

    waived = bool(policy.waivers or provenance.waivers)

    def wants(key: MetricKey) -> bool:
        asked = key.model in candidates or (waived and is_of_stopped(key))
        return asked and any(
            (check.metric, check.against) == (key.metric, key.against) and check.among.is_informed_by(key.among)
            for check in policy.checks
        )

    findings = measure(EvaluationContext(evidence, policy), wants=wants)
    return tuple(
        decide(findings, policy, name, Acceptances.of(policy, provenance, role), plan=plan)
        for name, role in candidates.items()
    )


def name_known() -> KnownNames:
    """Return every name that the tables of this installation hold, for checking a policy."""
    from unlearn_audit.data import DATASETS
    from unlearn_audit.findings.attacks import ATTACKS
    from unlearn_audit.findings.metrics import METRICS
    from unlearn_audit.methods import METHODS
    from unlearn_audit.methods.user_supplied import USER_SUPPLIED
    from unlearn_audit.models import MODELS
    from unlearn_audit.training import OpenParameters

    return KnownNames(
        metrics={name: metric.traits for name, metric in METRICS.items()},
        attacks=frozenset(ATTACKS),
        methods={name: method.parameters for name, method in METHODS.items()} | {USER_SUPPLIED: OpenParameters},
        datasets=frozenset(DATASETS),
        models=frozenset(MODELS),
    )


def _validate_task(policy: Policy, evidence: Evidence) -> None:
    asked, found = set(policy.task.positive), set(evidence.provenance.data.positive_asked)
    if asked != found and asked != set(evidence.provenance.data.positive):
        raise EvidenceError(
            f"the policy's positive classes are {sorted(asked)}, the evidence was collected with {sorted(found)}",
            hint="recheck judges evidence of the same task; run the audit anew for another one",
        )


def _validate_disjoint(policy: Policy, evidence: Evidence) -> None:
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
