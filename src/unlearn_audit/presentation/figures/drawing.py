"""A small drawing surface that ends in SVG: lines, marks, text and axes; the same calls give the same bytes."""

import base64
import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from html import escape

INK, MUTED, RULE, PAPER = "#1d2733", "#5b6673", "#d3d8de", "#ffffff"
_FONT = "'UA Sans','UA CJK','DejaVu Sans',Verdana,sans-serif"
_ROLE = re.compile(r" \((?:audited|remedied|compared)\)$")
Point = tuple[float, float]


@dataclass(frozen=True)
class Scale:
    """Maps data from `low` to `high` onto the drawing from `start` to `end`, linearly or by logarithm."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """Return the place of `value`, kept within the axis."""
        low, high, inside = self.low, self.high, min(max(value, self.low), self.high)
        if self.log:
            low, high, inside = math.log(low), math.log(high), math.log(inside)
        share = (inside - low) / (high - low) if high > low else 0.5
        return self.start + share * (self.end - self.start)


def choose_ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Return round numbers from `low` to `high`, roughly `about` of them."""
    raw = (high - low) / about if high > low else 1.0
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(size * m for m in (1, 2, 5, 10) if size * m >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round((first + i) * step, 12) for i in range(int((high - first * step) / step + 1e-9) + 1)]


def _n(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


_MARKS: dict[str, Callable[[float, float, float], list[Point]]] = {
    "square": lambda x, y, r: [(x - r, y - r), (x + r, y - r), (x + r, y + r), (x - r, y + r)],
    "diamond": lambda x, y, r: [(x, y - 1.35 * r), (x + 1.35 * r, y), (x, y + 1.35 * r), (x - 1.35 * r, y)],
    "up": lambda x, y, r: [(x, y - 1.3 * r), (x + 1.2 * r, y + r), (x - 1.2 * r, y + r)],
    "down": lambda x, y, r: [(x, y + 1.3 * r), (x + 1.2 * r, y - r), (x - 1.2 * r, y - r)],
}


def open_svg(width: float, height: float, look: str) -> str:
    """Return the tag that begins an SVG; `look` are further attributes of it."""
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_n(width)} {_n(height)}" {look}>'


def lay_paper(width: float, height: float) -> str:
    """Return the white ground of an SVG."""
    return f'<rect width="{_n(width)}" height="{_n(height)}" fill="{PAPER}"/>'


def frame_svg(width: float, height: float, title: str, parts: Iterable[str], *, size: int = 12) -> str:
    """Return `parts` as an SVG file that stands alone: with a title for screen readers, one part a line."""
    look = f'role="img" aria-labelledby="t" font-family="sans-serif" font-size="{size}"'
    head = (open_svg(width, height, look), f'<title id="t">{escape(title)}</title>', lay_paper(width, height))
    return "\n".join([*head, *parts, "</svg>", ""])


@dataclass
class Drawing:
    """An SVG in the making; one unit is one point on paper."""

    width: float
    height: float
    parts: list[str] = field(default_factory=list)

    def draw_line(self, points: Iterable[Point], color: str, width: float = 1.0, dash: str | None = None) -> None:
        """Draw an open path."""
        path = "M" + " L".join(f"{_n(x)} {_n(y)}" for x, y in points)
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        self.parts.append(
            f'<path d="{path}" fill="none" stroke="{color}" stroke-width="{_n(width)}" '
            f'stroke-linejoin="round" stroke-linecap="butt"{dashed}/>'
        )

    def fill_area(self, points: Iterable[Point], color: str) -> None:
        """Fill a closed shape with a plain colour; no opacity, which paper formats dislike."""
        self.parts.append(f'<polygon points="{" ".join(f"{_n(x)},{_n(y)}" for x, y in points)}" fill="{color}"/>')

    def draw_mark(self, at: Point, mark: str, color: str, radius: float = 3.0) -> None:
        """Draw a data mark: circle, square, diamond, up or down."""
        x, y = at
        edge = f'fill="{color}" stroke="{PAPER}" stroke-width="0.7"'
        if mark == "circle":
            self.parts.append(f'<circle cx="{_n(x)}" cy="{_n(y)}" r="{_n(radius)}" {edge}/>')
            return
        shape = " ".join(f"{_n(px)},{_n(py)}" for px, py in _MARKS[mark](x, y, radius))
        self.parts.append(f'<polygon points="{shape}" {edge}/>')

    def write(self, at: Point, text: str, *, size: float = 7.5, anchor: str = "start", color: str = INK,
              bold: bool = False) -> None:  # fmt: skip
        """Write one line of text with its baseline at `at`."""
        weight = ' font-weight="bold"' if bold else ""
        self.parts.append(
            f'<text x="{_n(at[0])}" y="{_n(at[1])}" font-family="{_FONT}" font-size="{_n(size)}" '
            f'text-anchor="{anchor}" fill="{color}"{weight}>{escape(_clean(text))}</text>'
        )

    def draw_x_axis(self, scale: Scale, y: float, top: float, ticks: Sequence[float], title: str) -> None:
        """Draw grid lines from `top` to `y`, tick labels below, and the axis' title."""
        for tick in ticks:
            x = scale(tick)
            self.draw_line([(x, top), (x, y)], RULE, 0.6)
            self.write((x, y + 9.5), f"{tick:g}".replace("-", "\u2212"), size=7, anchor="middle", color=MUTED)
        self.draw_line([(scale.start, y), (scale.end, y)], INK, 0.7)
        self.write(((scale.start + scale.end) / 2, y + 20), title, size=7, anchor="middle", color=MUTED)

    def draw_y_axis(self, scale: Scale, x: float, right: float, ticks: Sequence[float], title: str) -> None:
        """Draw grid lines from `x` to `right`, tick labels on the left, and the title above."""
        for tick in ticks:
            y = scale(tick)
            self.draw_line([(x, y), (right, y)], RULE, 0.6)
            self.write((x - 4, y + 2.5), f"{tick:g}".replace("-", "\u2212"), size=7, anchor="end", color=MUTED)
        self.write((x - 22, scale.end - 7), title, size=7, color=MUTED)

    def to_uri(self) -> str:
        """Return the drawing as a data: URI."""
        size = f'width="{_n(self.width)}" height="{_n(self.height)}"'
        head = open_svg(self.width, self.height, size) + lay_paper(self.width, self.height)
        svg = head + "".join(self.parts) + "</svg>"
        return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode("ascii")


def _clean(text: str) -> str:
    """Return text without characters that XML forbids."""
    return "".join(c if c >= " " and c not in "\ufffe\uffff" and not "\ud800" <= c <= "\udfff" else " " for c in text)


def fit_label(text: str, longest: int, instead: str) -> str:
    """Return `text` as a label of at most `longest` columns, of which a wide letter takes two.

    It is cut in the middle, since names of models often differ at the end. `instead` stands for what is written from
    right to left: the printed figures are set letter by letter, from left to right.
    """
    shown = instead if any(unicodedata.bidirectional(letter) in ("R", "AL") for letter in text) else text
    for whole in (shown, _ROLE.sub("", shown)):
        if count_columns(whole) <= longest:
            return whole
    half = (longest - 1) // 2
    return f"{_cut(whole, longest - 1 - half).rstrip()}\u2026{_cut(whole[::-1], half)[::-1].lstrip()}"


def count_columns(text: str) -> int:
    """Return how many columns `text` takes: a wide letter takes two."""
    return sum(2 if _is_wide(letter) else 1 for letter in text)


def _is_wide(letter: str) -> bool:
    """Whether a letter is as wide as it is high; also one of a script that paper has no typeface for (U+FFFD)."""
    return unicodedata.east_asian_width(letter) in "WF" or "\u0700" <= letter < "\u1e00"


def _cut(text: str, columns: int) -> str:
    """Return the beginning of `text` that fits into `columns`."""
    end = 0
    while end < len(text) and count_columns(text[: end + 1]) <= columns:
        end += 1
    return text[:end]
