"""Which columns of the data a policy has a use for: only these, and those that a case names, enter the evidence."""

from unlearn_audit.policy.model import Policy
from unlearn_audit.policy.populations import find_column, split_group

BAND = "_band"


def list_columns(policy: Policy) -> frozenset[str]:
    """Return the group columns that `policy` names: cluster, disjoint splits, subgroups, and groups of its checks.

    A column of bands stands for the numbers that it is made of as well: `age_band` asks for `age`.
    """
    named = {policy.protocol.cluster, policy.data.disjoint if policy.data else None}
    if policy.subgroups is not None:
        named |= {*policy.subgroups.columns, *policy.subgroups.bands}
    for check in policy.checks:
        group = split_group(check.among)
        named.add(group[0] if group else find_column(check.among))
    names = {name for name in named if name}
    return frozenset(names | {name.removesuffix(BAND) for name in names if name.endswith(BAND)})
