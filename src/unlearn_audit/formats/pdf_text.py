"""The text that programs read out of a PDF, mended where writing from right to left has turned brackets round.

A bracket is mirrored there: the glyph of '(' stands for ')'. WeasyPrint notes for each glyph the first text that it was
set for, so that one bracket in Arabic would turn all brackets of the document for who searches, copies or hears it.
"""

import unicodedata
from pathlib import Path
from typing import Any

from unlearn_audit.formats.typefaces import USUAL, WIDE


def mend_text(pdf: Any, folder: Path) -> None:
    """Let each mirrored glyph in `pdf`, a document of pydyf, be read as the character that it shows."""
    streams = {one.reference: one for one in pdf.objects if hasattr(one, "stream")}
    for font in pdf.objects:
        if isinstance(font, dict) and font.get("Type") == "/Font" and "ToUnicode" in font:
            shown = _read_mirrored(folder / _find_file(bytes(font["BaseFont"]).decode()))
            stream = streams[font["ToUnicode"]]
            stream.stream[:] = [_mend_line(line, shown) for line in stream.stream]


def _find_file(name: str) -> str:
    """Return the file of the face that a PDF calls `name`, such as '/ABCDEF+UA-Serif-Semi-Bold'."""
    bold = name.endswith("-Bold")
    family = name.rpartition("+")[-1].removesuffix("-Bold").removesuffix("-Semi").replace("-", " ")
    faces = [file for declared, weight, file in (*USUAL, WIDE) if declared == family]
    return faces[-1] if bold else faces[0]


def _read_mirrored(path: Path) -> dict[int, str]:
    """Return the characters that are mirrored from right to left, by the number of their glyph."""
    from fontTools.ttLib import TTFont

    with TTFont(path, lazy=True) as font:
        listed = {code: name for code, name in font.getBestCmap().items() if unicodedata.mirrored(chr(code))}
        return {font.getGlyphID(name): chr(code) for code, name in listed.items()}


def _mend_line(line: bytes, shown: dict[int, str]) -> bytes:
    glyph, _, text = line.partition(b"> <")
    if not text or not glyph.startswith(b"<"):
        return line
    number = int(glyph[1:], 16)
    return line if number not in shown else f"<{number:04x}> <{shown[number].encode('utf-16-be').hex()}>".encode()
