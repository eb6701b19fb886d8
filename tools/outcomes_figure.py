"""The figure that explains the outcomes: estimate and bounds of a check 'at most', against its tolerance. Plain SVG."""

from collections.abc import Iterator

from unlearn_audit.presentation.figures.drawing import frame_svg
from unlearn_audit.records import Limit, Outcome

_LEFT, _PLOT, _TOP, _ROW = 40, 330, 62, 58
_WIDTH = _LEFT + _PLOT + 380
_GREEN, _RED, _AMBER, _GREY = "#1b6e3c", "#b3261e", "#8a5a00", "#5f6368"
TOLERANCE = 0.6
SHOWN = (
    ((0.1, 0.28, 0.5), Outcome.PASS, "the whole bound is inside the tolerance"),
    ((0.22, 0.45, 0.78), Outcome.INCONCLUSIVE, "the estimate is inside, the bound is not"),
    ((0.42, 0.72, 0.95), Outcome.INCONCLUSIVE, "the estimate is outside, and may be by chance"),
    ((0.68, 0.82, 0.97), Outcome.FAIL, "the whole bound is outside"),
)
"""(lower bound, estimate, upper bound), what that comes to, and why."""
_COLOURS = {Outcome.PASS: _GREEN, Outcome.FAIL: _RED, Outcome.INCONCLUSIVE: _AMBER}


def draw_outcomes() -> str:
    """Return the figure as SVG; always the same bytes."""
    limit = Limit(at_most=TOLERANCE)
    height = _TOP + _ROW * len(SHOWN) + 20
    x = _place(TOLERANCE)
    parts = [
        f'<rect x="{_LEFT}" y="{_TOP - 12}" width="{x - _LEFT}" height="{_ROW * len(SHOWN)}" fill="#eef5ef"/>',
        f'<text x="{_LEFT}" y="{_TOP - 22}" fill="{_GREY}">tolerated</text>',
        f'<text x="{x}" y="{_TOP - 22}" text-anchor="middle" fill="{_GREY}">tolerance {limit}</text>',
        f'<path d="M{x} {_TOP - 14}V{height - 20}" stroke="{_GREY}" stroke-width="2" stroke-dasharray="6 4"/>',
    ]
    for index, (ends, outcome, reason) in enumerate(SHOWN):
        parts += _draw_row(ends, outcome, reason, _TOP + _ROW * index + 16)
    title = "Bounds inside the tolerance pass, across it are inconclusive, beyond it fail"
    return frame_svg(_WIDTH, height, title, parts, size=14)


def _place(value: float) -> float:
    return round(_LEFT + _PLOT * value, 1)


def _draw_row(ends: tuple[float, float, float], outcome: Outcome, reason: str, y: int) -> Iterator[str]:
    low, value, high = map(_place, ends)
    colour, text = _COLOURS[outcome], _LEFT + _PLOT + 24
    yield f'<line x1="{low}" y1="{y}" x2="{high}" y2="{y}" stroke="{colour}" stroke-width="7" stroke-linecap="round"/>'
    yield f'<circle cx="{value}" cy="{y}" r="7" fill="#fff" stroke="{colour}" stroke-width="3"/>'
    yield (
        f'<text x="{text}" y="{y}" font-weight="bold" fill="{colour}">{outcome.sign} {outcome.label}</text>'
        f'<text x="{text}" y="{y + 19}" font-size="13" fill="{_GREY}">{reason}</text>'
    )
