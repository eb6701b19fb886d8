"""Evidence of several groups with simulated error rates, and the policy that looks at them."""

from tests.support.evidence_of_groups import find, make_groups, outcome, read_policy  # noqa: F401 - fixtures
