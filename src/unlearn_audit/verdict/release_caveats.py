"""Caveats of a release: what a policy's own checks do not show of this audit, said on page one beside the verdict."""

from collections.abc import Iterator, Sequence

from unlearn_audit.policy import Policy
from unlearn_audit.policy.sizes import Sizes
from unlearn_audit.records import Finding, Message, Outcome, Provenance, write_message
from unlearn_audit.verdict.rulings import find_traits, rule_check

_MOST_TIMES = 2
"""A proof at sizes that differ by more than this factor is one of another audit."""


def list_release_caveats(policy: Policy, provenance: Provenance, findings: Sequence[Finding]) -> Iterator[Message]:
    """Yield that the policy was not proved at these sizes, and that an untouched original passes its forgetting checks.

    What must not be concluded from silence: that the policy stops every bad model.
    """
    if policy.sizes is None:
        yield write_message("policy-not-proved")
    elif differences := list(_compare_sizes(policy.sizes, provenance)):
        yield write_message("policy-proved-elsewhere", differences=differences)
    if _is_passed_by_original(policy, findings):
        yield write_message("original-passes-too")
    if groups := list(dict.fromkeys(_list_left_out(policy, provenance, findings))):
        yield write_message("groups-left-out", groups=groups)


def _compare_sizes(sizes: Sizes, provenance: Provenance) -> Iterator[Message]:
    found = provenance.data.splits
    for name, parts in {"train": ("retain", "forget"), "validation": ("validation",), "test": ("test",)}.items():
        declared = getattr(sizes, name)
        records = (declared.records, sum(found[part].n for part in parts if part in found))
        positive = (
            round(declared.records * declared.positive),
            sum(found[part].positive for part in parts if part in found),
        )
        if _differ(*records):
            yield write_message("size-differs", what=name, declared=records[0], found=records[1])
        elif _differ(*positive):
            yield write_message("size-differs", what=f"positive {name}", declared=positive[0], found=positive[1])


def _differ(declared: int, found: int) -> bool:
    return not declared <= found * _MOST_TIMES or not found <= declared * _MOST_TIMES


def _list_left_out(policy: Policy, provenance: Provenance, findings: Sequence[Finding]) -> Iterator[str]:
    """Yield the groups that a required check on the worst of them says nothing of, since they are too small."""
    audited = provenance.candidates[0].name
    for check in policy.checks:
        for finding in findings:
            key = finding.key
            asked = (check.metric, check.against) == (key.metric, key.against) and check.among.is_decided_by(key.among)
            if check.required and asked and key.model == audited:
                for caveat in finding.caveats:
                    groups = caveat.details.get("groups")
                    if caveat.code == "groups-not-assessable" and isinstance(groups, list):
                        yield from map(str, groups)


def _is_passed_by_original(policy: Policy, findings: Sequence[Finding]) -> bool:
    """Whether each required check of forgetting would let the original pass; no where there is none."""
    original = [finding for finding in findings if finding.key.model == "original"]
    asked = [check for check in policy.checks if check.required and find_traits(check.metric).kind == "forgetting"]
    return bool(asked) and all(rule_check(check, original, policy).ruling.outcome is Outcome.PASS for check in asked)
