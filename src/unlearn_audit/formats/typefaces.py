"""Typefaces of the printed page: those that come with this package, the letters they have, what stands for others.

No font of the machine is asked: the same record would not give the same bytes elsewhere, and a verifier renders again.
"""

import base64
import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from unlearn_audit.assets import find_folder
from unlearn_audit.errors import ReportError

REPLACEMENT = "\ufffd"
USUAL = (
    ("UA Sans", "normal", "DejaVuSans.ttf"),
    ("UA Sans", "bold", "DejaVuSans-Bold.ttf"),
    ("UA Serif", "normal", "DejaVuSerif.ttf"),
    ("UA Serif", "600", "DejaVuSerif-Bold.ttf"),
    ("UA Mono", "normal", "DejaVuSansMono.ttf"),
)
WIDE = ("UA CJK", "normal", "WenQuanYiMicroHei.ttf")
"""Chinese, Japanese, Korean. Declared on a page that needs it, and on no other."""
_LAST = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf")  # the other usual ones fall back on these
_SVG = re.compile("data:image/svg\\+xml;base64,([A-Za-z0-9+/=]+)")
_UNUSUAL = re.compile("[^\x00-\x7f]")
_LEFTWARD = ("R", "AL")


@dataclass(frozen=True)
class Needs:
    """What the letters of a page ask of its typefaces.

    Attributes:
        wide: a letter is in no usual face, and in the wide one.
        leftward: a letter is written from right to left.
        missing: letters that no face has, in the order of their code points.
    """

    wide: bool
    leftward: bool
    missing: tuple[str, ...]


def find_fonts() -> Path:
    """Return the folder of the fonts that every page is set in (templates/fonts).

    Raises:
        ReportError: one of them is missing.
    """
    folder = find_folder("templates") / "fonts"
    missing = [name for *_, name in (*USUAL, WIDE) if not (folder / name).is_file()]
    if missing:
        raise ReportError(
            f"expected the fonts of the report in {folder}, found no {', '.join(missing)}",
            hint="reinstall unlearn-audit",
        )
    return folder


def declare_faces(folder: Path, *, wide: bool = False) -> str:
    """Return the CSS that declares the usual faces, and the wide one where it is asked for."""
    return "".join(
        f"@font-face {{ font-family: '{family}'; font-weight: {weight}; font-style: normal;"
        f" src: url('{(folder / name).as_uri()}'); }}\n"
        for family, weight, name in ((*USUAL, WIDE) if wide else USUAL)
    )


def examine(page: str, folder: Path) -> Needs:
    """Return what the letters of `page`, its figures among them, ask of the typefaces in `folder`."""
    found = set(_UNUSUAL.findall(page))
    for drawing in _SVG.findall(page):
        found.update(_UNUSUAL.findall(base64.b64decode(drawing).decode()))
    unusual = {letter for letter in found if ord(letter) not in read_characters(folder, _LAST)} - {REPLACEMENT}
    wide = {letter for letter in unusual if ord(letter) in read_characters(folder, (WIDE[-1],))}
    leftward = any(unicodedata.bidirectional(letter) in _LEFTWARD for letter in found)
    return Needs(bool(wide), leftward, tuple(sorted(unusual - wide)))


def replace_letters(page: str, missing: Collection[str]) -> str:
    """Return `page` with each of the `missing` letters replaced, in its figures as well: PDF/A allows no lost glyph."""
    if not missing:
        return page
    table = str.maketrans(dict.fromkeys(missing, REPLACEMENT))

    def redraw(found: re.Match[str]) -> str:
        drawing = base64.b64decode(found.group(1)).decode().translate(table)
        return "data:image/svg+xml;base64," + base64.b64encode(drawing.encode()).decode("ascii")

    return _SVG.sub(redraw, page.translate(table))


@lru_cache(maxsize=4)
def read_characters(folder: Path, names: tuple[str, ...]) -> frozenset[int]:
    """Return the code points that all fonts `names` in `folder` have."""
    from fontTools.ttLib import TTFont

    known = []
    for name in names:
        with TTFont(folder / name, lazy=True) as font:
            known.append(frozenset(font.getBestCmap()))
    return frozenset.intersection(*known)
