"""Subgroups: group by group with intervals and sizes, and the worst of each column with the bounds that decide."""

from unlearn_audit.presentation.sections.clinical import cut
from unlearn_audit.presentation.sections.grid import Cell, Grid, gather_reasons, show_finding
from unlearn_audit.presentation.sections.index import Index
from unlearn_audit.presentation.wording import NONE, format_interval, format_number
from unlearn_audit.records import Finding, Population, Unit

_COLUMNS: tuple[tuple[str, bool], ...] = (
    ("false-negative-rate", False),
    ("false-negative-rate-increase", True),
    ("global-risk", False),
    ("global-risk-increase", True),
)
"""Metrics of the table, and whether they are changes against the original."""


def present_subgroups(index: Index) -> tuple[Grid, ...]:
    """Return two tables per column: the audited model in each group, and the misses of all models in each."""
    rules = index.policy.get("subgroups") or {}
    grids: list[Grid] = []
    for column in rules.get("columns", ()):
        grids += [_tabulate_audited(index, column), *_tabulate_models(index, column)]
    return tuple(grid for grid in grids if grid.rows)


def _list_populations(index: Index, column: str) -> tuple[Population, ...]:
    """Return the groups of `column` in the record's order, then what compares them."""
    found = dict.fromkeys(f.key.among for metric, _ in _COLUMNS for f in index.find_all(metric))
    mine = [among for among in found if among.column == column]
    return tuple(sorted(mine, key=lambda among: among.is_extreme))


def _find(index: Index, metric: str, model: str, among: Population) -> Finding | None:
    changes = dict(_COLUMNS).get(metric, False)
    against = (index.find_name("original") or "original") if changes else None
    return index.find(metric, model, among=among, against=against, at=index.point)


def _show(finding: Finding | None) -> Cell:
    """Return an estimate over its interval; over its bounds where it is the worst of several."""
    shown = show_finding(finding)
    if finding is None or finding.estimate is None or finding.estimate.interval or finding.estimate.bounds is None:
        return shown
    return Cell(shown.text, f"bounds {format_interval(finding.estimate.bounds)}", "number")


def _tabulate_audited(index: Index, column: str) -> Grid:
    rows, seen = [], []
    for among in _list_populations(index, column):
        found = [_find(index, metric, index.audited, among) for metric, _ in _COLUMNS]
        attack = index.find("membership-auc", index.audited, among=among, attack=index.strongest)
        seen += [*found, attack]
        rows.append((Cell(_name(among)), _count(found), *map(_show, found), _show(attack)))
    heads = (
        "Group",
        f"{index.positive.capitalize()}, all",
        *(index.title(metric) for metric, _ in _COLUMNS),
        f"{index.title('membership-auc')} ({index.strongest or NONE})",
    )
    if all(row[-1].text == NONE for row in rows):
        heads, rows = heads[:-1], [row[:-1] for row in rows]
    caption = f"{index.name(index.audited)} by {column}; increases are against the original"
    return Grid(f"subgroups-{column}", caption, heads, tuple(rows), (*gather_reasons(tuple(seen)), *_notes(seen)))


def _name(among: Population) -> str:
    return str(among.value or among.kind.capitalize())


def _count(found: list[Finding | None]) -> Cell:
    """Return on how many positives and on how many records the numbers of a group rest."""
    missed, risk = found[0], found[2]
    if all(finding is None or finding.estimate is None or finding.estimate.interval is None for finding in found):
        return Cell(NONE, kind="number")
    return Cell(", ".join(_format_n(finding) for finding in (missed, risk)), kind="number")


def _format_n(finding: Finding | None) -> str:
    return format_number(finding.estimate.n, Unit.COUNT) if finding and finding.estimate else NONE


def _notes(found: list[Finding | None]) -> tuple[str, ...]:
    """Return what must be said with the worst false-negative rate: whose value it shows, who is in no group."""
    extremes = [f for f in found if f is not None and f.key.metric == _COLUMNS[0][0] and f.key.among.is_extreme]
    return tuple(f"{f.title}: {caveat}" for f in extremes for caveat in f.caveats)


def _tabulate_models(index: Index, column: str) -> list[Grid]:
    grids = []
    for number, part in enumerate(cut(index.compared)):
        found = {
            among: [_find(index, "false-negative-rate", name, among) for name in part]
            for among in _list_populations(index, column)
        }
        rows = tuple((Cell(_name(among)), *map(_show, row)) for among, row in found.items() if any(row))
        caption = f"{index.title('false-negative-rate')} of all models by {column}"
        heads = ("Group", *map(index.name, part))
        grids.append(Grid(f"subgroups-{column}-models-{number}", caption, heads, rows))
    return grids
