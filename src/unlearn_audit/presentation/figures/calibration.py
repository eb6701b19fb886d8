"""Reliability and decision curves."""

from unlearn_audit.presentation.figures.drawing import INK, MUTED, Drawing, Scale, choose_ticks, fit_label
from unlearn_audit.presentation.figures.risk import WIDTH, Figure, choose_look, draw_legend
from unlearn_audit.presentation.sections.index import Index
from unlearn_audit.presentation.wording import format_number, format_percent
from unlearn_audit.records import Curve, CurveKind

_FLOOR = -0.05
"""A decision curve far below zero says no more than that acting on the model harms: the axis ends here."""
_SHARES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


def draw_reliability(index: Index) -> Figure | None:
    """Draw what is observed over what was stated, bin by bin, with intervals for the audited model."""
    curves = _sort(index, index.find_curves(CurveKind.RELIABILITY))
    if not curves:
        return None
    top, bottom, left = 18.0, 138.0, 34.0
    x, y = Scale(0.0, 1.0, left, WIDTH - 150), Scale(0.0, 1.0, bottom, top)
    drawing = Drawing(WIDTH, bottom + 25)
    drawing.draw_x_axis(x, bottom, top, _SHARES, f"Mean probability of {_name_positive(index)} stated, ten bins")
    drawing.draw_y_axis(y, left, x.end, _SHARES, f"Share that is {_name_positive(index)}")
    drawing.draw_line([(x(0), y(0)), (x(1), y(1))], MUTED, 0.8, "2 2")
    for curve in curves:
        _draw_ends(drawing, index, curve, x, y)
    for curve in curves:
        _draw(drawing, index, curve, x, y, marks=True)
    draw_legend(drawing, index, [curve.key.model for curve in curves], x.end + 10, top + 6)
    words = "; ".join(_describe_bins(index, curve) for curve in curves if curve.key.model == index.audited)
    caption = (
        "Reliability: on the dotted line probabilities come true, below it the model overstates, above it plays down. "
        "Bars: two-sided Clopper-Pearson intervals of the audited model, records taken as independent."
    )
    return Figure("reliability", drawing.to_uri(), f"Reliability curve. {words}.", caption, WIDTH, drawing.height)


def _describe_bins(index: Index, curve: Curve) -> str:
    pairs = (f"{format_percent(a)} stated, {format_percent(b)} observed" for a, b in zip(curve.x, curve.y, strict=True))
    return f"{index.name(curve.key.model)}: {', '.join(pairs)}"


def _draw_ends(drawing: Drawing, index: Index, curve: Curve, x: Scale, y: Scale) -> None:
    if curve.key.model != index.audited or curve.low is None or curve.high is None:
        return
    color = choose_look(index, curve.key.model).color
    for place, low, high in zip(curve.x, curve.low, curve.high, strict=True):
        drawing.draw_line([(x(place), y(low)), (x(place), y(high))], color, 0.8)


def draw_net_benefit(index: Index, metric: str) -> Figure | None:
    """Draw net benefit over the threshold probability; `metric` names the prevalence."""
    curves = _sort(index, index.find_curves(CurveKind.NET_BENEFIT, metric=metric))
    if not curves:
        return None
    top, bottom, left = 18.0, 122.0, 34.0
    highest = max(0.01, *(value for curve in curves for value in curve.y))
    lowest = max(_FLOOR, -highest / 3)
    x = Scale(0.0, max(curves[0].x), left, WIDTH - 150)
    y = Scale(lowest, highest * 1.05, bottom, top)
    drawing = Drawing(WIDTH, bottom + 25)
    drawing.draw_x_axis(x, bottom, top, choose_ticks(0.0, x.high), "Threshold probability from which one acts")
    drawing.draw_y_axis(y, left, x.end, choose_ticks(y.low, y.high), "Net benefit, true positives per case")
    drawing.draw_line([(x.start, y(0)), (x.end, y(0))], INK, 0.9)
    drawing.write((x.end - 3, y(0) - 2.5), "call none", size=7, anchor="end")
    threshold = _own_threshold(index)
    if threshold is not None:
        drawing.draw_line([(x(threshold), top), (x(threshold), bottom)], INK, 0.9, "4 2")
        drawing.write((x(threshold) + 3, y(0) - 4), f"policy: {format_percent(threshold)}", size=7, bold=True)
    for curve in curves:
        _draw(drawing, index, curve, x, y, marks=False)
    draw_legend(drawing, index, [curve.key.model for curve in curves], x.end + 10, top + 6)
    alt = f"Net benefit over the threshold probability. {_describe_point(index, curves, threshold)}"
    return Figure(f"{metric}-curve", drawing.to_uri(), alt, _caption(index, metric), WIDTH, drawing.height)


def _caption(index: Index, metric: str) -> str:
    prevalence = index.policy.get("costs", {}).get("prevalence")
    at = "of the test records" if metric == "net-benefit" or not prevalence else f"of intended use, {prevalence:.3g}"
    return (
        f"Decision curve at the prevalence {at}: what acting on a model from each probability upwards is worth. Where "
        "a model lies below calling all or none, it is worth less than no model. Lines end where they harm much."
    )


def _name_positive(index: Index) -> str:
    return fit_label(index.positive, 40, "positive")


def _own_threshold(index: Index) -> float | None:
    costs = index.policy.get("costs", {})
    miss, alarm = costs.get("false_negative"), costs.get("false_positive")
    return alarm / (alarm + miss) if miss and alarm else None


def _describe_point(index: Index, curves: tuple[Curve, ...], threshold: float | None) -> str:
    xs = curves[0].x
    place = min(range(len(xs)), key=lambda i: abs(xs[i] - (xs[0] if threshold is None else threshold)))
    words = "; ".join(f"{index.name(curve.key.model)} {format_number(curve.y[place])}" for curve in curves)
    return f"At {format_percent(xs[place])}: {words}; call none 0."


def _sort(index: Index, curves: tuple[Curve, ...]) -> tuple[Curve, ...]:
    order = {card.name: place for place, card in enumerate(index.models)}
    return tuple(sorted(curves, key=lambda curve: order.get(curve.key.model, len(order))))


def _draw(drawing: Drawing, index: Index, curve: Curve, x: Scale, y: Scale, *, marks: bool) -> None:
    look = choose_look(index, curve.key.model)
    points = [(x(a), y(b)) for a, b in zip(curve.x, curve.y, strict=True) if y.low <= b <= y.high]
    drawing.draw_line(points, look.color, 1.6 if curve.key.model == index.audited else 1.1, look.dash)
    if marks and look.mark:
        for point in points:
            drawing.draw_mark(point, look.mark, look.color, 2.4)
