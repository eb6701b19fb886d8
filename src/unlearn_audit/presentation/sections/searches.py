"""Hyperparameter searches: every configuration that was tried on validation, and which was audited."""

from unlearn_audit.presentation.sections.grid import Cell, Grid, show_estimate
from unlearn_audit.presentation.sections.index import Index
from unlearn_audit.presentation.wording import NONE, format_parameters, format_seconds
from unlearn_audit.records import HyperparameterSearch, TriedConfiguration


def present_searches(index: Index) -> tuple[Grid, ...]:
    """Return one table for each search: the trade-off between risk and recognisable positives, and the choice."""
    return tuple(
        _present_search(index, number, search) for number, search in enumerate(index.record.provenance.searches, 1)
    )


def _present_search(index: Index, number: int, search: HyperparameterSearch) -> Grid:
    same = _find_same(search.tried)
    rows = tuple(_show_setting(place, setting, search, same) for place, setting in enumerate(search.tried))
    heads = (
        "Setting",
        "Differs in",
        "Global Risk, validation",
        f"Membership AUC, {index.positive}, validation",
        "Wall time",
        "Holds",
    )
    common = {name: search.tried[0].parameters[name] for name in sorted(same)}
    return Grid(
        f"search-{number}",
        f"Settings of {search.method} that were tried, on validation alone",
        heads,
        rows,
        (search.reason.text, f"The same in all: {format_parameters(common)}."),
    )


def _find_same(tried: tuple[TriedConfiguration, ...]) -> frozenset[str]:
    """Return the names of the parameters that no setting changed."""
    first = tried[0].parameters
    return frozenset(
        name
        for name, value in first.items()
        if all(name in t.parameters and t.parameters[name] == value for t in tried)
    )


def _show_setting(
    place: int, setting: TriedConfiguration, search: HyperparameterSearch, same: frozenset[str]
) -> tuple[Cell, ...]:
    changed = {name: value for name, value in setting.parameters.items() if name not in same}
    return (
        Cell(str(place + 1), "chosen" if place == search.chosen else None),
        Cell(format_parameters(changed)),
        show_estimate(setting.risk),
        show_estimate(setting.forgetting),
        Cell(NONE if setting.seconds is None else format_seconds(setting.seconds), kind="number"),
        Cell("yes" if setting.holds else "no", None if setting.holds else setting.reason.text),
    )
