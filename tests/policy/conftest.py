from pathlib import Path

import pytest

from tests.support.policy_tables import KNOWN, SMALL
from unlearn_audit.policy import InvalidPolicyError, Policy, Problem, parse_policy


@pytest.fixture
def small():
    """The text of a policy without mistakes."""
    return SMALL


@pytest.fixture
def read():
    """Parse a text against the tests' tables."""

    def _read(text: str) -> Policy:
        return parse_policy(text, "p.yaml", KNOWN)

    return _read


@pytest.fixture
def refuse(read):
    """Parse a text and return the problems it is refused for."""

    def _refuse(text: str) -> tuple[Problem, ...]:
        with pytest.raises(InvalidPolicyError) as caught:
            read(text)
        return caught.value.problems

    return _refuse


@pytest.fixture
def refuse_change(small, refuse):
    """Change one passage of the small policy and return the one problem that follows."""

    def _refuse_change(old: str, new: str) -> Problem:
        assert small.count(old) == 1
        problems = refuse(small.replace(old, new))
        assert len(problems) == 1, problems
        return problems[0]

    return _refuse_change


@pytest.fixture
def golden():
    return Path(__file__).parent / "golden"
