"""Replacement of characters that the embedded fonts lack, since PDF/A allows no missing glyph."""

import base64
import re
from functools import lru_cache
from pathlib import Path

REPLACEMENT = "\ufffd"
_SVG = re.compile("data:image/svg\\+xml;base64,([A-Za-z0-9+/=]+)")
_UNUSUAL = re.compile("[^\x00-\x7f]")
_FACES = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf")  # the others fall back on these


def replace_missing(page: str, fonts: Path) -> str:
    """Return `page` with each character that a font in the folder `fonts` lacks replaced, in its figures as well.

    Another font of the machine would stand in for it otherwise, and the same record would not give the same bytes.
    """
    known = _read_characters(fonts)

    def show(found: re.Match[str]) -> str:
        return found.group() if ord(found.group()) in known else REPLACEMENT

    def redraw(found: re.Match[str]) -> str:
        drawing = _UNUSUAL.sub(show, base64.b64decode(found.group(1)).decode())
        return "data:image/svg+xml;base64," + base64.b64encode(drawing.encode()).decode("ascii")

    return _SVG.sub(redraw, _UNUSUAL.sub(show, page))


@lru_cache(maxsize=2)
def _read_characters(fonts: Path) -> frozenset[int]:
    from fontTools.ttLib import TTFont

    known = []
    for name in _FACES:
        with TTFont(fonts / name, lazy=True) as font:
            known.append(frozenset(font.getBestCmap()))
    return frozenset.intersection(*known)
