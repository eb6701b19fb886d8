"""The answers of a verification: one line per question, and the exit code that they amount to."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self

from unlearn_audit.errors import ExitCode
from unlearn_audit.records import AuditRecord, Outcome

_EXITS = {Outcome.PASS: ExitCode.PASS, Outcome.FAIL: ExitCode.FAIL}


VERDICT = "verdict"


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

    def __post_init__(self) -> None:
        """Let the last line say what the verdict counts for: a reader looks there first, or there alone."""
        if self.record is None or not self.lines or self.lines[-1].name != VERDICT:
            return
        if (text := self._qualify()) is not None:
            object.__setattr__(self, "lines", (*self.lines[:-1], text))

    def _qualify(self) -> VerificationCheck | None:
        """Return the last line where the verdict in the record is not what the exit code says, else None."""
        if self.exit_code is ExitCode.INTEGRITY:
            text = "Counts for nothing: what is invalid or untrusted above says why."
            return VerificationCheck(VERDICT, State.UNTRUSTED, text)
        if self.exit_code is ExitCode.INCOMPLETE:
            open_ = ", ".join(line.name for line in self.lines if line.asked and line.state is not State.OK)
            text = f"Incomplete: no required check fails, but this is not answered: {open_}."
            return VerificationCheck(VERDICT, State.ABSENT, text)
        if self.record is not None and self._has_lapsed:
            text = f"{self.outcome.upper()} without the waivers that have ended or are refused."
            return VerificationCheck(VERDICT, State.EXPIRED, text)
        return None

    @property
    def _questions(self) -> tuple[VerificationCheck, ...]:
        """All lines but the verdict, which follows from them."""
        return tuple(line for line in self.lines if line.name != VERDICT)

    @property
    def _has_lapsed(self) -> bool:
        gone = (State.EXPIRED, State.REFUSED)
        return any(line.name != VERDICT and line.state in gone for line in self.lines)

    @property
    def outcome(self) -> str:
        """What the whole amounts to, in a word; 'pass' where the exit code is 0, and nowhere else.

        'pass', 'fail' and 'inconclusive' are verdicts; 'invalid', 'untrusted' and 'incomplete' say that none counts.
        """
        if self.exit_code is ExitCode.INCOMPLETE:
            return "incomplete"
        if self.record is None or any(line.state is State.INVALID for line in self.lines):
            return "invalid"
        if self.exit_code is ExitCode.INTEGRITY:
            return "untrusted"
        outcome = self.record.verdict.outcome_without_waivers if self._has_lapsed else self.record.outcome
        return outcome.value

    @property
    def exit_code(self) -> ExitCode:
        """4 for anything invalid, untrusted or not signed; otherwise what the verdict says (0, 1 or 3).

        5 where nothing could be checked at all, because what was given carries no signature. A passing verdict exits 5
        rather than 0 where an option asked for a comparison that could not be made: whoever asks must not read the
        silence as a yes. A verdict that rests on a waiver which has ended since counts as it would without waivers.
        """
        states = {line.state for line in self._questions}
        if states & {State.INVALID, State.UNTRUSTED}:
            return ExitCode.INTEGRITY
        if self.record is None:
            return ExitCode.INCOMPLETE
        if self.find("authenticity").state is State.ABSENT:
            return ExitCode.INTEGRITY
        outcome = self.record.verdict.outcome_without_waivers if self._has_lapsed else self.record.outcome
        code = _EXITS.get(outcome, ExitCode.INCONCLUSIVE)
        unanswered = any(line.asked and line.state is not State.OK for line in self._questions)
        return ExitCode.INCOMPLETE if code is ExitCode.PASS and unanswered else code
