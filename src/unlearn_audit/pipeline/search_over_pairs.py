"""The second half of a search: what pairs of reference models say of a configuration, as the verdict will hold it.

Every reference model is unlearned in the configuration, which costs as many unlearnings as there are models. So this is
asked last, of one configuration after the other; each finished model is kept, and found again where a search was cut
off. The model of the configuration itself is not asked: the controls among the pairs are test records.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from unlearn_audit.errors import CaseError, MeasurementError, UnfinishedError
from unlearn_audit.evidence import Evidence
from unlearn_audit.findings.audit_set import OF_PAIRS, gather_audit_set, looks_by_person
from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.findings.measurement import measure_pairs
from unlearn_audit.policy import Check, MethodChoice, Policy, Remedy
from unlearn_audit.records import (
    ALL,
    CheckResult,
    Message,
    ModelCard,
    Outcome,
    PairsOfConfiguration,
    find_reason,
    find_worst,
    write_message,
)
from unlearn_audit.verdict.decision import decide
from unlearn_audit.verdict.summary import title_of

if TYPE_CHECKING:
    from unlearn_audit.cases import Case


@dataclass(frozen=True)
class PairChecks:
    """The required checks over pairs of reference models that every configuration of a search is held to.

    Attributes:
        titles: of the checks, in the policy's order.
        models: reference models; 0 for none.
        confidence: one-sided, at which bounds on a remedied model decide: it counts every configuration of all
            remedies, asked or not, and the power that a test must have counts them alike.
        lacking: why no configuration can be asked; None where each can.
        ask: from a configuration's place in the search to what the pairs say of it.
    """

    titles: tuple[str, ...]
    models: int
    confidence: float
    lacking: Message | None
    ask: Callable[[int], PairsOfConfiguration]


def list_pair_checks(policy: Policy) -> tuple[Check, ...]:
    """Return the required checks of the policy that read pairs of reference models."""
    return tuple(check for check in policy.checks if check.required and check.metric in OF_PAIRS)


def prepare_pair_checks(policy: Policy, case: "Case", evidence: Evidence, remedy: Remedy) -> PairChecks | None:
    """Return what the configurations of `remedy` are held to over pairs; None where the policy requires nothing."""
    checks = list_pair_checks(policy)
    if not checks:
        return None
    lacking = find_lacking(EvaluationContext(evidence, policy), checks)

    def ask(place: int) -> PairsOfConfiguration:
        if lacking is not None:
            return PairsOfConfiguration(outcome=Outcome.NOT_RUN, reason=write_message("pairs-not-asked", cause=lacking))
        return _unlearn_and_judge(policy, case, evidence, remedy, remedy.settings[place])

    card = _describe_model(case, remedy, remedy.settings[0])
    return PairChecks(
        titles=tuple(title_of(check, policy) for check in checks),
        models=evidence.references.count if evidence.references else 0,
        confidence=EvaluationContext(add_card(evidence, card), policy).confidence_for(card.name),
        lacking=lacking,
        ask=ask,
    )


def find_lacking(context: EvaluationContext, checks: tuple[Check, ...]) -> Message | None:
    """Return why none of `checks` could be measured on any configuration: it lies with the reference models.

    There are none, fewer than twelve or none in pairs, or persons cannot be told apart or stand on both sides of a
    pair. Read off the original's own, which every configuration starts from.
    """
    try:
        for check in checks:
            gather_audit_set(context, "original", ALL, by_person=looks_by_person(context, check.metric))
    except MeasurementError as error:
        return find_reason(error)
    return None


def _describe_model(case: "Case", remedy: Remedy, setting: MethodChoice) -> ModelCard:
    """Return the card under which the verdict would read this configuration: by its name draws and errors go."""
    method = case.builder.methods[setting.method]
    return ModelCard(
        name=remedy.model_name,
        role="remedied",
        method=setting.method,
        title=method.title,
        parameters=method.parse(setting.parameters).model_dump(mode="json"),
    )


def add_card(evidence: Evidence, card: ModelCard) -> Evidence:
    """Return the evidence that also names the model of `card`, which has not answered."""
    models = (*evidence.provenance.models, card)
    return replace(evidence, provenance=evidence.provenance.model_copy(update={"models": models}))


def _unlearn_and_judge(
    policy: Policy, case: "Case", evidence: Evidence, remedy: Remedy, setting: MethodChoice
) -> PairsOfConfiguration:
    """Return what the pairs say of `setting`. A method that fails on a reference model is a result of the search.

    Raises:
        UnfinishedError: workers died, or nothing can be kept. That is no result.
        ValueError: there are no reference models.
    """
    if case.ensemble is None:
        raise ValueError("expected reference models, found none")
    card = _describe_model(case, remedy, setting)
    try:
        ensemble = case.ensemble.unlearn(card.name, setting)
        references = ensemble.ask(evidence.references)
    except UnfinishedError:
        raise
    except CaseError as error:
        return PairsOfConfiguration(outcome=Outcome.NOT_RUN, reason=write_message("not-made", error=error.message))
    said = judge_pairs(policy, replace(add_card(evidence, card), references=references), card.name)
    return said.model_copy(update={"seconds": ensemble.describe().unlearned[card.name]})


def judge_pairs(policy: Policy, evidence: Evidence, model: str) -> PairsOfConfiguration:
    """Hold the required checks over pairs against the procedure of `model`, which itself need not have answered.

    Args:
        policy: with at least one such check.
        evidence: with a card of `model`, and reference models that underwent its procedure.
        model: its name; of a remedy it decides the seed of every draw and the share of the error, so that the numbers
            are those of the verdict, to the last bit.

    Returns:
        The worst outcome, with a reason, and the estimate of each check.

    What must not be concluded: that the verdict on this model is a second test. It repeats this one on the same pairs;
    what makes it valid for the configuration that was chosen is that every configuration is charged for (Bonferroni).

    Raises:
        ValueError: the policy requires no check over pairs.
    """
    asked = {check.id for check in list_pair_checks(policy)}
    findings = measure_pairs(EvaluationContext(evidence, policy), model)
    results = [result for result in decide(findings, policy, model).checks if result.id in asked]
    return PairsOfConfiguration(
        outcome=find_worst(result.outcome for result in results),
        reason=_summarise(results),
        estimates={result.id: result.estimate for result in results if result.estimate is not None},
    )


def _summarise(results: list[CheckResult]) -> Message:
    missed = [result for result in results if result.outcome is not Outcome.PASS]
    if not missed:
        return write_message("all-pass-over-pairs", n=len(results))
    outcomes = [
        write_message(
            "check-with-outcome-and-reasons", title=result.title, outcome=result.outcome.label, reasons=result.reasons
        )
        for result in missed
    ]
    return write_message("some-do-not-pass-over-pairs", n=len(results), missed=len(missed), checks=outcomes)
