"""The search for a remedy's setting: of many the one with the least risk that meets every constraint, all recorded.

Constraints are the required checks on utility and forgetting on validation, then those over pairs of reference models
(`search_over_pairs`), which cost most and are asked last. Risk on validation orders what is left.

No model of a setting that is only tried is asked about a test record. Its place is taken by the validation split: what
is chosen there is optimistic there, which is why the chosen setting is then judged on the test split like any other
model. The pairs that choose are those that decide. For both, every bound on a remedied model is at a confidence that
counts every setting that may be tried (`EvaluationContext.confidence_for`): a union bound holds for any choice.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from unlearn_audit.errors import CaseError, UnfinishedError
from unlearn_audit.evidence import Evidence
from unlearn_audit.findings.attacks import is_population_attack
from unlearn_audit.findings.audit_set import OF_PAIRS
from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.findings.measurement import measure
from unlearn_audit.findings.metrics import METRICS
from unlearn_audit.pipeline.search_over_pairs import PairChecks, add_card, list_pair_checks, prepare_pair_checks
from unlearn_audit.policy import Check, MethodChoice, Policy, Remedy
from unlearn_audit.records import (
    ALL,
    POSITIVE,
    Estimate,
    Finding,
    HyperparameterSearch,
    Message,
    ModelCard,
    Outcome,
    TriedConfiguration,
    Verdict,
    write_message,
)
from unlearn_audit.records.key import MetricKey
from unlearn_audit.verdict.decision import decide

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unlearn_audit.cases import Case

_TRIED = "tried"
_RISK, _MEMBERSHIP = "global-risk", "membership-auc"


def choose_configuration(
    policy: Policy, case: "Case", evidence: Evidence, remedy: Remedy
) -> tuple["Case", MethodChoice | None]:
    """Return the setting of `remedy` to audit, None where none holds, and the case with the account of the search.

    A setting holds when every required forgetting and utility check of the policy passes on validation. In the order
    of the upper bound of Global Risk, those that hold are then held to the required checks over pairs of reference
    models; the first that passes them is chosen. A remedy without a search is its own setting.

    Raises:
        CaseError: there is nothing to search by, or on. UnfinishedError: workers died, or nothing can be kept; what was
            finished is found again.
    """
    if not remedy.search:
        return case, remedy
    stand_in, simple = put_validation_for_test(evidence), leave_out_references(policy)
    tried = [_try_setting(simple, case, stand_in, setting) for setting in remedy.settings]
    search = conclude(remedy.method, tried, prepare_pair_checks(policy, case, evidence, remedy))
    return case.with_search(search), None if search.chosen is None else remedy.settings[search.chosen]


def leave_out_references(policy: Policy) -> Policy:
    """Return the policy with those of its attacks and checks alone that need no reference models.

    Attacks with such models have test records for controls, and the model of a setting that is only tried must not be
    asked about one. Checks over pairs ask other models, and are asked afterwards. All attacks and checks decide on the
    chosen setting.

    Raises:
        CaseError: no attack, or no required check on forgetting, is left to choose a setting by.
    """
    attacks = tuple(name for name in policy.membership.attacks if is_population_attack(name))
    if not attacks:
        raise CaseError(
            "expected an attack that needs no reference models to search settings by, found "
            + ", ".join(policy.membership.attacks),
            hint="list a signal such as 'logit' in membership.attacks as well, or give the remedy fixed parameters",
        )
    asked = (check for check in policy.checks if check.metric not in OF_PAIRS | {"dormant-memory"})
    checks = tuple(left for check in asked if (left := _leave_out_attacks(check)) is not None)
    to_choose_by = (*checks, *list_pair_checks(policy))
    if not any(check.required and METRICS[check.metric].traits.kind == "forgetting" for check in to_choose_by):
        raise CaseError(
            "expected a required check on forgetting to search settings by, found none but of dormant memory",
            hint="require one on membership-auc or worst-record-recognition, or give the remedy fixed parameters",
        )
    membership = policy.membership.model_copy(update={"attacks": attacks})
    return policy.model_copy(update={"membership": membership, "checks": checks})


def _leave_out_attacks(check: Check) -> Check | None:
    """Return the check by those of its own attacks alone that need no reference models; None where none is left."""
    left = tuple(name for name in check.attacks if is_population_attack(name))
    return check.model_copy(update={"attacks": left}) if left or not check.attacks else None


def put_validation_for_test(evidence: Evidence) -> Evidence:
    """Return the evidence in which copies of the validation records stand for the test records, which are gone.

    Thresholds are still frozen on validation: for the choice among settings the two are the same records.

    Raises:
        CaseError: there are no validation records.
    """
    validation = np.flatnonzero(evidence.select("validation"))
    if not len(validation):
        raise CaseError(
            "expected validation records to search settings on, found none",
            hint="give the remedy fixed parameters, or bring data with a validation split",
        )
    kept = np.concatenate([np.flatnonzero(~evidence.select("test")), validation])
    copies = np.arange(len(kept)) >= len(kept) - len(validation)
    return Evidence(
        ids=np.where(copies, np.char.add(evidence.ids[kept], " (in the test split's place)"), evidence.ids[kept]),
        split=np.where(copies, "test", evidence.split[kept]),
        label=evidence.label[kept],
        log_probs={name: values[kept] for name, values in evidence.log_probs.items()},
        classes=evidence.classes,
        positive=evidence.positive,
        groups={name: values[kept] for name, values in evidence.groups.items()},
        provenance=evidence.provenance,
    )


def _try_setting(policy: Policy, case: "Case", stand_in: Evidence, setting: MethodChoice) -> TriedConfiguration:
    try:
        made = case.builder.unlearn(case.made["original"], setting, name=_TRIED, role="compared")
    except UnfinishedError:
        raise
    except CaseError as error:  # a method that diverges is a result of the search, not the end of the audit
        asked = case.builder.methods[setting.method].parse(setting.parameters).model_dump(mode="json")
        return TriedConfiguration(parameters=asked, holds=False, reason=write_message("not-made", error=error.message))
    from unlearn_audit.training import lend_model, predict_log_probs, select_inputs

    allowed = _find_allowed(case)
    with lend_model(made.model, case.builder.compute.take(0)) as lent:
        log_probs = predict_log_probs(lent, select_inputs(case.inputs, allowed))
    return judge_configuration(policy, _add_model(stand_in, made.card, log_probs), made.card)


def _find_allowed(case: "Case") -> "NDArray[np.int64]":
    """Return the positions of the records that a tried setting may be asked about, as `put_validation_for_test`."""
    kept = np.flatnonzero(case.split != "test")
    return np.concatenate([kept, np.flatnonzero(case.split == "validation")])


def _add_model(stand_in: Evidence, card: ModelCard, log_probs: "NDArray[np.float64]") -> Evidence:
    return replace(add_card(stand_in, card), log_probs={**stand_in.log_probs, card.name: log_probs})


def judge_configuration(policy: Policy, evidence: Evidence, card: ModelCard) -> TriedConfiguration:
    """Return what validation says of the model `card` in `evidence`, whose test split is the validation records."""
    asked = {(check.metric, check.against, check.among) for check in policy.checks}
    asked |= {(_RISK, None, ALL), (_MEMBERSHIP, None, POSITIVE)}

    def wants(key: MetricKey) -> bool:
        return key.model == card.name and (key.metric, key.against, key.among) in asked

    findings = measure(EvaluationContext(evidence, policy), wants=wants)
    holds, reason = _summarise(decide(findings, policy, card.name))
    at = policy.task.operating_points[0]
    risks = [f for f in findings if f.key.metric == _RISK and f.key.at == at]
    return TriedConfiguration(
        parameters=card.parameters,
        seconds=card.seconds,
        risk=risks[0].estimate if risks else None,
        forgetting=_find_furthest(f for f in findings if f.key.metric == _MEMBERSHIP and f.key.among == POSITIVE),
        holds=holds and bool(risks) and risks[0].estimate is not None,
        reason=reason,
    )


def _find_furthest(findings: Iterable[Finding]) -> Estimate | None:
    estimates = [f.estimate for f in findings if f.estimate is not None]
    return max(estimates, key=lambda estimate: abs(estimate.value - (METRICS[_MEMBERSHIP].null or 0.0)), default=None)


def _summarise(verdict: Verdict) -> tuple[bool, Message]:
    """Whether the required forgetting and utility checks pass, and which do not."""
    needed = [check for check in verdict.checks if check.required and check.kind in ("forgetting", "utility")]
    missed = [check for check in needed if check.outcome is not Outcome.PASS]
    if not missed:
        return True, write_message("all-pass-on-validation", n=len(needed))
    outcomes = [write_message("check-with-outcome", title=check.title, outcome=check.outcome.label) for check in missed]
    return False, write_message("some-do-not-pass-on-validation", n=len(needed), missed=len(missed), checks=outcomes)


def conclude(method: str, tried: Sequence[TriedConfiguration], pairs: PairChecks | None = None) -> HyperparameterSearch:
    """Return the account of a search: which setting was chosen, and what it was held to.

    Args:
        method: the remedy's.
        tried: every setting, as validation judged it.
        pairs: the checks over pairs; None where the policy requires none. Asked of settings that hold, in the order of
            the upper bound of Global Risk, up to the first that passes.

    Stopping at the first that passes buys nothing: on the way every setting before it had its chance to pass wrongly.
    A fixed sequence is free of charge where it ends with the first that does not pass (Westfall and Krishen 2001).
    """
    listed = list(tried)
    risks = {i: t.risk.bounds.high for i, t in enumerate(tried) if t.holds and t.risk is not None and t.risk.bounds}
    chosen = None
    for place in sorted(risks, key=lambda index: (risks[index], index)):
        if pairs is not None:
            said = pairs.ask(place)
            listed[place] = listed[place].model_copy(update={"pairs": said})
            if said.outcome is not Outcome.PASS:
                continue
        chosen = place
        break
    reason = _explain_choice(listed, risks, chosen, pairs)
    return HyperparameterSearch(method=method, tried=tuple(listed), chosen=chosen, reason=reason)


def _explain_choice(
    tried: Sequence[TriedConfiguration], risks: Mapping[int, float], chosen: int | None, pairs: PairChecks | None
) -> Message:
    if not risks:
        return write_message("no-configuration-holds", n=len(tried))
    said: dict[str, Any] = {"n": len(tried), "hold": len(risks)}
    if chosen is not None:
        said |= {"number": chosen + 1, "bound": risks[chosen]}
    if pairs is None:
        return write_message("configuration-chosen", **said)
    said |= {"checks": pairs.titles}
    if pairs.lacking is not None:
        return write_message("pairs-not-looked-at", **said, cause=pairs.lacking)
    outcomes = [setting.pairs.outcome for setting in tried if setting.pairs is not None]
    said |= {"models": pairs.models, "confidence": pairs.confidence}
    if chosen is not None:
        return write_message("configuration-chosen-over-pairs", **said, asked=len(outcomes))
    found = {outcome.value: outcomes.count(outcome) for outcome in Outcome if outcome is not Outcome.PASS}
    return write_message("no-configuration-passes-over-pairs", **said, **found)
