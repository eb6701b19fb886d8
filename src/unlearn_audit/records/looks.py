"""Looks: how often a test split was looked at, and what is left of the error that the policy allows over all looks."""

from pydantic import Field

from unlearn_audit.records.frozen import Frozen
from unlearn_audit.records.messages import Message

_ROUNDING = 1e-6


class Looks(Frozen):
    """The account of one test split under a policy that plans its looks; this audit is one of them."""

    planned: int = Field(description="by the policy: each look gets an equal share of the error")
    earlier: int = Field(description="looks at the same test split before this one, as far as the run knows of them")
    error: float = Field(description="one-sided, that the policy allows over all looks together")
    spent: float = Field(description="of that, by the earlier looks")
    confidence: float = Field(description="one-sided, of one look; what is shared further is shared from it")
    test_sha256: str = Field(description="of the canonical JSON of the sorted ids of the test records")
    rule: Message = Field(description="how the error is spent")
    source: str = Field(description="who published the rule")

    @property
    def left(self) -> int:
        """How many looks are left after this one."""
        return max(0, int((1 - self.spent / self.error) * self.planned + _ROUNDING) - 1)

    @property
    def are_spent(self) -> bool:
        """Whether the error was spent before this look, so that nothing may pass any more."""
        return self.spent + self.error / self.planned > self.error * (1 + _ROUNDING)
