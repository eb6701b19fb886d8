"""Clinical performance: rates of all models, paired change, operating points side by side."""

from collections.abc import Iterator
from dataclasses import dataclass

from unlearn_audit.presentation.sections.grid import Cell, Grid, Mark, gather_reasons, show_finding
from unlearn_audit.presentation.sections.index import Index
from unlearn_audit.presentation.sections.placement import BETWEEN_POINTS, CALIBRATION, list_paired, list_performance
from unlearn_audit.presentation.wording import (
    bound,
    format_id,
    format_number,
    format_point,
    format_seconds,
)
from unlearn_audit.records import ALL, POSITIVE, Curve, CurveKind, Finding, OperatingPoint
from unlearn_audit.records.trivial_models import TRIVIAL_MODELS

_WIDEST = 6
_LISTED = 48


@dataclass(frozen=True)
class RecordList:
    """Ids of records that a number points at, none where only the annex names them; `more` are in the attached data."""

    title: str
    ids: tuple[str, ...]
    more: int


def cut(names: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield names in parts that fit beside one another on a page."""
    parts = -(-len(names) // _WIDEST) or 1
    size = -(-len(names) // parts) or 1
    for start in range(0, len(names), size):
        yield names[start : start + size]


def _find_row(index: Index, metric: str, models: tuple[str, ...], point: OperatingPoint) -> tuple[Finding | None, ...]:
    return tuple(index.find(metric, name, at=point) or index.find(metric, name, at=None) for name in models)


def tabulate(index: Index, id_: str, caption: str, metrics: tuple[str, ...], point: OperatingPoint) -> Iterator[Grid]:
    """Yield grids of metrics by models; rows that no model has are left out."""
    for number, part in enumerate(cut(index.compared)):
        found = {metric: _find_row(index, metric, part, point) for metric in metrics}
        found = {metric: row for metric, row in found.items() if any(row)}
        rows = tuple((Cell(index.title(m)), *(show_finding(f) for f in row)) for m, row in found.items())
        notes = gather_reasons(tuple(f for row in found.values() for f in row))
        if rows:
            heads = ("Metric", *(index.name(name) for name in part))
            yield Grid(f"{id_}-{number}", caption, heads, rows, notes)


def present_performance(index: Index) -> tuple[Grid, ...]:
    """Return counts, rates and risks of all models at the default operating point."""
    caption = f"Performance on test at the default operating point ({format_point(index.point)}), with intervals"
    return tuple(tabulate(index, "performance", caption, list_performance(index), index.point))


def present_calibration(index: Index) -> tuple[Grid, ...]:
    """Return calibration and net benefit of all models, on test."""
    caption = "Calibration and net benefit on test, at each model's own probabilities"
    return tuple(tabulate(index, "calibration", caption, CALIBRATION, index.point))


def present_other_points(index: Index) -> tuple[Grid, ...]:
    """Return the same models at the other operating points, so that a moved threshold is not read as a better model."""
    return tuple(
        grid
        for number, point in enumerate(index.points)
        if point != index.point
        for grid in tabulate(index, f"point-{number}", f"Operating point: {format_point(point)}", BETWEEN_POINTS, point)
    )


def choose_cost_curves(index: Index) -> tuple[Curve, ...]:
    """Return Global Risk over the cost ratio at one operating point: the default, else the first that was traced."""
    listed = [curve for curve in index.find_curves(CurveKind.COST_RATIO) if curve.x and min(curve.x) > 0]
    points = [curve.key.at for curve in listed]
    point = index.point if index.point in points else next(iter(points), None)
    order = {card.name: place for place, card in enumerate(index.models)}
    return tuple(sorted((c for c in listed if c.key.at == point), key=lambda c: order.get(c.key.model, len(order))))


def present_cost_ratios(index: Index) -> Grid | None:
    """Return the cost-ratio figure as numbers; without curves, what is known of the trivial policies."""
    curves = choose_cost_curves(index)
    if curves:
        ratios = curves[0].x
        rows = tuple(
            (Cell(index.name(c.key.model)), *(Cell(format_number(y), kind="number") for y in c.y))
            for c in curves
            if c.x == ratios
        )
        where = format_point(curves[0].key.at or index.point)
        caption = f"Global Risk at {where}, by what a false negative costs in false positives"
        return Grid("cost-ratios", caption, ("Model", *(f"{ratio:g}" for ratio in ratios)), rows)
    found = [f for name in TRIVIAL_MODELS for f in index.find_all("global-risk", model=name)]
    rows = tuple((Cell(index.name(f.key.model)), show_finding(f)) for f in found)
    return Grid("baselines", "Trivial models", ("Model", index.title("global-risk")), rows) if rows else None


def present_paired(index: Index) -> tuple[Grid, ...]:
    """Return the change against the original and the retrained model on the very same records."""
    names = tuple(card.name for card in index.record.provenance.candidates)
    grids = []
    for number, part in enumerate(cut(names) if names else ()):
        found: dict[tuple[str, str], tuple[Finding | None, ...]] = {}
        for metric in list_paired(index):
            for against in dict.fromkeys(f.key.against for f in index.find_all(metric) if f.key.against):
                row = tuple(_find_change(index, metric, name, against) for name in part)
                if any(row):
                    found[metric, against] = row
        rows = tuple(
            (Cell(index.title(metric), f"against {index.name(against).lower()}"), *(show_finding(f) for f in row))
            for (metric, against), row in found.items()
        )
        notes = gather_reasons(tuple(f for row in found.values() for f in row))
        caption = f"Paired change on test at {format_point(index.point)}"
        if rows:
            grids.append(Grid(f"paired-{number}", caption, ("Change", *map(index.name, part)), rows, notes))
    return tuple(grids)


def _find_change(index: Index, metric: str, model: str, against: str) -> Finding | None:
    found = index.find(metric, model, against=against, at=index.point)
    return found or index.find(metric, model, against=against, at=None)


def present_record_lists(index: Index) -> tuple[RecordList, ...]:
    """Return the ids of newly missed and newly caught records of the audited model, at the default point."""
    lists = []
    for metric in ("newly-missed", "newly-caught"):
        finding = _find_change(index, metric, index.audited, index.find_name("original") or "original")
        if finding and finding.records:
            ids = finding.records
            title = f"{index.title(metric)} {index.positive} records, against the original"
            listed = tuple(format_id(bound(item, 64)) for item in ids[:_LISTED])
            lists.append(RecordList(title, listed, max(0, len(ids) - _LISTED)))
        elif finding and finding.estimate and finding.estimate.value:
            counted = f"{finding.estimate.value:g}"
            title = f"{index.title(metric)} {index.positive} records, against the original: {counted}"
            lists.append(RecordList(title, (), 0))
    return tuple(lists)


def present_candidates(index: Index) -> Grid:
    """Return all judged models side by side: verdict, risk, misses, membership, time."""
    attack = index.strongest
    judged: list[tuple[str, Cell | Mark]] = [(v.model, Mark(v.outcome)) for v in index.record.verdicts]
    listed = {name for name, _ in judged}
    others = [(card.name, Cell("not judged")) for card in index.models if card.name not in listed]
    rows: list[tuple[Cell | Mark, ...]] = []
    for name, verdict in [*judged, *others]:
        card = next((card for card in index.models if card.name == name), None)
        cells = [show_finding(index.find(m, name, at=index.point)) for m in ("global-risk", "false-negative-rate")]
        cells += [show_finding(index.find("membership-auc", name, among=a, attack=attack)) for a in (ALL, POSITIVE)]
        time = Cell(format_seconds(card.seconds if card else None), kind="number")
        rows.append((Cell(index.name(name), card.method if card else None), verdict, *cells, time))
    risk, missed, auc = map(index.title, ("global-risk", "false-negative-rate", "membership-auc"))
    heads = ("Model", "Verdict", risk, missed, f"{auc}, all", f"{auc}, {index.positive}", "Wall time")
    caption = f"All models at {format_point(index.point)}" + (f"; membership by the {attack} attack" if attack else "")
    return Grid("candidates", caption, heads, tuple(rows))
