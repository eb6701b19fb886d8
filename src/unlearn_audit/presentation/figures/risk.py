"""Figures of risk, drawn from findings and curves of the record, each with words that say the same."""

import math
from dataclasses import dataclass

from unlearn_audit.presentation.figures.drawing import INK, MUTED, Drawing, Scale, choose_ticks, fit_label
from unlearn_audit.presentation.sections.clinical import choose_cost_curves
from unlearn_audit.presentation.sections.index import Index
from unlearn_audit.presentation.wording import format_interval, format_limit, format_number, format_point
from unlearn_audit.records import ALL, Curve, Estimate, OperatingPoint
from unlearn_audit.records.trivial_models import CALL_NONE_POSITIVE

WIDTH = 500.0
_NAME = 30


@dataclass(frozen=True)
class Figure:
    """A drawing with its alternative text and its caption."""

    id: str
    uri: str
    alt: str
    caption: str
    width: float
    height: float


@dataclass(frozen=True)
class Look:
    """How one model is drawn everywhere: colour (Okabe and Ito), mark and dash, so that grey print keeps it apart."""

    color: str
    mark: str
    dash: str | None


_BY_ROLE = {
    "original": Look("#000000", "circle", None),
    "retrained": Look("#0072b2", "square", "5 2"),
    "unlearned": Look("#d55e00", "diamond", None),
}
_OTHERS = (Look("#009e73", "up", "2 1.5"), Look("#cc79a7", "down", "7 2 1.5 2"), Look("#e69f00", "square", "1 1.5"),
           Look("#56b4e9", "circle", "9 3"))  # fmt: skip
_BASELINE = Look("#6b7580", "", "1 2")
_NONE_POSITIVE = Look("#6b7580", "", "7 2 1 2")


def choose_look(index: Index, model: str) -> Look:
    """Return a model's look; the same model looks the same in every figure."""
    others = [card.name for card in index.models if card.role not in _BY_ROLE]
    if model in others:
        return _OTHERS[others.index(model) % len(_OTHERS)]
    role = next((card.role for card in index.models if card.name == model), None)
    if role:
        return _BY_ROLE[role]
    return _NONE_POSITIVE if model == CALL_NONE_POSITIVE.name else _BASELINE


def _find_ceiling(index: Index) -> tuple[OperatingPoint, float | None, str]:
    """Return operating point, ceiling and its words from the check on Global Risk itself."""
    for check in index.record.verdict.checks:
        if check.key.metric == "global-risk" and check.key.against is None and check.key.among == ALL:
            limit = check.limit.at_most
            return check.key.at or index.point, limit, f"tolerance {format_limit(check.limit)}"
    return index.point, None, "the policy sets no ceiling for it"


def draw_global_risk(index: Index) -> Figure | None:
    """Draw Global Risk of every model but the compared ones, which page one has no room for: section 7 has them.

    Interval (thin) and one-sided bounds (thick) against the tolerance.
    """
    point, ceiling, words = _find_ceiling(index)
    shown = [card for card in index.models if card.role != "compared"]
    found = [(card.name, index.find("global-risk", card.name, at=point)) for card in shown]
    rows = [(name, f.estimate) for name, f in found if f is not None and f.estimate is not None]
    if not rows:
        return None
    ends = [end for _, e in rows for end in _reach(e)] + ([ceiling] if ceiling is not None else [])
    margin = 0.08 * (max(ends) - min(ends)) or 0.1
    left, right, step = 138.0, WIDTH - 124, 17.0
    bottom = 16 + step * len(rows)
    scale = Scale(max(min(ends) - margin, min(0.0, *ends)), max(ends) + margin, left, right)
    drawing = Drawing(WIDTH, bottom + 25)
    title = f"Global Risk at {format_point(point)}, cost units per case"
    drawing.draw_x_axis(scale, bottom, 12, choose_ticks(scale.low, scale.high), title)
    if ceiling is not None:
        x = scale(ceiling)
        drawing.draw_line([(x, 9), (x, bottom)], INK, 1.1, "4 2")
        drawing.write((x, 6.5), words, size=7, anchor="middle", bold=True)
    for number, (name, estimate) in enumerate(rows):
        _draw_row(drawing, index, scale, y=12 + step * (number + 0.5), name=name, estimate=estimate)
    values = "; ".join(f"{index.name(n)} {format_number(e.value)} ({format_interval(e.interval)})" for n, e in rows)
    caption = (
        "Global Risk by model. Mark: estimate; thin line: two-sided interval; thick line: one-sided bounds that decide."
    )
    return Figure("global-risk", drawing.to_uri(), f"Global Risk, {words}. {values}.", caption, WIDTH, drawing.height)


def _reach(estimate: Estimate) -> list[float]:
    intervals = [i for i in (estimate.interval, estimate.bounds) if i is not None]
    return [estimate.value, *(end for i in intervals for end in (i.low, i.high))]


def _draw_row(drawing: Drawing, index: Index, scale: Scale, *, y: float, name: str, estimate: Estimate) -> None:
    look = choose_look(index, name)
    audited = name == index.audited
    drawing.write((scale.start - 8, y + 2.6), fit_label(index.name(name), _NAME, name), anchor="end", bold=audited)
    for interval, width in ((estimate.interval, 1.1), (estimate.bounds, 3.0)):
        if interval is not None:
            drawing.draw_line([(scale(interval.low), y), (scale(interval.high), y)], look.color, width)
    drawing.draw_mark((scale(estimate.value), y), look.mark, look.color, 3.6)
    drawing.write((scale.end + 8, y + 2.6), format_number(estimate.value), bold=audited)
    drawing.write((scale.end + 46, y + 2.6), f"({format_interval(estimate.interval)})", size=6.6, color=MUTED)


def draw_cost_ratios(index: Index) -> Figure | None:
    """Draw Global Risk over the cost ratio: does the order of the models depend on lambda?"""
    curves = choose_cost_curves(index)
    if not any(value > 0 for curve in curves for value in curve.y):
        return None
    left, right, top, bottom = 34.0, WIDTH - 150, 18.0, 146.0
    xs, ys = [x for c in curves for x in c.x], [y for c in curves for y in c.y if y > 0]
    x, y = Scale(min(xs), max(xs), left, right, log=True), Scale(min(ys) / 1.15, max(ys) * 1.15, bottom, top, log=True)
    drawing = Drawing(WIDTH, bottom + 25)
    _draw_band(drawing, index, curves, x, y)
    drawing.draw_x_axis(
        x, bottom, top, sorted(set(curves[0].x)), "Cost of a false negative in false positives (logarithmic)"
    )
    drawing.draw_y_axis(
        y, left, right, _choose_log_ticks(y.low, y.high), "Global Risk, cost units per case (logarithmic)"
    )
    ratio = _own_ratio(index)
    if ratio is not None and x.low <= ratio <= x.high:
        drawing.draw_line([(x(ratio), top), (x(ratio), bottom)], INK, 0.9, "4 2")
        drawing.write((x(ratio) + 3, top + 7), f"policy: {ratio:g}", size=7, bold=True)
    for curve in curves:
        _draw_curve(drawing, index, curve, x, y)
    draw_legend(drawing, index, [c.key.model for c in curves], right + 10, top + 6)
    place = min(range(len(curves[0].x)), key=lambda i: abs(curves[0].x[i] - (ratio or curves[0].x[0])))
    values = "; ".join(f"{index.name(c.key.model)} {format_number(c.y[place])}" for c in curves if len(c.y) > place)
    where = format_point(curves[0].key.at or index.point)
    alt = f"Global Risk over the cost ratio at {where}. At ratio {curves[0].x[place]:g}: {values}."
    caption = (
        f"Global Risk at {where} over the ratio of costs, with the audited model's band. Where lines cross, the "
        "ranking depends on that judgement."
    )
    return Figure("cost-ratio", drawing.to_uri(), alt, caption, WIDTH, drawing.height)


def _own_ratio(index: Index) -> float | None:
    costs = index.policy.get("costs", {})
    miss, alarm = costs.get("false_negative"), costs.get("false_positive")
    return miss / alarm if miss and alarm else None


def _choose_log_ticks(low: float, high: float) -> list[float]:
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [t for p in powers for m in (1, 2, 5) if low <= (t := m * 10.0**p) <= high]


def _draw_band(drawing: Drawing, index: Index, curves: tuple[Curve, ...], x: Scale, y: Scale) -> None:
    for curve in curves:
        if curve.key.model == index.audited and curve.low and curve.high:
            upper = [(x(a), y(b)) for a, b in zip(curve.x, curve.high, strict=True)]
            lower = [(x(a), y(b)) for a, b in zip(curve.x, curve.low, strict=True)]
            drawing.fill_area([*upper, *reversed(lower)], "#f7e3d6")


def _draw_curve(drawing: Drawing, index: Index, curve: Curve, x: Scale, y: Scale) -> None:
    look = choose_look(index, curve.key.model)
    points = [(x(a), y(b)) for a, b in zip(curve.x, curve.y, strict=True)]
    drawing.draw_line(points, look.color, 1.6 if curve.key.model == index.audited else 1.2, look.dash)
    if look.mark:
        for point in points:
            drawing.draw_mark(point, look.mark, look.color, 2.4)


def draw_legend(drawing: Drawing, index: Index, models: list[str], x: float, y: float) -> None:
    """Draw how each model looks, one below the other from (x, y) on."""
    for number, model in enumerate(dict.fromkeys(models)):
        look, row = choose_look(index, model), y + 13 * number
        drawing.draw_line([(x, row - 2.5), (x + 18, row - 2.5)], look.color, 1.5, look.dash)
        if look.mark:
            drawing.draw_mark((x + 9, row - 2.5), look.mark, look.color, 2.6)
        drawing.write((x + 23, row), fit_label(index.name(model), 27, model), size=7, bold=model == index.audited)
