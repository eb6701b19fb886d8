"""The columns that a policy uses: only these, and those that a case names, enter the evidence."""

from unlearn_audit.policy.model import Policy

BAND = "_band"


def list_columns(policy: Policy) -> frozenset[str]:
    """Return the group columns that `policy` names: cluster, disjoint splits, subgroups, and groups of its checks.

    A column of bands stands for the numbers that it is made of as well: `age_band` asks for `age`.
    """
    named = {policy.protocol.cluster, policy.data.disjoint if policy.data else None}
    if policy.subgroups is not None:
        named |= {*policy.subgroups.columns, *policy.subgroups.bands}
    for check in policy.checks:
        named.add(check.among.column)
    names = {name for name in named if name}
    return frozenset(names | {name.removesuffix(BAND) for name in names if name.endswith(BAND)})
