"""The figure of a study: missed positives against membership of the positive forget records, one panel a share."""

import base64
from collections.abc import Sequence

from unlearn_audit.presentation.figures.drawing import INK, MUTED, Drawing, Scale, choose_ticks
from unlearn_audit.study.measures import POPULATION
from unlearn_audit.study.page import show_share
from unlearn_audit.study.result import CellResult, Row, StudyResult

_PANEL, _GAP, _LEFT, _TOP, _PLOT = 250.0, 46.0, 40.0, 42.0, 210.0
_LEGEND, _LINE, _FOOT = 148.0, 13.0, 34.0
_COLORS = ("#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#6b7580", "#8a5a00")
_MARKS = ("diamond", "up", "down", "circle", "square")
X, Y = f"{POPULATION}-positive", "fnr-at-fpr"
_FIXED = {"original": (INK, "circle"), "retrained": ("#0072b2", "square")}
_NARROWEST = 0.02
"""What an axis spans at least: models that hardly differ are not drawn apart."""

Range = tuple[float, float]


def draw_tradeoff(result: StudyResult) -> str:
    """Return the figure as SVG; the same result gives the same bytes.

    Means over seeds with their intervals. Models without both numbers (collapsed, or not made) are not drawn, and named
    so in the legend.
    """
    rows = [row for cell in result.cells for row in cell.rows]
    titles = {row.name: row.title for row in reversed(rows)}
    names = list(dict.fromkeys(row.name for row in rows))
    drawn = [row for row in rows if _is_drawn(row)]
    width = _LEFT + len(result.cells) * (_PANEL + _GAP)
    columns = max(1, int((width - _LEFT) // _LEGEND))
    lines = -(-len(names) // columns)
    drawing = Drawing(width, _TOP + _PLOT + _FOOT + _LINE * lines + 4)
    looks = {name: choose_look(name, names) for name in names}
    ranges = _find_range(drawn, X, (0.5,)), _find_range(drawn, Y)
    drawing.write((_LEFT - 22, 12), "Positive test records missed at 20 % false positives", size=8.5, bold=True)
    for number, cell in enumerate(result.cells):
        _draw_panel(drawing, cell, _LEFT + number * (_PANEL + _GAP), ranges, looks)
    there = {row.name for row in drawn}
    for index, name in enumerate(names):
        at = (_LEFT + _LEGEND * (index // lines), _TOP + _PLOT + _FOOT + _LINE * (index % lines + 1) - 4)
        drawing.draw_mark((at[0], at[1] - 2.5), looks[name][1], looks[name][0], 3.4)
        drawing.write((at[0] + 8, at[1]), _shorten(titles[name] if name in there else f"{titles[name]} (none)"))
    return base64.b64decode(drawing.to_uri().partition(",")[2]).decode()


def choose_look(name: str, names: Sequence[str]) -> tuple[str, str]:
    """Return colour and mark of a model: the same in every panel, and no two alike among the first 35."""
    if name in _FIXED:
        return _FIXED[name]
    index = [other for other in names if other not in _FIXED].index(name)
    return _COLORS[index % len(_COLORS)], _MARKS[(index + index // len(_COLORS)) % len(_MARKS)]


def _shorten(title: str, longest: int = 32) -> str:
    return title if len(title) <= longest else title[: longest - 1] + "\u2026"


def _is_drawn(row: Row) -> bool:
    return row.find(X).mean is not None and row.find(Y).mean is not None


def _find_range(rows: Sequence[Row], measure: str, held: Sequence[float] = ()) -> Range:
    """Return the span of the means, and of their intervals as far as twice that: one wide interval hides no others."""
    means = [mean for row in rows if (mean := row.find(measure).mean)]
    values = [*(mean.value for mean in means), *held]
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    room = max((high - low) / 2, _NARROWEST / 2)
    ends = [mean.interval for mean in means if mean.interval]
    low = min(low, max(low - room, min((end.low for end in ends), default=low)))
    high = max(high, min(high + room, max((end.high for end in ends), default=high)))
    lack = max(0.0, _NARROWEST - (high - low)) / 2
    margin = 0.05 * (high - low) + lack
    return low - margin, high + margin


def _draw_panel(
    drawing: Drawing, cell: CellResult, left: float, ranges: tuple[Range, Range], looks: dict[str, tuple[str, str]]
) -> None:
    x = Scale(*ranges[0], left, left + _PANEL)
    y = Scale(*ranges[1], _TOP + _PLOT, _TOP)
    drawing.draw_y_axis(y, left, left + _PANEL, choose_ticks(*ranges[1]), "")
    title = "membership AUC of positive records (0.5: as if never seen)"
    drawing.draw_x_axis(x, _TOP + _PLOT, _TOP, choose_ticks(*ranges[0]), title)
    drawing.draw_line([(x(0.5), _TOP), (x(0.5), _TOP + _PLOT)], MUTED, 0.7, dash="3 2")
    drawing.write((left, _TOP - 7), f"{show_share(cell.forget)} forgotten, {len(cell.seeds)} seeds", size=8)
    rows = [row for row in cell.rows if _is_drawn(row)]
    for row in rows:
        _draw_intervals(drawing, row, x, y, looks[row.name][0])
    for row in reversed(rows):  # the original and the retrained model lie on top
        _draw_mark(drawing, row, x, y, looks[row.name])


def _draw_intervals(drawing: Drawing, row: Row, x: Scale, y: Scale, color: str) -> None:
    across, up = row.find(X).mean, row.find(Y).mean
    if across is None or up is None:
        return
    at = (x(across.value), y(up.value))
    if across.interval is not None:
        drawing.draw_line([(x(across.interval.low), at[1]), (x(across.interval.high), at[1])], color, 0.6)
    if up.interval is not None:
        drawing.draw_line([(at[0], y(up.interval.low)), (at[0], y(up.interval.high))], color, 0.6)


def _draw_mark(drawing: Drawing, row: Row, x: Scale, y: Scale, look: tuple[str, str]) -> None:
    across, up = row.find(X).mean, row.find(Y).mean
    if across is not None and up is not None:
        drawing.draw_mark((x(across.value), y(up.value)), look[1], look[0], 3.8)
