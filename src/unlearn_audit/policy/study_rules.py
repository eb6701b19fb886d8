"""Rules between the parts of a study file: names are unique, and names exist."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from unlearn_audit.policy.problems import FieldError, Keys, suggest
from unlearn_audit.policy.rules import Data, is_number, pick, walk_items

ALWAYS = ("original", "retrained")
"""Models that every cell has, and that claims may name."""
RELEARNED = "relearned-"
"""How the names of relearned copies begin; no model of a study file may be called so."""


_SIGNS = re.compile(r"[^a-z0-9]+")


def name_share(share: float | Mapping[str, float]) -> str:
    """Return what a share to forget, or shares by class, are called in names of files: letters, digits and hyphens."""
    if isinstance(share, Mapping):
        return "-".join(f"{_SIGNS.sub('-', name.lower())}-{part:g}" for name, part in sorted(share.items()))
    return f"{share:g}"


def validate_study_consistency(data: Data) -> Iterator[FieldError]:
    """Yield every way in which parts of a study file contradict one another."""
    for rule in _RULES:
        yield from rule(data)


def validate_attacks(data: Data, known: Collection[str] | None) -> Iterator[FieldError]:
    """Yield every attack in `references` that no table holds."""
    for keys, name in _list_texts(data, "references", "attacks"):
        if known is not None and name not in known:
            yield FieldError(keys, f"'{name}'", "a known attack", suggest(name, known))


def _seeds(data: Data) -> Iterator[FieldError]:
    yield from _repeated(_list_numbers(data, "seeds"), "seed")
    asked = _list_numbers(data, "references", "seeds")
    yield from _repeated(asked, "seed")
    own = {seed for _, seed in _list_numbers(data, "seeds")}
    for keys, seed in asked:
        if own and seed not in own:
            yield FieldError(keys, f"{seed}", "a seed of this study", "list it under seeds, or leave it out here")


def _shares(data: Data) -> Iterator[FieldError]:
    """Refuse two cells of one share, and of shares so close that their files would be called the same."""
    shares: list[tuple[Keys, Any]] = [
        ((*keys, "forget"), cell.get("forget")) for keys, cell in walk_items(data, "cells")
    ]
    named = [(keys, name_share(share)) for keys, share in shares if is_number(share) or _is_by_class(share)]
    yield from _repeated(named, "share to forget")


def _is_by_class(share: Any) -> bool:
    return (
        isinstance(share, dict) and all(isinstance(name, str) for name in share) and all(map(is_number, share.values()))
    )


def _names(data: Data) -> Iterator[FieldError]:
    for cell, content in walk_items(data, "cells"):
        models = [((*cell, *keys), model) for keys, model in walk_items(content, "models")]
        for key in ("name", "title"):
            found = [((*keys, key), model.get(key)) for keys, model in models]
            yield from _repeated([(keys, text) for keys, text in found if isinstance(text, str)], f"{key} in a cell")
        for keys, model in models:
            name = model.get("name")
            if isinstance(name, str) and (name in ALWAYS or name.startswith(RELEARNED)):
                hint = f"{' and '.join(ALWAYS)} are in every cell, relearned copies are called {RELEARNED}..."
                yield FieldError((*keys, "name"), f"'{name}'", "a name that is not taken", hint)


def _model_lists(data: Data) -> Iterator[FieldError]:
    made = set().union(*_list_cells(data))
    for section, known in (("relearning", made), ("references", made | {"retrained"})):
        listed = _list_texts(data, section, "of")
        yield from _repeated(listed, "model")
        yield from (_miss(keys, name, known) for keys, name in listed if made and name not in known)
    yield from _repeated(_list_texts(data, "references", "attacks"), "attack")


def _claims(data: Data) -> Iterator[FieldError]:
    cells = [{*ALWAYS, *names} for names in _list_cells(data)]
    if not any(_list_cells(data)):
        return  # a study without models is told so
    known = set(ALWAYS).union(*cells)
    for keys, claim in walk_items(data, "claims"):
        pair = [claim.get("model"), claim.get("than")]
        if not all(isinstance(name, str) for name in pair):
            continue
        wrong = [_miss((*keys, key), claim[key], known) for key in ("model", "than") if claim[key] not in known]
        yield from wrong
        if pair[0] == pair[1]:
            yield FieldError((*keys, "than"), f"'{pair[1]}' again", "another model than the claim's own")
        elif not wrong and not any(set(pair) <= cell for cell in cells):
            hint = "models are compared within a cell: name both in one"
            yield FieldError((*keys, "than"), f"'{pair[1]}'", f"a model of a cell that has '{pair[0]}'", hint)


def _miss(keys: Keys, name: str, known: Collection[str]) -> FieldError:
    return FieldError(keys, f"'{name}'", "a model of this study", suggest(name, known))


def _repeated(items: list[tuple[Keys, Any]], kind: str) -> Iterator[FieldError]:
    seen: set[Any] = set()
    for keys, item in items:
        if item in seen:
            yield FieldError(keys, f"'{item}' again", f"each {kind} once", "remove or rename one of the two")
        seen.add(item)


def _list_cells(data: Data) -> list[set[str]]:
    """Return the names of the models of each cell."""
    return [
        {model["name"] for _, model in walk_items(cell, "models") if isinstance(model.get("name"), str)}
        for _, cell in walk_items(data, "cells")
    ]


def _list_texts(data: Data, *keys: str) -> list[tuple[Keys, str]]:
    return [((*keys, index), item) for index, item in _list(data, keys) if isinstance(item, str)]


def _list_numbers(data: Data, *keys: str) -> list[tuple[Keys, int]]:
    return [((*keys, index), item) for index, item in _list(data, keys) if isinstance(item, int) and is_number(item)]


def _list(data: Data, keys: tuple[str, ...]) -> list[tuple[int, Any]]:
    listed = pick(data, *keys)
    return list(enumerate(listed)) if isinstance(listed, list) else []


_RULES: tuple[Callable[[Data], Iterator[FieldError]], ...] = (_seeds, _shares, _names, _model_lists, _claims)
