"""The figure of the coverage study: each cell's share of right ends, one row a method. Plain SVG, of the file alone."""

from collections.abc import Iterator
from typing import Any

from benchmarks.coverage.page import NAMES, find_share
from unlearn_audit.presentation.figures.drawing import frame_svg

_LEFT, _PLOT, _RIGHT, _TOP, _ROW, _FOOT = 130, 600, 60, 64, 46, 44
_LOW, _HIGH, _STEP = 0.3, 1.0, 0.1
_BLUE, _GREY, _RED = "#1f5f99", "#5f6368", "#b3261e"


def draw_shares(document: dict[str, Any]) -> str:
    """Return the figure as SVG; the same file gives the same bytes. Shares below 0.3 stand on the left edge."""
    rows, nominal = document["cases"], document["confidence"]
    width, height = _LEFT + _PLOT + _RIGHT, _TOP + _ROW * len(NAMES) + _FOOT
    parts = [
        f'<text x="12" y="22" font-size="14">Share of right ends: one stroke for each of {len(rows)} cells</text>',
        *_draw_axis(nominal, height - _FOOT),
    ]
    for index, (method, name) in enumerate(NAMES.items()):
        shares = sorted(find_share(row, method) for row in rows if method in row["methods"])
        parts += _draw_row(name, shares, _TOP + _ROW * index)
    title = f"Share of right ends in {len(rows)} cells, nominal {nominal:.0%}"
    return frame_svg(width, height, title, parts, size=13)


def _place(share: float) -> float:
    return round(_LEFT + _PLOT * (max(share, _LOW) - _LOW) / (_HIGH - _LOW), 1)


def _draw_axis(nominal: float, foot: int) -> Iterator[str]:
    for number in range(round((_HIGH - _LOW) / _STEP) + 1):
        x, share = _place(_LOW + number * _STEP), _LOW + number * _STEP
        sign = "≤ " if number == 0 else ""
        yield f'<line x1="{x}" y1="{_TOP - 8}" x2="{x}" y2="{foot}" stroke="#e3e3e3"/>'
        yield f'<text x="{x}" y="{foot + 18}" text-anchor="middle" fill="{_GREY}">{sign}{share:.1f}</text>'
    x = _place(nominal)
    yield f'<line x1="{x}" y1="{_TOP - 8}" x2="{x}" y2="{foot}" stroke="{_RED}" stroke-dasharray="5 3"/>'
    yield f'<text x="{x}" y="{_TOP - 14}" text-anchor="middle" fill="{_RED}">promised: {nominal:g}</text>'


def _draw_row(name: str, shares: list[float], top: int) -> Iterator[str]:
    middle = top + _ROW // 2
    weight = ' font-weight="bold"' if name == NAMES["deciding"] else ""
    yield f'<text x="{_LEFT - 12}" y="{middle}" text-anchor="end"{weight}>{name}</text>'
    lowest = f"lowest {shares[0]:.3f}"
    yield f'<text x="{_LEFT - 12}" y="{middle + 15}" text-anchor="end" font-size="11" fill="{_GREY}">{lowest}</text>'
    strokes = "".join(f"M{_place(share)} {top + 8}v{_ROW - 16}" for share in shares)
    yield f'<path d="{strokes}" stroke="{_BLUE}" stroke-width="1.5" stroke-opacity="0.55" fill="none"/>'
