"""Rules between the parts of a policy. Each is one function; none needs a table.

They read plain data, not the model, and step over what is malformed: so they can speak in the same pass as the
complaints about single fields, and guard a `Policy` that is made in Python as well.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any

from unlearn_audit.policy.points import parse_point
from unlearn_audit.policy.problems import FieldError, Keys, suggest
from unlearn_audit.records.populations import Population, PopulationKind
from unlearn_audit.records.verdicts import LIMITS

Data = Mapping[str, Any]

_LISTS: tuple[tuple[str, str], ...] = (
    ("task", "positive"),
    ("task", "operating_points"),
    ("membership", "attacks"),
    ("membership", "fpr"),
    ("subgroups", "columns"),
)
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.+-]{0,62}")
MOST_SETTINGS = 64
"""So many settings may one search try."""
_EXAMPLE_WORDS = "a number, true, false, a word, or a list of them"


def validate_consistency(data: Data) -> Iterator[FieldError]:
    """Yield every way in which parts of the policy contradict one another."""
    for rule in _RULES:
        yield from rule(data)


def pick(data: Any, *keys: str) -> Any:
    """Return what lies at `keys`, None where something on the way is missing or no mapping."""
    for key in keys:
        data = data.get(key) if isinstance(data, Mapping) else None
    return data


def walk_items(data: Data, key: str) -> Iterator[tuple[Keys, Data]]:
    """Yield keys and content of each mapping in the list at `key`."""
    listed = data.get(key)
    for index, item in enumerate(listed if isinstance(listed, list) else ()):
        if isinstance(item, Mapping):
            yield (key, index), item


def walk_methods(data: Data) -> Iterator[tuple[Keys, Data]]:
    """Yield keys and content of each choice of an unlearning method, in a policy, a case file or a study file."""
    for listed in ("remediation", "comparison", "compare"):
        yield from walk_items(data, listed)
    for cell, content in walk_items(data, "cells"):
        for keys, choice in walk_items(content, "models"):
            yield (*cell, *keys), choice
    if isinstance(alone := pick(data, "unlearn"), Mapping):
        yield ("unlearn",), alone
    unlearn = pick(data, "reference_case", "unlearn")
    if isinstance(unlearn, Mapping):
        yield ("reference_case", "unlearn"), unlearn


def is_number(value: Any) -> bool:
    """Return whether `value` is a number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def parse_population(text: Any) -> Population | None:
    """Return the population that a check means by `text`, None where it is none."""
    try:
        return Population.parse(text) if isinstance(text, str) else None
    except ValueError:
        return None


def validate_limits(keys: Keys, check: Data) -> Iterator[FieldError]:
    """Yield what is wrong with the limits of one check."""
    given = [name for name in LIMITS if check.get(name) is not None]
    if len(given) != 1:
        found = " and ".join(given) or "none of them"
        hint = "give two checks, one for each limit" if given else "a check without a limit decides nothing"
        yield FieldError((*keys, given[1]) if given else keys, found, "exactly one of at_most, at_least, within", hint)
    ends = check.get("within")
    two = 2
    if isinstance(ends, list | tuple) and len(ends) == two and all(map(is_number, ends)) and ends[0] >= ends[1]:
        swapped = f"did you mean [{ends[1]:g}, {ends[0]:g}]?" if ends[0] > ends[1] else None
        yield FieldError((*keys, "within"), f"[{ends[0]:g}, {ends[1]:g}]", "[low, high] with low below high", swapped)


def find_unfit_parameters(keys: Keys, parameters: Any) -> Iterator[FieldError]:
    """Yield parameters that a policy cannot carry: mappings, and text that could be a path or an address."""
    for name, value in parameters.items() if isinstance(parameters, Mapping) else ():
        for item in value if isinstance(value, list | tuple) else (value,):
            if is_number(item) or isinstance(item, bool) or (isinstance(item, str) and _WORD.fullmatch(item)):
                continue
            found = f"'{item}'" if isinstance(item, str) else "nothing" if item is None else "something nested"
            hint = "a policy names no file: files belong into the case" if isinstance(item, str) else None
            yield FieldError((*keys, name), found, _EXAMPLE_WORDS, hint)
            break


def validate_searches(keys: Keys, remedy: Data) -> Iterator[FieldError]:
    """Yield what is wrong with the settings that a remedy lets be tried."""
    search, fixed = remedy.get("search"), remedy.get("parameters")
    if not isinstance(search, Mapping):
        return
    settings = 1
    for name, values in search.items():
        here = (*keys, "search", name)
        if not isinstance(values, list) or not values:
            found = "an empty list" if values == [] else "no list"
            yield FieldError(here, found, "a list of values to try", "remove it where nothing is to be searched")
            continue
        settings *= len(values)
        yield from find_unfit_parameters((*keys, "search"), {name: values})
        if any(value in values[:index] for index, value in enumerate(values)):
            yield FieldError(here, "a value twice", "each value once", "every setting that is tried costs confidence")
        if isinstance(fixed, Mapping) and name in fixed:
            yield FieldError(
                here, f"'{name}' in parameters as well", "it in one of the two", "search includes one value"
            )
    if settings > MOST_SETTINGS:
        hint = "every setting that is tried costs time and confidence: name the few that matter"
        yield FieldError((*keys, "search"), f"{settings} settings", f"at most {MOST_SETTINGS}", hint)


def _searches(data: Data) -> Iterator[FieldError]:
    for keys, remedy in walk_items(data, "remediation"):
        yield from validate_searches(keys, remedy)


def _limits(data: Data) -> Iterator[FieldError]:
    for keys, check in walk_items(data, "checks"):
        yield from validate_limits(keys, check)


def _parameters(data: Data) -> Iterator[FieldError]:
    for keys, choice in walk_methods(data):
        yield from find_unfit_parameters((*keys, "parameters"), choice.get("parameters"))


def _unique_ids(data: Data) -> Iterator[FieldError]:
    first: dict[str, int] = {}
    for keys, check in walk_items(data, "checks"):
        name = check.get("id")
        if not isinstance(name, str):
            continue
        if name in first:
            hint = f"checks[{first[name]}] has it already: results are told apart by it"
            yield FieldError((*keys, "id"), f"'{name}' again", "an id of its own for each check", hint)
        first.setdefault(name, int(keys[1]))


def _points_of_checks(data: Data) -> Iterator[FieldError]:
    task = data.get("task")
    if not isinstance(task, Mapping):
        return
    listed = task.get("operating_points", ["argmax", "cost-optimal"])
    if not isinstance(listed, list):
        return
    points = {point for point in map(parse_point, listed) if point}
    for keys, check in walk_items(data, "checks"):
        at = parse_point(check.get("at"))
        if at is not None and at not in points:
            hint = f"the task has: {', '.join(sorted(map(str, points))) or 'none'}"
            yield FieldError((*keys, "at"), f"'{check['at']}'", "one of task.operating_points", hint)


def _repeated(data: Data) -> Iterator[FieldError]:
    for keys in _LISTS:
        listed = pick(data, *keys)
        seen: set[Any] = set()
        for index, item in enumerate(listed if isinstance(listed, list) else ()):
            same = parse_point(item) or item
            if isinstance(item, str | int | float) and same in seen:
                yield FieldError((*keys, index), f"'{item}' again", "each entry once", "remove one of the two")
            seen.add(same if isinstance(item, str | int | float) else None)


def _increasing_ratios(data: Data) -> Iterator[FieldError]:
    ratios = pick(data, "costs", "ratios")
    if not isinstance(ratios, list) or not all(map(is_number, ratios)):
        return
    for index in range(1, len(ratios)):
        if ratios[index] <= ratios[index - 1]:
            found = f"{ratios[index]:g} after {ratios[index - 1]:g}"
            yield FieldError(("costs", "ratios", index), found, "increasing cost ratios", "sort them, each once")
            return


def _cost_order(data: Data) -> Iterator[FieldError]:
    missed, alarm = pick(data, "costs", "false_negative"), pick(data, "costs", "false_positive")
    alarm = 1.0 if alarm is None else alarm
    if is_number(missed) and is_number(alarm) and 0 < missed < alarm:
        found = f"{missed:g} for a false negative, {alarm:g} for a false positive"
        hint = "are the two swapped? 'positive' is what must not be missed"
        yield FieldError(
            ("costs", "false_negative"), found, "a miss that costs at least as much as a false alarm", hint
        )


def validate_waivers(data: Data, checks: Data) -> Iterator[FieldError]:
    """Yield waivers in `data` of what is no check, of a check that is not required, and of one waived already."""
    required = {
        c["id"]: c.get("required", True) for _, c in walk_items(checks, "checks") if isinstance(c.get("id"), str)
    }
    seen: set[str] = set()
    for keys, waiver in walk_items(data, "waivers"):
        name = waiver.get("check")
        if not isinstance(name, str):
            continue
        here = (*keys, "check")
        if name not in required:
            yield FieldError(here, f"'{name}'", "the id of a check of the policy", suggest(name, required))
        elif required[name] is False:
            yield FieldError(here, f"'{name}', which is not required", "a required check", "there is nothing to waive")
        elif name in seen:
            yield FieldError(here, f"'{name}' again", "one waiver for a check", "remove the older one")
        seen.add(name)


def _waivers(data: Data) -> Iterator[FieldError]:
    yield from validate_waivers(data, data)


def _hazards(data: Data) -> Iterator[FieldError]:
    known = [check["id"] for _, check in walk_items(data, "checks") if isinstance(check.get("id"), str)]
    for keys, hazard in walk_items(data, "risk_analysis"):
        listed = hazard.get("checks")
        for index, name in enumerate(listed if isinstance(listed, list) else ()):
            if isinstance(name, str) and name not in known:
                hint = suggest(name, known)
                yield FieldError((*keys, "checks", index), f"'{name}'", "the id of a check of this policy", hint)


def _two_names(data: Data) -> Iterator[FieldError]:
    positive = pick(data, "task", "positive_name") or "malignant"
    negative = pick(data, "task", "negative_name") or "benign"
    if positive == negative:
        yield FieldError(("task", "negative_name"), f"'{negative}' for both", "two names for the two classes")


def _groups_of_checks(data: Data) -> Iterator[FieldError]:
    """A check on a group needs its column among those that are measured."""
    listed = pick(data, "subgroups", "columns")
    columns = [column for column in listed if isinstance(column, str)] if isinstance(listed, list | tuple) else []
    for keys, check in walk_items(data, "checks"):
        among = parse_population(check.get("among", "all"))
        column = among.column if among else None
        if among is None or column is None:
            continue
        if column not in columns:
            hint = f"add 'subgroups: {{columns: [{', '.join([*columns, column])}]}}' to the policy"
            yield FieldError((*keys, "among"), f"'{among}'", "a group of one of subgroups.columns", hint)
        elif among.kind in (PopulationKind.HIGHEST, PopulationKind.LOWEST):
            hint = "the highest and the lowest group are both part of it"
            yield FieldError((*keys, "among"), f"'{among}'", f"'worst of {column}' or '{column}=VALUE'", hint)


def _increasing_bands(data: Data) -> Iterator[FieldError]:
    bands = pick(data, "subgroups", "bands")
    for column, edges in bands.items() if isinstance(bands, Mapping) else ():
        if not isinstance(edges, list | tuple) or not all(map(is_number, edges)):
            continue
        keys = ("subgroups", "bands", column)
        if not edges:
            yield FieldError(keys, "no edges", "at least one edge between two bands")
        elif any(upper <= lower for lower, upper in pairwise(edges)):
            yield FieldError(keys, f"{list(edges)}", "edges in increasing order, each once")


_RULES: tuple[Callable[[Data], Iterator[FieldError]], ...] = (
    _limits,
    _unique_ids,
    _points_of_checks,
    _repeated,
    _increasing_ratios,
    _cost_order,
    _two_names,
    _waivers,
    _hazards,
    _groups_of_checks,
    _increasing_bands,
    _parameters,
    _searches,
)
