"""The figure of single patients: each erased one is a mark, the higher the more clearly it is recognised."""

import math
from dataclasses import dataclass

from unlearn_audit.presentation.figures.drawing import INK, MUTED, RULE, Drawing, fit_label
from unlearn_audit.presentation.figures.risk import WIDTH, Figure, choose_look
from unlearn_audit.presentation.sections.index import Index
from unlearn_audit.presentation.sections.patients import describe_count, name_unit
from unlearn_audit.records import NEGATIVE, POSITIVE, Curve, CurveKind, Population

_KINDS = (CurveKind.PATIENT_RECOGNITION, CurveKind.RECORD_RECOGNITION)
_TICKS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
_TOP, _BOTTOM, _LEFT, _GAP = 34.0, 168.0, 34.0, 14.0
_STEP = 4.6
_MOST = 150
"""Marks of one class in one panel; more are drawn as bars, those that are recognised always as marks."""


def draw_patients(index: Index) -> Figure | None:
    """Draw the erased records under original, audited and retrained models, the positive ones apart; no names."""
    curves = [curve for kind in _KINDS for curve in index.find_curves(kind)]
    roles = [index.find_name("original"), index.audited, index.find_name("retrained")]
    models = [name for name in roles if name and any(curve.key.model == name for curve in curves)]
    if not models:
        return None
    shown = [curve for curve in curves if curve.key.model in models]
    place = _Height(max(abs(t) for curve in shown for t in (*curve.x, *curve.y[:1])))
    drawing = Drawing(WIDTH, _BOTTOM + 26)
    _draw_axis(drawing, place)
    wide = (WIDTH - _LEFT - _GAP * len(models)) / len(models)
    for number, model in enumerate(models):
        own = [curve for curve in shown if curve.key.model == model]
        _Panel(index, model, own, place, _LEFT + _GAP + number * (wide + _GAP), wide).draw(drawing)
    unit = name_unit(index)
    text = "; ".join(f"{index.name(model)}: {describe_count(index, model)}" for model in models)
    caption = (
        f"Each mark is one erased {unit.removesuffix('s')}, in no order and without names: the higher, the more "
        "clearly models that were trained on it and made to forget differ from models that never saw it. Above the "
        "dashed line it is recognised."
    )
    alt = f"Erased {unit} that are still recognised: {text}. They are the marks above the dashed line."
    return Figure("patients", drawing.to_uri(), alt, caption, WIDTH, drawing.height)


class _Height:
    """Where |t| lies on the drawing: nearly linear near 0, nearly logarithmic far from it."""

    def __init__(self, largest: float) -> None:
        self.largest = max(largest, 5.0)

    def __call__(self, t: float) -> float:
        return _BOTTOM - (_BOTTOM - _TOP) * math.asinh(abs(t)) / math.asinh(self.largest)


def _draw_axis(drawing: Drawing, place: _Height) -> None:
    for tick in (tick for tick in _TICKS if tick <= place.largest):
        drawing.draw_line([(_LEFT, place(tick)), (WIDTH, place(tick))], RULE, 0.6)
        drawing.write((_LEFT - 4, place(tick) + 2.5), f"{tick}", size=7, anchor="end", color=MUTED)
    drawing.write((2, _TOP - 20), "|t|, how clearly it is recognised", size=7, color=MUTED)


@dataclass(frozen=True)
class _Panel:
    """One model's part of the drawing."""

    index: Index
    model: str
    curves: list[Curve]
    place: _Height
    start: float
    width: float

    @property
    def critical(self) -> float | None:
        """From where on a record is recognised."""
        return next((curve.y[0] for curve in self.curves if curve.y), None)

    def draw(self, drawing: Drawing) -> None:
        """Draw title, critical value and both classes."""
        title = fit_label(self.index.name(self.model), int(self.width / 4.4), self.model)
        drawing.write((self.start, _TOP - 7), title, size=7, bold=self.model == self.index.audited)
        end, half = self.start + self.width, self.width / 2
        if self.critical is not None:
            drawing.draw_line(
                [(self.start, self.place(self.critical)), (end, self.place(self.critical))], INK, 0.9, "4 2"
            )
        classes = ((POSITIVE, self.index.positive), (NEGATIVE, self.index.negative))
        for number, (among, word) in enumerate(classes):
            middle = self.start + half * (number + 0.5)
            drawing.write((middle, _BOTTOM + 12), fit_label(word, 16, str(among)), size=7, anchor="middle", color=MUTED)
            self._draw_class(drawing, among, middle, half - 6)
        drawing.draw_line([(self.start, _BOTTOM), (end, _BOTTOM)], INK, 0.7)

    def _draw_class(self, drawing: Drawing, among: Population, middle: float, width: float) -> None:
        """Draw marks side by side where they would lie upon one another, and many of them as bars."""
        values = [t for curve in self.curves if curve.key.among == among for t in curve.x]
        look, rows = choose_look(self.index, self.model), self._part_by_height(values)
        longest = max(map(len, rows), default=1)
        room = max(1, int(width / _STEP))
        for row in rows:
            if len(values) > _MOST and (self.critical is None or max(map(abs, row)) < self.critical):
                reach, y = width / 2 * len(row) / longest, self.place(row[0])
                drawing.draw_line([(middle - reach, y), (middle + reach, y)], look.color, 2.6)
                continue
            for number, t in enumerate(row):
                step = (number % room + 1) // 2 * (1 if number % 2 else -1)
                drawing.draw_mark((middle + _STEP * step, self.place(t)), look.mark, look.color, 2.1)

    def _part_by_height(self, values: list[float]) -> list[list[float]]:
        rows: dict[int, list[float]] = {}
        for t in values:
            rows.setdefault(round(self.place(t) / 4), []).append(t)
        return list(rows.values())
