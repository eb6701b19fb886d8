"""What was decided: four outcomes, never two."""

from collections.abc import Iterable
from enum import StrEnum

from pydantic import Field

from unlearn_audit.records.estimates import Estimate
from unlearn_audit.records.frozen import Frozen


class Outcome(StrEnum):
    """Outcome of a check. Only `PASS` passes; uncertain is `INCONCLUSIVE`, not computed is `NOT_RUN`."""

    PASS = "pass"  # noqa: S105 - a word, not a password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    NOT_RUN = "not_run"

    @property
    def label(self) -> str:
        """As printed: 'not run' rather than 'not_run'."""
        return self.value.replace("_", " ")


_SEVERITY = {Outcome.PASS: 0, Outcome.INCONCLUSIVE: 1, Outcome.NOT_RUN: 2, Outcome.FAIL: 3}


def find_worst(outcomes: Iterable[Outcome]) -> Outcome:
    """Return the worst outcome. An empty list is refused: nothing checked is nothing passed.

    Raises:
        ValueError: there are no outcomes.
    """
    listed = list(outcomes)
    if not listed:
        raise ValueError("a verdict needs at least one check: an empty list can never pass")
    return max(listed, key=_SEVERITY.__getitem__)


class Limit(Frozen):
    """The tolerance: `at_most`, `at_least`, or both (`within`)."""

    at_most: float | None = None
    at_least: float | None = None

    def __str__(self) -> str:
        """As printed in the table of checks."""
        if self.at_most is not None and self.at_least is not None:
            return f"{self.at_least:g} to {self.at_most:g}"
        return f"≤ {self.at_most:g}" if self.at_most is not None else f"≥ {self.at_least:g}"


class CheckResult(Frozen):
    """One check of the policy held against its finding."""

    id: str
    title: str
    why: str = Field(description="the policy's reason for this tolerance")
    kind: str = Field(description="'clinical', 'forgetting' or 'utility'")
    metric: str
    model: str
    against: str | None = None
    among: str = "all"
    at: str | None = None
    attack: str | None = Field(default=None, description="the attack that decided, where several were required")
    limit: Limit
    required: bool
    outcome: Outcome
    reason: str = Field(description="one sentence a clinician can read")
    estimate: Estimate | None = None
    equivalence_p: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="of 'outside the range', by two one-sided normal tests; shown beside the bounds, which decide",
    )


class Verdict(Frozen):
    """All checks on one model; `outcome` is the worst of the required ones (pass, fail or inconclusive)."""

    model: str
    outcome: Outcome
    reason: str
    confidence: float = Field(description="one-sided confidence at which the bounds decided")
    checks: tuple[CheckResult, ...]
