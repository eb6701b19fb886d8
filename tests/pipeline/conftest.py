"""Simulated evidence and a small policy to judge it by."""

from tests.support.simulated_evidence import change_policy, make_evidence, policy, policy_text  # noqa: F401 - fixtures
