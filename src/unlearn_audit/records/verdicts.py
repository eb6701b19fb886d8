"""Outcomes, check results and verdicts. There are four outcomes, not two."""

from collections.abc import Collection, Iterable
from enum import StrEnum

from pydantic import Field

from unlearn_audit.records.estimates import Estimate
from unlearn_audit.records.frozen import Frozen
from unlearn_audit.records.key import MetricKey
from unlearn_audit.records.messages import Message, join_texts, write_message
from unlearn_audit.records.waivers import AppliedWaiver, WaiverState


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

    @property
    def sign(self) -> str:
        """One sign for each outcome, so that it is read without colour."""
        return _SIGNS[self]


_SIGNS = {Outcome.PASS: "\u2713", Outcome.FAIL: "\u2717", Outcome.INCONCLUSIVE: "?", Outcome.NOT_RUN: "\u25cb"}
WAIVED_SIGN = "!"
"""The sign of a pass that rests on waivers."""
_SEVERITY = {Outcome.PASS: 0, Outcome.INCONCLUSIVE: 1, Outcome.NOT_RUN: 2, Outcome.FAIL: 3}


def name_outcome(outcome: Outcome, *, with_waivers: bool) -> str:
    """Return an outcome as printed: a pass that rests on waivers never reads as a pass alone."""
    return f"{outcome.label} with waivers" if with_waivers else outcome.label


def find_worst(outcomes: Iterable[Outcome]) -> Outcome:
    """Return the worst outcome. An empty list is refused: nothing checked is nothing passed.

    Raises:
        ValueError: there are no outcomes.
    """
    listed = list(outcomes)
    if not listed:
        raise ValueError("a verdict needs at least one check: an empty list can never pass")
    return max(listed, key=_SEVERITY.__getitem__)


LIMITS = ("at_most", "at_least", "within")
"""The kinds of tolerance that a check may state; each comes down to the ends of a `Limit`."""


class Limit(Frozen):
    """The tolerance: `at_most`, `at_least`, or both (`within`)."""

    at_most: float | None = None
    at_least: float | None = None

    @property
    def message(self) -> Message:
        """The tolerance as a message."""
        if self.at_most is not None and self.at_least is not None:
            return write_message("within", at_least=self.at_least, at_most=self.at_most)
        if self.at_most is not None:
            return write_message("at-most", at_most=self.at_most)
        return write_message("at-least", at_least=self.at_least)

    def __str__(self) -> str:
        """As printed in the table of checks."""
        return self.message.text


class CheckResult(Frozen):
    """One check of the policy held against its finding."""

    id: str
    title: str
    why: str = Field(description="the policy's reason for this tolerance")
    kind: str = Field(description="'clinical', 'forgetting' or 'utility'")
    key: MetricKey = Field(description="what was asked; `attack` is the one that decided, where several were required")
    limit: Limit
    required: bool
    outcome: Outcome
    reasons: tuple[Message, ...] = Field(min_length=1, description="why, in sentences that a clinician can read")
    estimate: Estimate | None = None
    equivalence_p: float | None = Field(
        default=None,
        ge=0,
        le=1,
        exclude_if=lambda p: p is None,
        description="of 'outside the range', by two one-sided normal tests; shown beside the bounds, which decide",
    )
    waiver: AppliedWaiver | None = Field(
        default=None,
        exclude_if=lambda waiver: waiver is None,
        description="the waiver that names this check, and whether it counts; the outcome is never changed by it",
    )

    @property
    def reason(self) -> str:
        """Why the outcome is what it is, as a paragraph."""
        return join_texts(self.reasons)

    @property
    def is_waived(self) -> bool:
        """Whether a waiver in force keeps this check from counting against the verdict."""
        return self.waiver is not None and self.waiver.state is WaiverState.IN_FORCE

    @property
    def standing(self) -> str:
        """Why the check does not count against the verdict, as printed behind its outcome; '' where it counts."""
        return " (waived)" if self.is_waived else "" if self.required else " (not required)"


GUARDS_NO_SIDE = frozenset({"retain-leakage", "positive-share"})
"""Metrics whose check an untouched model passes (it leaks about no retained record in particular) or one that answers
at random (it calls as many positive as before): a side that is left with them alone is unguarded."""


def settle_waivers(checks: Iterable[CheckResult], idle: Collection[str] = ()) -> tuple[CheckResult, ...]:
    """Return `checks`; where waivers would leave no required check of a kind to decide, those waivers are void.

    A destroyed model looks forgotten and an untouched one looks safe: no waiver may take away a whole side. A check
    that one of the two passes does not count as one that is left: by its metric (`GUARDS_NO_SIDE`), or because the
    findings of the audit show it (`idle`, the ids of such checks; see `list_idle_checks`).
    """
    listed = tuple(checks)
    left = (check for check in listed if check.required and not check.is_waived)
    guarded = {check.kind for check in left if check.key.metric not in GUARDS_NO_SIDE and check.id not in idle}
    return tuple(_void(check) if check.is_waived and check.kind not in guarded else check for check in listed)


def _void(check: CheckResult) -> CheckResult:
    waiver = check.waiver.model_copy(update={"state": WaiverState.VOID}) if check.waiver else None
    return check.model_copy(update={"waiver": waiver})


def decide_outcome(checks: Iterable[CheckResult], *, waivers: bool = True) -> Outcome:
    """Return the verdict over `checks`: the worst required one that is not waived; not run makes it inconclusive.

    `waivers=False` says what the verdict were without any.

    Raises:
        ValueError: no required check is left: nothing checked is nothing passed.
    """
    worst = find_worst(check.outcome for check in checks if check.required and not (waivers and check.is_waived))
    return Outcome.INCONCLUSIVE if worst is Outcome.NOT_RUN else worst


class Verdict(Frozen):
    """All checks on one model; `outcome` is the worst of the required ones (pass, fail or inconclusive).

    Checks that are waived keep their own outcome and do not count; `label` says so wherever the outcome is printed.
    """

    model: str
    outcome: Outcome
    reasons: tuple[Message, ...] = Field(min_length=1, description="how many checks came out how, and which are waived")
    confidence: float = Field(description="one-sided confidence at which the bounds decided")
    checks: tuple[CheckResult, ...]

    @property
    def reason(self) -> str:
        """Why the outcome is what it is, as a paragraph."""
        return join_texts(self.reasons)

    @property
    def waived(self) -> tuple[CheckResult, ...]:
        """The required checks that waivers kept from counting."""
        return tuple(check for check in self.checks if check.required and check.is_waived)

    @property
    def label(self) -> str:
        """The outcome as printed: a pass that rests on waivers never reads as a pass alone."""
        return name_outcome(self.outcome, with_waivers=self.is_pass_with_waivers)

    @property
    def is_pass_with_waivers(self) -> bool:
        """Whether it passes only because waivers count."""
        return bool(self.waived) and self.outcome is Outcome.PASS

    @property
    def sign(self) -> str:
        """The sign of the outcome; a pass that rests on waivers has not that of a pass."""
        return WAIVED_SIGN if self.is_pass_with_waivers else self.outcome.sign

    @property
    def outcome_without_waivers(self) -> Outcome:
        """What the verdict were if no waiver counted."""
        return decide_outcome(self.checks, waivers=False)
