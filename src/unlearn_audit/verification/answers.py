"""The answers of a verification: one line per question, and the exit code that they amount to."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self

from unlearn_audit.errors import ExitCode
from unlearn_audit.records import AuditRecord, Outcome

_EXITS = {Outcome.PASS: ExitCode.PASS, Outcome.FAIL: ExitCode.FAIL}


class State(StrEnum):
    """How one line of a verification stands."""

    OK = "ok"
    INVALID = "invalid"
    UNTRUSTED = "untrusted"
    ABSENT = "absent"
    """Not answered, because something that the answer needs is not there; the sentence says what."""
    TEST_KEY = "test-key"
    WAIVED = "waived"
    """The verdict is a pass only because waivers, still in force, set checks aside."""
    EXPIRED = "expired"
    """A waiver that the verdict rests on has ended since: the verdict is read as if there were none."""
    REFUSED = "refused"
    """The verdict rests on waivers and the verifier takes none: it is read as if there were none."""
    OTHER_VERSION = "other-version"
    """Not answered: other software made the bundle, so a difference would prove nothing. Never the same as ok."""


@dataclass(frozen=True)
class VerificationCheck:
    """One question about the bundle, and its answer in a sentence."""

    name: str
    state: State
    sentence: str
    asked: bool = False
    """Whether an option asked for it; what was asked for and not answered is no reason to exit 0."""


@dataclass(frozen=True)
class Verification:
    """All answers. `record` is there only when every byte that was looked at is what was signed."""

    lines: tuple[VerificationCheck, ...]
    record: AuditRecord | None

    def find(self, name: str) -> VerificationCheck:
        """Return the line called `name`.

        Raises:
            KeyError: there is none.
        """
        return {line.name: line for line in self.lines}[name]

    def extend(self, lines: Iterable[VerificationCheck]) -> Self:
        """Return these answers with further ones before the last line, which is the verdict."""
        return replace(self, lines=(*self.lines[:-1], *lines, *self.lines[-1:]))

    @property
    def outcome(self) -> Outcome | None:
        """The record's outcome; the one without waivers where one has ended or the verifier refuses them."""
        if self.record is None:
            return None
        if {line.state for line in self.lines} & {State.EXPIRED, State.REFUSED}:
            return self.record.verdict.outcome_without_waivers
        return self.record.outcome

    @property
    def exit_code(self) -> ExitCode:
        """4 for anything invalid, untrusted or not signed; otherwise what the verdict says (0, 1 or 3).

        A passing verdict exits 5 rather than 0 where an option asked for a comparison that could not be made: whoever
        asks must not read the silence as a yes. A verdict that rests on a waiver which has ended since counts as it
        would without waivers, and so does one whose waivers the verifier refuses.
        """
        states = {line.state for line in self.lines}
        if self.record is None or states & {State.INVALID, State.UNTRUSTED}:
            return ExitCode.INTEGRITY
        if self.find("authenticity").state is State.ABSENT:
            return ExitCode.INTEGRITY
        code = _EXITS.get(self.outcome or self.record.outcome, ExitCode.INCONCLUSIVE)
        unanswered = any(line.asked and line.state is not State.OK for line in self.lines)
        return ExitCode.INCOMPLETE if code is ExitCode.PASS and unanswered else code
