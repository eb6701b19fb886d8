"""The shapes that templates show: a grid of cells, a list of facts."""

from dataclasses import dataclass
from typing import ClassVar

from unlearn_audit.presentation.wording import NONE, format_estimate, format_interval
from unlearn_audit.records import Estimate, Finding, Outcome, Unit

_ORDER = (Outcome.FAIL, Outcome.NOT_RUN, Outcome.INCONCLUSIVE, Outcome.PASS)


@dataclass(frozen=True)
class Cell:
    """One cell: its text, a smaller second line, and how it is set: '', 'number', 'code', 'digest' or 'sections'."""

    text: str
    below: str | None = None
    kind: str = ""
    key: float | None = None
    """What a screen sorts by, where the text would sort wrongly."""
    sections: tuple[str, ...] = ()
    """Sections that the text counts up, each a link there."""


@dataclass(frozen=True)
class Mark:
    """An outcome as sign and word, never as a colour alone."""

    outcome: Outcome
    note: str = ""
    """A smaller second line, such as what a waiver does to it."""
    text: str = ""
    """Other words than the outcome's own, where another question is answered than whether a check passes."""

    kind: ClassVar[str] = "mark"
    below: ClassVar[None] = None

    @property
    def key(self) -> float:
        """What a screen sorts by: the worst first."""
        return _ORDER.index(self.outcome)

    @property
    def sign(self) -> str:
        """The sign that stands before the word."""
        return self.outcome.sign

    @property
    def word(self) -> str:
        """The outcome as a word."""
        return self.text or self.outcome.label


@dataclass(frozen=True)
class Grid:
    """A table: the first cell of each row is its heading."""

    id: str
    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[Cell | Mark, ...], ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fact:
    """A term and what is said about it."""

    term: str
    text: str
    kind: str = ""
    below: ClassVar[None] = None


def show_estimate(estimate: Estimate | None, *, interval: bool = True) -> Cell:
    """Return the value over its two-sided interval; a count stands over what it was counted among."""
    if estimate is None:
        return Cell(NONE, kind="number")
    below = f"({format_interval(estimate.interval, unit=estimate.unit)})" if interval and estimate.interval else None
    if below is None and estimate.unit is Unit.COUNT:
        below = f"of {estimate.n}"
    return Cell(format_estimate(estimate), below, "number")


def show_finding(finding: Finding | None, *, interval: bool = True) -> Cell:
    """Return the finding's estimate, 'not run' where it has none, a dash where there is no such finding."""
    if finding is not None and finding.not_run is not None:
        return Cell("not run", kind="number")
    return show_estimate(finding.estimate if finding else None, interval=interval)


def gather_reasons(findings: tuple[Finding | None, ...]) -> tuple[str, ...]:
    """Return why cells of a grid are empty, each reason once."""
    reasons = (finding.not_run for finding in findings if finding is not None and finding.not_run is not None)
    return tuple(f"Not run: {reason}." for reason in dict.fromkeys(reasons))
