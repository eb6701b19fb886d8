"""The figure of a study: what is missed against what is remembered of the malignant records, one panel per share."""

import base64
from collections.abc import Sequence

from unlearn_audit.report.drawing import INK, MUTED, Drawing, Scale, choose_ticks
from unlearn_audit.study.result import CellResult, Row, StudyResult

_PANEL, _GAP, _LEFT, _TOP, _PLOT = 250.0, 50.0, 42.0, 34.0, 200.0
_COLORS = ("#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#0072b2", "#6b7580", "#8a5a00")
_MARKS = ("circle", "square", "diamond", "up", "down")
X, Y = "confidence-positive", "fnr-at-fpr"
_FIXED = {"original": (INK, "circle"), "retrained": ("#0072b2", "square")}


def draw_tradeoff(result: StudyResult) -> str:
    """Return the figure as SVG; the same result gives the same bytes."""
    names = list(dict.fromkeys(row.name for cell in result.cells for row in cell.rows))
    looks = {name: choose_look(name, names) for name in names}
    titles = {row.name: row.title for cell in result.cells for row in cell.rows}
    lines = (len(names) + 2) // 3
    height = _TOP + _PLOT + 46 + 13 * lines
    drawing = Drawing(_LEFT + len(result.cells) * (_PANEL + _GAP), max(height, 300))
    rows = [row for cell in result.cells for row in cell.rows if _is_drawn(row)]
    x_range, y_range = _find_range(rows, X, 0.5), _find_range(rows, Y, None)
    for number, cell in enumerate(result.cells):
        _draw_panel(drawing, cell, _LEFT + number * (_PANEL + _GAP), (x_range, y_range), looks)
    for index, name in enumerate(names):
        at = (_LEFT + 170 * (index % 3), _TOP + _PLOT + 44 + 13 * (index // 3))
        drawing.draw_mark((at[0], at[1] - 2.5), looks[name][1], looks[name][0], 3.2)
        drawing.write((at[0] + 8, at[1]), titles[name], size=7.5)
    return base64.b64decode(drawing.to_uri().partition(",")[2]).decode()


def choose_look(name: str, names: Sequence[str]) -> tuple[str, str]:
    """Return colour and mark of a model: the same in every panel."""
    if name in _FIXED:
        return _FIXED[name]
    index = [other for other in names if other not in _FIXED].index(name)
    return _COLORS[index % len(_COLORS)], _MARKS[(index // len(_COLORS) + index) % len(_MARKS)]


def _is_drawn(row: Row) -> bool:
    return row.find(X).mean is not None and row.find(Y).mean is not None


def _find_range(rows: Sequence[Row], measure: str, held: float | None) -> tuple[float, float]:
    ends = [held] if held is not None else []
    for row in rows:
        mean = row.find(measure).mean
        if mean is not None:
            ends += [mean.value] if mean.interval is None else [mean.interval.low, mean.interval.high]
    low, high = max(0.0, min(ends)), min(1.0, max(ends))
    margin = 0.04 * (high - low or 1.0)
    return low - margin, high + margin


def _draw_panel(
    drawing: Drawing,
    cell: CellResult,
    left: float,
    ranges: tuple[tuple[float, float], tuple[float, float]],
    looks: dict[str, tuple[str, str]],
) -> None:
    x = Scale(*ranges[0], left, left + _PANEL)
    y = Scale(*ranges[1], _TOP + _PLOT, _TOP)
    drawing.draw_y_axis(y, left, left + _PANEL, choose_ticks(*ranges[1]), "")
    drawing.draw_x_axis(
        x, _TOP + _PLOT, _TOP, choose_ticks(*ranges[0]), "membership AUC of malignant records (0.5: unseen)"
    )
    title = f"{cell.forget:.0%} forgotten: malignant images missed at 20 % false positives"
    drawing.write((left - 20, _TOP - 12), title, size=8, bold=True)
    for row in cell.rows:
        if _is_drawn(row):
            _draw_row(drawing, row, x, y, looks[row.name])


def _draw_row(drawing: Drawing, row: Row, x: Scale, y: Scale, look: tuple[str, str]) -> None:
    across, up = row.find(X).mean, row.find(Y).mean
    if across is None or up is None:
        return
    at = (x(across.value), y(up.value))
    if across.interval is not None:
        drawing.draw_line([(x(across.interval.low), at[1]), (x(across.interval.high), at[1])], MUTED, 0.6)
    if up.interval is not None:
        drawing.draw_line([(at[0], y(up.interval.low)), (at[0], y(up.interval.high))], MUTED, 0.6)
    drawing.draw_mark(at, look[1], look[0], 3.4)
