"""The figure of a study: missed positives against membership of the positive forget records, one panel a share."""

import base64
from collections.abc import Sequence

from unlearn_audit.presentation.figures.drawing import INK, MUTED, Drawing, Scale, choose_ticks, count_columns
from unlearn_audit.study.measures import POPULATION
from unlearn_audit.study.page import show_share
from unlearn_audit.study.result import CellResult, Row, StudyResult

_PANEL, _GAP, _LEFT, _TOP, _PLOT = 250.0, 46.0, 40.0, 42.0, 210.0
_LETTER, _BESIDE, _LINE, _FOOT = 4.5, 22.0, 13.0, 34.0
"""A column's width in the legend, what mark and gap take beside a title, a line's height, the x axis' words."""
_COLORS = ("#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#6b7580", "#8a5a00")
_MARKS = ("diamond", "up", "down", "circle", "square")
X, Y = f"{POPULATION}-positive", "fnr-at-fpr"
_FIXED = {"original": (INK, "circle"), "retrained": ("#0072b2", "square")}
_NARROWEST = 0.02
"""What an axis spans at least: models that hardly differ are not drawn apart."""

Range = tuple[float, float]
Entry = tuple[str, str]


def draw_tradeoff(result: StudyResult) -> str:
    """Return the figure as SVG; the same result gives the same bytes.

    Means over seeds with their intervals. Models without both numbers (collapsed, or not made) are not drawn, and named
    so in the legend.
    """
    rows = [row for cell in result.cells for row in cell.rows]
    titles = {row.name: row.title for row in reversed(rows)}
    names = list(dict.fromkeys(row.name for row in rows))
    drawn = [row for row in rows if _is_drawn(row)]
    there = {row.name for row in drawn}
    legend = {name: titles[name] if name in there else f"{titles[name]} (none)" for name in names}
    panel = _PANEL if len(result.cells) > 1 else 2 * _PANEL + _GAP
    room = len(result.cells) * (panel + _GAP)
    columns = _lay_columns(list(legend.items()), room)
    width = _LEFT + max(room, sum(map(_measure_column, columns)))
    drawing = Drawing(width, _TOP + _PLOT + _FOOT + _LINE * len(columns[0]) + 4)
    looks = {name: choose_look(name, names) for name in names}
    ranges = _find_range(drawn, X, (0.5,)), _find_range(drawn, Y)
    drawing.write((_LEFT - 22, 12), "Positive test records missed at 20 % false positives", size=8.5, bold=True)
    for number, cell in enumerate(result.cells):
        left = _LEFT + number * (panel + _GAP)
        _draw_panel(drawing, cell, (left, left + panel), ranges, looks)
    left = _LEFT
    for column in columns:
        for line, (name, title) in enumerate(column, 1):
            at = (left, _TOP + _PLOT + _FOOT + _LINE * line - 4)
            drawing.draw_mark((at[0], at[1] - 2.5), looks[name][1], looks[name][0], 3.4)
            drawing.write((at[0] + 8, at[1]), title)
        left += _measure_column(column)
    return base64.b64decode(drawing.to_uri().partition(",")[2]).decode()


def choose_look(name: str, names: Sequence[str]) -> tuple[str, str]:
    """Return colour and mark of a model: the same in every panel, and no two alike among the first 35."""
    if name in _FIXED:
        return _FIXED[name]
    index = [other for other in names if other not in _FIXED].index(name)
    return _COLORS[index % len(_COLORS)], _MARKS[(index + index // len(_COLORS)) % len(_MARKS)]


def _lay_columns(legend: Sequence[Entry], width: float) -> list[Sequence[Entry]]:
    """Return the legend in as many columns as fit whole titles into `width`; in one, however wide, where none fit."""
    for lines in range(1, len(legend)):
        columns = [legend[first : first + lines] for first in range(0, len(legend), lines)]
        if sum(map(_measure_column, columns)) <= width:
            return columns
    return [legend]


def _measure_column(column: Sequence[Entry]) -> float:
    return _BESIDE + _LETTER * max((count_columns(title) for _, title in column), default=0)


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
    drawing: Drawing, cell: CellResult, ends: Range, ranges: tuple[Range, Range], looks: dict[str, tuple[str, str]]
) -> None:
    left, right = ends
    x = Scale(*ranges[0], left, right)
    y = Scale(*ranges[1], _TOP + _PLOT, _TOP)
    drawing.draw_y_axis(y, left, right, choose_ticks(*ranges[1]), "")
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
