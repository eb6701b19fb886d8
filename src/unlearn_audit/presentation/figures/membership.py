"""Figures of the strongest membership attack: densities of its scores, and its ROC curve."""

from unlearn_audit.presentation.figures.drawing import INK, MUTED, RULE, Drawing, Scale, choose_ticks, fit_label
from unlearn_audit.presentation.figures.risk import WIDTH, Figure, choose_look
from unlearn_audit.presentation.sections.index import Index
from unlearn_audit.presentation.wording import format_estimate, format_interval
from unlearn_audit.records import ALL, POSITIVE, Curve, CurveKind

_MOST = 5
_SPLITS = {"retain": ("#8a939e", "1 1.6", 1.2), "test": ("#0072b2", "5 2", 1.3), "forget": ("#d55e00", None, 1.8)}


def _choose_models(index: Index, curves: tuple[Curve, ...]) -> list[str]:
    drawn = {curve.key.model for curve in curves}
    return [card.name for card in index.models if card.name in drawn][:_MOST]


def _choose_attack(index: Index, kind: CurveKind) -> str | None:
    """Return the strongest attack where its curve is in the record, else the first that is."""
    drawn = [curve.key.attack for curve in index.find_curves(kind)]
    return index.strongest if index.strongest in drawn else (drawn[0] if drawn else None)


def draw_scores(index: Index) -> Figure | None:
    """Draw score densities of retain, forget and test, one panel a model, on common axes."""
    attack = _choose_attack(index, CurveKind.SCORES)
    curves = index.find_curves(CurveKind.SCORES, attack=attack)
    models = _choose_models(index, curves)
    if not models:
        return None
    gap, top, bottom = 12.0, 34.0, 112.0
    wide = (WIDTH - gap * (len(models) - 1)) / len(models)
    used = [c for c in curves if c.key.model in models and c.x]
    low, high = min(min(c.x) for c in used), max(max(c.x) for c in used)
    y = Scale(0, max(max(c.y) for c in used) or 1.0, bottom, top)
    drawing = Drawing(WIDTH, bottom + 25)
    _draw_key(drawing)
    for number, model in enumerate(models):
        start = number * (wide + gap)
        x = Scale(low, high, start + 4, start + wide - 4)
        drawing.write(
            (start + 4, top - 6),
            fit_label(index.name(model), int(wide / 4.2), model),
            size=7,
            bold=model == index.audited,
        )
        drawing.draw_x_axis(x, bottom, top, choose_ticks(low, high, 3), f"{attack} score" if attack else "score")
        for split, (color, dash, width) in _SPLITS.items():
            for curve in (c for c in used if c.key.model == model and c.split == split):
                drawing.draw_line([(x(a), y(b)) for a, b in zip(curve.x, curve.y, strict=True)], color, width, dash)
    under = ", ".join(map(index.name, models))
    values = _describe_auc(index, models, attack)
    alt = f"Densities of the {attack} score of retain, forget and test records under {under}. {values}"
    caption = (
        f"Scores of the {attack} attack. Forgotten records should lie where test records lie, neither nearer to retain "
        "nor beyond."
    )
    return Figure("scores", drawing.to_uri(), alt, caption, WIDTH, drawing.height)


def _draw_key(drawing: Drawing) -> None:
    place = 4.0
    for split, (color, dash, width) in _SPLITS.items():
        drawing.draw_line([(place, 8), (place + 22, 8)], color, width, dash)
        drawing.write((place + 26, 10.5), split, size=7)
        place += 40 + 5 * len(split) + 16


def draw_roc(index: Index) -> Figure | None:
    """Draw the ROC of the strongest attack on each model; the diagonal is guessing."""
    attack = _choose_attack(index, CurveKind.ROC)
    curves = index.find_curves(CurveKind.ROC, attack=attack, among=ALL)
    models = _choose_models(index, curves)
    if not models:
        return None
    left, top, size = 34.0, 18.0, 132.0
    x, y = Scale(0, 1, left, left + size), Scale(0, 1, top + size, top)
    drawing = Drawing(WIDTH, top + size + 25)
    ticks = choose_ticks(0, 1, 5)
    drawing.draw_x_axis(x, top + size, top, ticks, "False-positive rate: test called member")
    drawing.draw_y_axis(y, left, left + size, ticks, "True-positive rate: forgotten called member")
    drawing.draw_line([(x(0), y(0)), (x(1), y(1))], MUTED, 0.9, "3 2")
    for curve in curves:
        if curve.key.model in models:
            look = choose_look(index, curve.key.model)
            points = [(x(a), y(b)) for a, b in zip(curve.x, curve.y, strict=True)]
            drawing.draw_line(points, look.color, 1.9 if curve.key.model == index.audited else 1.3, look.dash)
            drawing.draw_mark(points[len(points) // 3], look.mark, look.color, 2.8)
    _write_table(drawing, index, models, attack, x=left + size + 36, y=top + 10)
    named = f"{attack} attack" + (", the strongest on the original" if attack == index.strongest else "")
    caption = f"ROC of the {named}. Above the diagonal: recognised as members; below: conspicuously unlike."
    alt = f"ROC of the {attack} attack on forgotten against test records. " + _describe_auc(index, models, attack)
    return Figure("roc", drawing.to_uri(), alt, caption, WIDTH, drawing.height)


def _write_table(drawing: Drawing, index: Index, models: list[str], attack: str | None, *, x: float, y: float) -> None:
    for place, head in ((24, "Model"), (140, "AUC, all"), (212, f"AUC, {fit_label(index.positive, 12, 'positive')}")):
        drawing.write((x + place, y), head, size=7, color=MUTED)
    drawing.draw_line([(x, y + 4), (WIDTH, y + 4)], RULE, 0.8)
    for number, model in enumerate(models):
        row, look = y + 16 + 21 * number, choose_look(index, model)
        drawing.draw_line([(x, row - 2.5), (x + 18, row - 2.5)], look.color, 1.5, look.dash)
        drawing.draw_mark((x + 9, row - 2.5), look.mark, look.color, 2.8)
        drawing.write((x + 24, row), fit_label(index.name(model), 24, model), size=7.2, bold=model == index.audited)
        for place, among in ((140, ALL), (212, POSITIVE)):
            finding = index.find("membership-auc", model, among=among, attack=attack)
            estimate = finding.estimate if finding else None
            drawing.write((x + place, row), format_estimate(estimate), size=7.2, color=INK)
            drawing.write(
                (x + place, row + 8.5), format_interval(estimate.interval if estimate else None), size=6.2, color=MUTED
            )


def _describe_auc(index: Index, models: list[str], attack: str | None) -> str:
    values = []
    for model in models:
        finding = index.find("membership-auc", model, attack=attack)
        if finding and finding.estimate:
            values.append(f"{index.name(model)} {format_estimate(finding.estimate)}")
    return f"AUC: {'; '.join(values)}." if values else ""
