"""Guards: which checks stop nobody in this audit, because a model that they are there to stop passes them.

A side that waivers would leave with such checks alone is unguarded: a forgetting check that the untouched original
passes, a clinical or utility check that a model passes which gives everybody the same answer.
"""

from collections.abc import Sequence

from unlearn_audit.policy import Acceptances, Check, Policy
from unlearn_audit.records import Finding, Outcome
from unlearn_audit.records.key import MetricKey
from unlearn_audit.records.trivial_models import TRIVIAL_MODELS
from unlearn_audit.verdict.rulings import find_traits, rule_check


def list_idle_checks(policy: Policy, findings: Sequence[Finding], waivers: Acceptances) -> frozenset[str]:
    """Return the ids of the checks that a model passes which they are there to stop; none where nothing is waived.

    A model that was not measured passes nothing (the trivial ones have a Global Risk and no rates): whether such a
    check guards its side is told by its metric alone.
    """
    if not waivers.granted:
        return frozenset()
    return frozenset(check.id for check in policy.checks if _is_idle(check, findings, policy))


def _is_idle(check: Check, findings: Sequence[Finding], policy: Policy) -> bool:
    for model in list_stopped(find_traits(check.metric).kind):
        mine = [finding for finding in findings if finding.key.model == model]
        if rule_check(check, mine, policy).ruling.outcome is Outcome.PASS:
            return True
    return False


def list_stopped(kind: str) -> tuple[str, ...]:
    """Return the models that checks of `kind` are there to stop: the untouched one, or those that know nothing."""
    return ("original",) if kind == "forgetting" else tuple(TRIVIAL_MODELS)


def is_of_stopped(key: MetricKey) -> bool:
    """Whether a finding at `key` can show that a check stops nobody."""
    return key.model in list_stopped(find_traits(key.metric).kind)
