"""Formatting of numbers, units and names for print."""

import math
import re
from collections.abc import Sequence
from typing import Any

from unlearn_audit.records import Estimate, Interval, Limit, OperatingPoint, PointKind, Unit

LONGEST = 1000
"""Characters of one text on a page; a policy's reasons are shorter, and the attached record holds all of it."""
_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufe00-\ufe0f"
    "\ufeff\ufff9-\ufffc\ufffe\uffff"
    "\ud800-\udfff\U000e0000-\U000e0fff]"
)
_STACKED = re.compile("([\u0300-\u036f]{2})[\u0300-\u036f]+")

THIN = "\u2009"
MINUS = "\u2212"
DASH = "\u2013"
_FORMULA = ("=", "+", "-", "@")
NONE = "\u2014"
_MOST_DIGITS = 7
_MOST_LETTERS = 4

_POINTS = {PointKind.ARGMAX: "most probable class", PointKind.COST_OPTIMAL: "cost-optimal threshold"}


def format_point(point: OperatingPoint) -> str:
    """Return the reader's name of an operating point."""
    if point.kind is PointKind.FPR:
        return f"FPR {point.value:g}"
    return _POINTS.get(point.kind, str(point))


def format_number(value: float, unit: Unit | None = None, digits: int = 3) -> str:
    """Return `value` with `digits` significant digits (three decimals from 0.1 on), a real minus, no exponent.

    Counts are whole; thousands are set apart by a thin space. A value that is not zero is never printed as zero.
    """
    if unit is Unit.COUNT and float(value).is_integer():
        return f"{int(value):,}".replace(",", THIN).replace("-", MINUS)
    size = abs(value)
    if size == 0:
        return "0"
    smallest = 10.0 ** -(digits + 2)
    if size < smallest:
        return f"{'<' if value > 0 else '>' + MINUS}{smallest:.{digits + 2}f}"
    decimals = max(0, min(digits + 2, digits - 1 - math.floor(math.log10(size))))
    return f"{value:,.{decimals}f}".replace(",", THIN).replace("-", MINUS)


def format_apart(value: float, limits: tuple[float | None, ...], unit: Unit | None = None) -> str:
    """Return `value` with as many digits as it takes to show on which side of the limits it lies."""
    others = [limit for limit in limits if limit is not None and limit != value]
    for digits in range(3, _MOST_DIGITS):
        shown = format_number(value, unit, digits)
        if all(shown != format_number(other, unit, digits) for other in others):
            return shown
    return repr(value).replace("-", MINUS)


def format_interval(interval: Interval | None, limit: Limit | None = None, unit: Unit | None = None) -> str:
    """Return 'low to high', or a dash where there is none; 'to' because a dash reads as a minus."""
    if interval is None:
        return NONE
    limits = (limit.at_least, limit.at_most) if limit else ()
    return f"{format_apart(interval.low, limits, unit)} to {format_apart(interval.high, limits, unit)}"


def format_estimate(estimate: Estimate | None, limit: Limit | None = None) -> str:
    """Return the value alone, a dash where there is none."""
    if estimate is None:
        return NONE
    return format_apart(estimate.value, (limit.at_least, limit.at_most) if limit else (), estimate.unit)


def format_limit(limit: Limit) -> str:
    """Return the tolerance as printed in tables, exactly as the policy says it."""
    return str(limit).replace("-", MINUS).replace("\u2264 ", "\u2264\u00a0").replace("\u2265 ", "\u2265\u00a0")


def format_percent(fraction: float) -> str:
    """Return a share of one in per cent, one decimal where it has one."""
    return f"{100 * fraction:.1f}".removesuffix(".0") + "\u202f%"


def format_seconds(seconds: float | None) -> str:
    """Return a wall time in the unit a person would say it in."""
    if seconds is None:
        return NONE
    if seconds < 90:  # noqa: PLR2004 - up to a minute and a half people count seconds
        return f"{seconds:.1f}\u202fs" if seconds < 10 else f"{seconds:.0f}\u202fs"  # noqa: PLR2004
    minutes = seconds / 60
    return f"{minutes:.1f}\u202fmin" if minutes < 90 else f"{minutes / 60:.1f}\u202fh"  # noqa: PLR2004


def format_date(created: str) -> str:
    """Return an ISO 8601 moment as a person reads it."""
    return created.replace("T", " ").replace("Z", " UTC")


def format_parameters(parameters: Any) -> str:
    """Return a mapping as 'name = value, ...', a dash where it is empty."""
    if not parameters:
        return NONE
    return ", ".join(f"{key} = {_format_value(value)}" for key, value in sorted(parameters.items()))


def _format_value(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + format_parameters(value) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_format_value(item) for item in value) + "]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def clip(text: str, longest: int) -> str:
    """Return `text`, cut at `longest` characters with an ellipsis where it is longer."""
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "\u2026"


def bound(text: Any, longest: int = LONGEST) -> str:
    """Return any text of a record as a page can bear it: one paragraph, of bounded length, without what is not seen.

    Control characters, marks that turn the direction of writing and zero-width characters are taken out: they could
    reorder or hide what stands beside them. Letters of any script stay, with at most two marks upon each. The record
    holds the whole text.
    """
    spaced = " ".join(str(text)[: 4 * longest].split())
    return clip(_STACKED.sub(r"\1", _UNSEEN.sub("", spaced)), longest)


def group_digits(digest: str | None, size: int = 8) -> str:
    """Return a hex digest in groups, which a person can compare and a line can break at."""
    return " ".join(digest[i : i + size] for i in range(0, len(digest), size)) if digest else NONE


def format_id(text: str) -> str:
    """Return a record id for a page: with an apostrophe in front where a spreadsheet would take it for a formula.

    Readers copy lists of ids out of pages. Record and evidence keep the id as it is.
    """
    return f"'{text}" if text.startswith(_FORMULA) else text


def name_letters(missing: Sequence[str]) -> str | None:
    """Return the sentence on letters that the typefaces of paper lack, None where they lack none."""
    if not missing:
        return None
    listed = ", ".join(f"U+{ord(letter):04X}" for letter in missing[:_MOST_LETTERS])
    more = f" and {len(missing) - _MOST_LETTERS} more" if len(missing) > _MOST_LETTERS else ""
    return f"{listed}{more}: no typeface of this PDF has them, and each stands as \ufffd. record.json holds every word."
