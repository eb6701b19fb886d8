"""Consistency of a record: its verdicts, derived again from its policy and findings. No evidence, no NumPy.

Whether the findings are true, only the evidence can say. But who signs a record cannot leave a check out of it, loosen
a limit, or write another outcome beside the number that it follows from.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from unlearn_audit.errors import EvidenceError, UnknownNameError
from unlearn_audit.findings.traits import TRAITS
from unlearn_audit.policy import Acceptances, Check, Policy, charge_looks
from unlearn_audit.records import (
    AuditRecord,
    CheckResult,
    Finding,
    Limit,
    Looks,
    ModelCard,
    OperatingPoint,
    Outcome,
    Population,
    Verdict,
    decide_outcome,
    settle_waivers,
)
from unlearn_audit.records.messages import compose_text
from unlearn_audit.verdict.guards import list_idle_checks
from unlearn_audit.verdict.recommendation import recommend
from unlearn_audit.verdict.rulings import find_traits, rule_check
from unlearn_audit.verdict.summary import title_of

_PRECISION = 1e-6
"""To which a p-value is compared: it is computed here by another library, and decides nothing."""


class UnknownRulesError(ValueError):
    """The policy in the record is none by the rules of this version, so nothing can be derived from it."""


def find_contradictions(record: AuditRecord) -> Iterator[str]:
    """Yield, as ends of sentences, in what a record's verdicts differ from what its policy and findings give.

    A text is held to its code where the record is of this version: in another one it may be another. Which sentences
    explain an outcome is not compared.

    Raises:
        UnknownRulesError: this version cannot read the record's policy, or does not know a metric in it.
    """
    try:
        policy = Policy.model_validate(record.policy)
        kinds = {check.metric: find_traits(check.metric).kind for check in policy.checks}
    except (ValueError, UnknownNameError) as error:
        raise UnknownRulesError(str(error).splitlines()[0]) from error
    if names := [metric for metric, kind in kinds.items() if kind == "descriptive"]:
        raise UnknownRulesError(f"no check can rest on the descriptive metric '{names[0]}'")
    yield from _compare_findings(record)
    yield from _compare_texts(record)
    yield from _compare_candidates(record)
    yield from _compare_looks(record, policy)
    for card, verdict in zip(record.provenance.candidates, record.verdicts, strict=False):
        yield from _compare_verdict(verdict, card, record, policy)
    if record.outcome is not record.verdict.outcome:
        yield f"its outcome is {record.outcome.label}, that of the audited model {record.verdict.outcome.label}"
    advice = recommend(record.verdicts, record.provenance)
    if (record.recommendation.action, record.recommendation.model) != (advice.action, advice.model):
        yield f"its verdicts recommend '{advice.action}', it recommends '{record.recommendation.action}'"


def _is_of_this_version(record: AuditRecord) -> bool:
    """Words may be other ones in another version."""
    from unlearn_audit import __version__

    return record.provenance.version == __version__


def _compare_findings(record: AuditRecord) -> Iterator[str]:
    """What a metric is called and which value means no difference are the metric's, not the record's."""
    for finding in record.findings:
        traits = TRAITS.get(finding.key.metric)
        if traits is None:  # a plug-in's, which may not be installed here
            continue
        if _is_of_this_version(record) and finding.title != traits.title:
            yield f"it calls {finding.key.metric} '{finding.title}', its name is '{traits.title}'"
        if finding.null != traits.null:
            recorded, value = _show(finding.null), _show(traits.null)
            yield f"it takes {recorded} for no difference in {finding.key.metric}, which is {value}"


def _compare_texts(record: AuditRecord) -> Iterator[str]:
    """Whoever reads the text of a message reads what its code and details say."""
    if _is_of_this_version(record):
        for message in _list_messages(record.model_dump(mode="json", by_alias=True)):
            code, text = str(message["code"]), message["text"]
            try:
                composed = compose_text(code, message.get("details", {}))
            except (KeyError, ValueError, TypeError, AttributeError):
                yield f"'{text}' has the code '{code}', which says nothing like it"
                continue
            if composed != text:
                yield f"'{text}' has the code '{code}', which says '{composed}'"


def _list_messages(value: Any) -> Iterator[Mapping[str, Any]]:
    """Yield every message of a record as it lies in JSON, but not those inside the details of another one."""
    if isinstance(value, dict) and {"code", "text"} <= value.keys():
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _list_messages(item)


def _compare_looks(record: AuditRecord, policy: Policy) -> Iterator[str]:
    """Planned looks are charged as policy and provenance say, stand in the way once spent, and share the error."""
    recorded = record.looks
    charged = charge_looks(policy, record.provenance, recorded.test_sha256 if recorded else "")
    counted = {looks and looks.model_dump_json(exclude={"rule", "source"}) for looks in (recorded, charged)}
    if len(counted) > 1:
        yield "it counts other looks at its test split than its policy plans and its earlier runs were"
    if charged is None:
        return
    for check in (check for verdict in record.verdicts for check in verdict.checks):
        if charged.are_spent and check.outcome in (Outcome.PASS, Outcome.INCONCLUSIVE):
            yield f"its planned looks are spent, and check {check.id} is not stopped by that"
        if not _bears_share(check, charged):
            yield f"check {check.id} passes by bounds of more than the share of one look"


def _bears_share(check: CheckResult, looks: Looks) -> bool:
    """Whether a check passes at the confidence of one look at least; a test that needs power shares the error in it."""
    bounds = check.estimate.bounds if check.estimate else None
    if bounds is None or check.outcome is not Outcome.PASS or find_traits(check.key.metric).needs_power:
        return True
    return bounds.confidence >= looks.confidence - _PRECISION


def _compare_candidates(record: AuditRecord) -> Iterator[str]:
    recorded, found = [v.model for v in record.verdicts], [card.name for card in record.provenance.candidates]
    if recorded != found:
        yield f"it judges {', '.join(recorded)}, its models are {', '.join(found) or 'none'}"


def _compare_verdict(verdict: Verdict, card: ModelCard, record: AuditRecord, policy: Policy) -> Iterator[str]:
    recorded, asked = [check.id for check in verdict.checks], [check.id for check in policy.checks]
    if recorded != asked:
        missing = [name for name in asked if name not in recorded]
        what = f"leaves out {', '.join(missing)}" if missing else f"lists {', '.join(recorded)}"
        yield f"its verdict on {verdict.model} {what}; the policy asks for {', '.join(asked)}"
        return
    mine = [finding for finding in record.findings if finding.key.model == verdict.model]
    if len({finding.key for finding in mine}) < len(mine):
        yield f"it holds two findings on {verdict.model} under one key"
    for check, result in zip(policy.checks, verdict.checks, strict=True):
        if result.key.model != verdict.model:
            yield f"check {check.id} in the verdict on {verdict.model} is one on '{result.key.model}'"
        yield from _compare_check(check, result, mine, (policy, record))
    yield from _compare_waivers(verdict, card, record, policy)
    if verdict.outcome is not (outcome := _decide(verdict.checks)):
        yield f"its verdict on {verdict.model} is {verdict.outcome.label}, its checks give {outcome.label}"
    used = [c.estimate.bounds.confidence for c in verdict.checks if c.estimate is not None and c.estimate.bounds]
    if verdict.confidence != max(used, default=policy.protocol.confidence):
        yield f"its verdict on {verdict.model} states another confidence than its bounds have"


def _compare_waivers(verdict: Verdict, card: ModelCard, record: AuditRecord, policy: Policy) -> Iterator[str]:
    try:
        waivers = Acceptances.of(policy, record.provenance, card.role)
    except EvidenceError as error:
        yield error.message
        return
    granted = {(each.given_in, each.waiver.model_dump_json()) for each in waivers.granted}
    for check in verdict.checks:
        recorded = check.waiver
        named = recorded.model_dump_json(exclude={"state", "given_in", "unbound"}) if recorded else ""
        if recorded and (recorded.check != check.id or (recorded.given_in, named) not in granted):
            yield f"the waiver on check {check.id} was granted by neither policy nor case"
    plain = (check.model_copy(update={"waiver": None}) for check in verdict.checks)
    if settle_waivers(map(waivers.apply, plain), list_idle_checks(policy, record.findings, waivers)) != verdict.checks:
        yield f"a waiver on {verdict.model} does not count as the record says it does"


def _decide(checks: Sequence[CheckResult]) -> Outcome:
    try:
        return decide_outcome(checks)
    except ValueError:  # no required check is left
        return Outcome.INCONCLUSIVE


def _compare_check(
    check: Check, result: CheckResult, findings: Sequence[Finding], context: tuple[Policy, AuditRecord]
) -> Iterator[str]:
    policy, record = context
    ruled = rule_check(check, findings, policy)
    ruling = ruled.ruling
    derived: dict[str, tuple[Any, Any]] = {
        "title": (result.title, title_of(check, policy) if _is_own_wording(check, record) else result.title),
        "why": (result.why, check.why),
        "kind": (result.kind, find_traits(check.metric).kind),
        "metric": (result.key.metric, check.metric),
        "against": (result.key.against, check.against),
        "among": (result.key.among, check.among),
        "at": (result.key.at, ruled.at),
        "attack": (result.key.attack, ruling.finding.key.attack if ruling.finding else None),
        "limit": (result.limit, ruled.limit),
        "required": (result.required, check.required),
        "outcome": (result.outcome, ruling.outcome),
        "estimate": (result.estimate, ruling.estimate),
    }
    for name, (recorded, value) in derived.items():
        if recorded != value:
            yield f"check {check.id} says {name} {_show(recorded)}, its policy and findings give {_show(value)}"
    if not _same_p(result, ruled.limit):
        yield f"check {check.id} states a p-value that does not follow from its estimate"


def _is_own_wording(check: Check, record: AuditRecord) -> bool:
    """A title that is made from the metric may be another one in another version."""
    return check.title is not None or _is_of_this_version(record)


def _show(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, Outcome):
        return value.label
    if isinstance(value, Limit | OperatingPoint | Population | str | bool):
        return f"'{value}'"
    return "another number" if not isinstance(value, int | float) else f"{value:g}"


def _same_p(result: CheckResult, limit: Limit) -> bool:
    """Whether the p-value of an equivalence test is that of the estimate; see `stats.compute_equivalence`."""
    recorded, estimate = result.equivalence_p, result.estimate
    if recorded is None:  # records of before there was one have none
        return True
    if estimate is None or estimate.standard_error is None or limit.at_least is None or limit.at_most is None:
        return False
    below, above = (estimate.value - limit.at_least), (limit.at_most - estimate.value)
    p = max(math.erfc(end / estimate.standard_error / math.sqrt(2)) / 2 for end in (below, above))
    return math.isclose(recorded, p, rel_tol=_PRECISION, abs_tol=1e-12)
