"""Operating points: how they are written, and the one spelling that each has."""

import re

POINT_PATTERN = r"^(argmax|cost-optimal|(threshold|sensitivity) 0?\.[0-9]*[1-9][0-9]*)$"
POINT_WORDING = "'argmax', 'cost-optimal', 'threshold 0.3' or 'sensitivity 0.95'"
_POINT = re.compile(POINT_PATTERN)
_SLIP = re.compile(r"(threshold|sensitivity)\s*[:=]?\s*([0-9]*[.,]?[0-9]+)\s*(%?)")


def spell_point(text: str) -> str:
    """Return the one spelling of an operating point, so that 'sensitivity .950' and 'sensitivity 0.95' are equal.

    Raises:
        ValueError: `text` is no operating point.
    """
    if not _POINT.fullmatch(text):
        raise ValueError(f"expected {POINT_WORDING}, found '{text}'")
    name, *number = text.split()
    return f"{name} {float(number[0])!r}" if number else name


def guess_point(text: str) -> str | None:
    """Return the operating point that was probably meant by 'sensitivity 95%' or 'Cost optimal', None if unclear."""
    slip = _SLIP.fullmatch(text.strip().lower())
    if not slip:
        plain = text.strip().lower().replace(" ", "-").replace("_", "-")
        return plain if plain in ("argmax", "cost-optimal") else None
    number = float(slip[2].replace(",", "."))
    fraction = number / 100 if slip[3] or number > 1 else number
    return f"{slip[1]} {fraction:g}" if 0 < fraction < 1 else None
