"""Simulated evidence, of one population and of several groups, and the small policies to judge it by."""

from tests.support.evidence_of_groups import find, make_groups, outcome, read_policy  # noqa: F401 - fixtures
from tests.support.simulated_evidence import change_policy, make_evidence, policy, policy_text  # noqa: F401 - fixtures
