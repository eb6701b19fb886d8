"""Layout of page one, which must stay one page whatever texts a policy has.

Heights are estimated from below by the printed sizes in print.css; a test renders the hardest pages and looks.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import replace

from unlearn_audit.presentation.sections.checks import Banner
from unlearn_audit.presentation.sections.contents import number_of
from unlearn_audit.presentation.sections.grid import Cell, Fact, Grid, Mark
from unlearn_audit.presentation.wording import bound, clip
from unlearn_audit.records import CheckResult, Outcome

Row = tuple[Cell | Mark, ...]

_ROOM = 264.0  # mm of an A4 page between its margins, less a little
_FRAME = 38.5  # mm: kind, standing, captions and heads of table and figure, the banner's padding
_NOTE = 5.5
_FOOT = 27.0
_FIGURE = 178 / 500  # mm for each unit of a drawing
_TITLE = (178.0, 15 * 0.352, 6.3)  # width of the column, size of the letters, height of a line; mm
_FACT = (160.0, 7.4 * 0.352, 3.8)
_SAID = (98.0, 7.8 * 0.352, 4.0)
_CHECK = (54.8, 7.2 * 0.352, 3.35)
_BELOW = (54.8, 6.4 * 0.352, 3.0)
_REASON = (50.0, 7.2 * 0.352, 3.35)
_PADDING = 1.75
_RAGGED = 1.04  # lines end at words: they hold less than they could
_WIDTHS = ((" ijlI.,:;'|!", 0.32), ("ftr()[]/-", 0.42), ("cksvxyz", 0.59), ("mw", 1.0), ("MW@%", 1.2))
_ORDER = (Outcome.FAIL, Outcome.NOT_RUN, Outcome.INCONCLUSIVE, Outcome.PASS)


def measure(text: str, box: tuple[float, float, float]) -> float:
    """Return about how high `text` is printed in a box of (width, size of letters, height of a line), in mm."""
    width, size, line = box
    filled = _spread(text) * size / width
    return line * (1 if filled <= 1 else 1 + int(_RAGGED * filled) + _has_endless_word(text, width / size))


def _spread(text: str) -> float:
    return 0.95 * sum(map(_widen, text))


def _has_endless_word(text: str, width: float) -> bool:
    """Whether a word is too long to end a line with: what stands before it then leaves its line half empty."""
    return any(_spread(word) > width / 2 for word in text.split())


def shorten(text: str, box: tuple[float, float, float], lines: int) -> str:
    """Return `text` cut so that it fills about `lines` lines of `box`; a word longer than a line costs one more."""
    plain, (width, size, _) = bound(text), box
    endless = _has_endless_word(plain, width / size)
    room = 0.97 * max(1, lines - endless) * width / (_RAGGED * 0.95 * size) - endless * _widen("…")
    used = 0.0
    for place, character in enumerate(plain):
        used += _widen(character)
        if used > room:
            return clip(plain, place)
    return plain


def shorten_title(text: str) -> str:
    """Return what is audited, as the title of page one."""
    return shorten(text, _TITLE, 2)


def shorten_subject(facts: Sequence[Fact]) -> tuple[Fact, ...]:
    """Return the facts under the title, each in at most two lines."""
    return tuple(replace(fact, text=shorten(fact.text, _FACT, 2)) for fact in facts)


def shorten_banner(banner: Banner) -> Banner:
    """Return the banner with a reason and an advice that it can hold; section 2 has both in full."""
    return replace(banner, reason=shorten(banner.reason, _SAID, 5), advice=shorten(banner.advice, _SAID, 6))


def shorten_brief(text: str | None) -> str | None:
    """Return the sentence on single patients in at most two lines; its section has it in full."""
    return shorten(text, _FACT, 2) if text else None


def _shorten_row(row: Row) -> Row:
    check, *middle, reason = row
    if isinstance(check, Cell):
        below = shorten(check.below, _BELOW, 2) if check.below else None
        check = replace(check, text=shorten(check.text, _CHECK, 2), below=below)
    if isinstance(reason, Cell):
        reason = replace(reason, text=shorten(reason.text, _REASON, 3))
    return (check, *middle, reason)


def _widen(character: str) -> float:
    """Return how wide a character of DejaVu Sans is, in its size; what is not ASCII counts as wide as it is high."""
    if unicodedata.category(character) in ("Cf", "Cc") or "\u0300" <= character <= "\u036f":
        return 0.0  # marks of other scripts count: where no typeface has them, each is a letter wide
    found = next((width for listed, width in _WIDTHS if character in listed), None)
    if found is not None:
        return found
    return 1.1 if not character.isascii() else 0.75 if character.isupper() else 0.64


def find_room(title: str, subject: Sequence[Fact], texts: Sequence[str], drawn: float, *, foot: bool) -> float:
    """Return how many mm are left for the rows of the checks between banner and figure; `foot`: of the summary."""
    head = measure(title, _TITLE) + sum(measure(fact.text, _FACT) + 1.4 for fact in subject)
    return (
        _ROOM - _FRAME - head - sum(measure(text, _SAID) for text in texts) - drawn * _FIGURE - (_FOOT if foot else 0)
    )


def fit_checks(grid: Grid, checks: Sequence[CheckResult], room: float) -> Grid:
    """Return `grid` with as many rows as there is room for; the worst required checks stay, in the policy's order.

    A note says how many are left out and whether any of them did not pass. At least one row stays.
    """
    grid = replace(grid, rows=tuple(map(_shorten_row, grid.rows)))
    if sum(map(_measure_row, grid.rows)) <= room:
        return grid
    order = sorted(range(len(checks)), key=lambda i: (not checks[i].required, _ORDER.index(checks[i].outcome), i))
    kept: list[int] = []
    used = 0.0
    for place in order:
        used += _measure_row(grid.rows[place])
        if used > room - _NOTE and kept:
            break
        kept.append(place)
    left = [checks[place] for place in range(len(checks)) if place not in kept]
    notes = (*grid.notes, _describe_left(left)) if left else grid.notes
    return replace(grid, rows=tuple(grid.rows[place] for place in sorted(kept)), notes=notes)


def _measure_row(row: Row) -> float:
    check, reason = row[0], row[-1]
    name = measure(check.text, _CHECK) + measure(check.below or "", _BELOW) if isinstance(check, Cell) else 0.0
    texts = measure(reason.text, _REASON) if isinstance(reason, Cell) else 0.0
    return max(name, texts, 2 * _BELOW[2]) + _PADDING


def _describe_left(left: Sequence[CheckResult]) -> str:
    bad = sum(check.outcome is not Outcome.PASS for check in left)
    outcomes = f", {bad} of which did not pass" if bad else ", all passed"
    where = f"section {number_of('checks')} of the full report has every check"
    return f"{len(left)} more check{'s' if len(left) > 1 else ''}{outcomes}: {where}."
