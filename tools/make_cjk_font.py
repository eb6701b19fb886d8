"""Make templates/fonts/WenQuanYiMicroHei.ttf: the letters of wqy-microhei.ttc that DejaVu Sans lacks, without hints.

Spaces are in it as well: Pango sets a space in the face of the letter before it, whether that face has it or not.

python tools/make_cjk_font.py wqy-microhei.ttc, as in Debian's package fonts-wqy-microhei, 0.2.0-beta.
"""

import sys
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

FONTS = Path(__file__).resolve().parent.parent / "templates" / "fonts"
TARGET = FONTS / "WenQuanYiMicroHei.ttf"
_SPACES = (0x20, 0xA0, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000)
_KEPT_NAMES = [0, 1, 2, 3, 4, 5, 6, 13, 14]  # copyright, names, version, licence


def make_font(collection: Path, target: Path = TARGET) -> int:
    """Write the subset to `target` and return how many characters it has."""
    font = TTFont(collection, fontNumber=0, recalcTimestamp=False)
    usual = [set(TTFont(FONTS / name).getBestCmap()) for name in ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf")]
    wanted = set(font.getBestCmap()) - set.intersection(*usual) | {_SPACES[0]}
    options = subset.Options()
    options.hinting = False
    options.layout_features = []
    options.name_IDs = _KEPT_NAMES
    options.glyph_names = False
    options.drop_tables += ["FFTM", "vhea", "vmtx", "GSUB", "GPOS", "GDEF"]
    chosen = subset.Subsetter(options)
    chosen.populate(unicodes=wanted)
    chosen.subset(font)
    for table in font["cmap"].tables:
        table.cmap |= {code: table.cmap[_SPACES[0]] for code in _SPACES if code not in table.cmap}
    font.save(target)
    return len(wanted)


if __name__ == "__main__":
    print(make_font(Path(sys.argv[1])))  # noqa: T201 - a command
