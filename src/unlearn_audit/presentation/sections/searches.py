"""Hyperparameter searches: every configuration that was tried, what it was held to, and which was audited."""

from collections.abc import Iterator

from unlearn_audit.presentation.sections.grid import Cell, Grid, Mark, show_estimate
from unlearn_audit.presentation.sections.index import Index
from unlearn_audit.presentation.wording import NONE, format_parameters, format_seconds
from unlearn_audit.records import HyperparameterSearch, Outcome, TriedConfiguration


def present_searches(index: Index) -> tuple[Grid, ...]:
    """Return one table for each search: the trade-off between risk and recognisable positives, and the choice."""
    return tuple(
        _present_search(index, number, search) for number, search in enumerate(index.record.provenance.searches, 1)
    )


def _present_search(index: Index, number: int, search: HyperparameterSearch) -> Grid:
    same = _find_same(search.tried)
    rows = tuple(_show_setting(place, setting, search, same) for place, setting in enumerate(search.tried))
    heads: tuple[str, ...] = (
        "Setting",
        "Differs in",
        "Global Risk, validation",
        f"Membership AUC, {index.positive}, validation",
        "Wall time",
        "Holds on validation",
    )
    if _asks_pairs(search):
        rows = tuple((*row, _show_pairs(setting)) for row, setting in zip(rows, search.tried, strict=True))
        heads = (*heads, "Over pairs of reference models")
    common = {name: search.tried[0].parameters[name] for name in sorted(same)}
    return Grid(
        f"search-{number}",
        f"Settings of {search.method} that were tried",
        heads,
        rows,
        (search.reason.text, *_list_missed(search), f"The same in all: {format_parameters(common)}."),
    )


def _asks_pairs(search: HyperparameterSearch) -> bool:
    return any(setting.pairs is not None for setting in search.tried)


def _show_pairs(setting: TriedConfiguration) -> Cell | Mark:
    """Return the outcome; a setting that was not asked has none, and none is a pass."""
    if setting.pairs is None:
        return Cell("not asked")
    return Mark(setting.pairs.outcome)


def _list_missed(search: HyperparameterSearch) -> Iterator[str]:
    """Yield why settings did not pass over pairs; that nobody looked, the search itself says."""
    for number, setting in enumerate(search.tried, 1):
        pairs = setting.pairs
        if pairs is not None and pairs.outcome is not Outcome.PASS and pairs.reason.code != "pairs-not-asked":
            yield f"Setting {number}: {pairs.reason.text}"


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
) -> tuple[Cell | Mark, ...]:
    changed = {name: value for name, value in setting.parameters.items() if name not in same}
    return (
        Cell(str(place + 1), "chosen" if place == search.chosen else None),
        Cell(format_parameters(changed)),
        show_estimate(setting.risk),
        show_estimate(setting.forgetting),
        Cell(NONE if setting.seconds is None else format_seconds(setting.seconds), kind="number"),
        Cell("yes" if setting.holds else "no", None if setting.holds else setting.reason.text),
    )
