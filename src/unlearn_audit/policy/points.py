"""Operating points as a policy may write them: accepted spellings, and hints for near misses."""

import re

from unlearn_audit.records.operating_points import EXPECTED, OperatingPoint

POINT_PATTERN = r"^(argmax|cost-optimal|(threshold|sensitivity) 0?\.[0-9]*[1-9][0-9]*)$"
POINT_WORDING = EXPECTED
_POINT = re.compile(POINT_PATTERN)
_SLIP = re.compile(r"(threshold|sensitivity)\s*[:=]?\s*([0-9]*[.,]?[0-9]+)\s*(%?)")


def validate_point(text: object) -> object:
    """Return `text` where a policy may write an operating point so; the point of an attack is none of a policy.

    Raises:
        ValueError: `text` is no operating point of a policy.
    """
    if isinstance(text, str) and not _POINT.fullmatch(text):
        raise ValueError(f"expected {POINT_WORDING}, found '{text}'")
    return text


def parse_point(text: object) -> OperatingPoint | None:
    """Return the operating point that a policy means by `text`, None where it is none."""
    return OperatingPoint.parse(text) if isinstance(text, str) and _POINT.fullmatch(text) else None


def guess_point(text: str) -> str | None:
    """Return the operating point that was probably meant by 'sensitivity 95%' or 'Cost optimal', None if unclear."""
    slip = _SLIP.fullmatch(text.strip().lower())
    if not slip:
        plain = text.strip().lower().replace(" ", "-").replace("_", "-")
        return plain if plain in ("argmax", "cost-optimal") else None
    number = float(slip[2].replace(",", "."))
    fraction = number / 100 if slip[3] or number > 1 else number
    return f"{slip[1]} {fraction:g}" if 0 < fraction < 1 else None
