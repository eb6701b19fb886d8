"""Hints for near misses: per cent for a fraction, quotes around a number, "yes" for true, a near name."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from unlearn_audit.policy.points import guess_point
from unlearn_audit.policy.problems import find_near

Schema = Mapping[str, Any]

_HUNDRED = 100
_SPELLINGS: tuple[tuple[re.Pattern[str], str, Callable[[str], float]], ...] = (
    (
        re.compile(r"[-+]?[0-9]+([.,][0-9]+)?\s*%"),
        "write a fraction, not a percentage",
        lambda text: float(text.replace("%", "").replace(",", ".")) / _HUNDRED,
    ),
    (re.compile(r"[-+]?[0-9]*\.?[0-9]+([eE][-+]?[0-9]+)?"), "write it without quotes", float),
    (
        re.compile(r"[0-9]{1,3}([_ ,'][0-9]{3})+"),
        "write it without grouping",
        lambda text: float(re.sub(r"[_ ,']", "", text)),
    ),
    (re.compile(r"[-+]?[0-9]+,[0-9]+"), "write a decimal point", lambda text: float(text.replace(",", "."))),
)


def hint_for(value: Any, raw: str | None, node: Schema) -> str | None:
    """Return what was probably meant by `value` where the schema `node` stands, None if that is not clear."""
    kind = node.get("type")
    if kind in ("number", "integer"):
        return _hint_number(value, node)
    if kind == "array" and not isinstance(value, list | Mapping):
        return f"write it as a list: [{raw if raw is not None else value}]"
    if kind == "boolean" and isinstance(value, str):
        meant = {"yes": "true", "on": "true", "true": "true", "no": "false", "off": "false", "false": "false"}
        return f"write {meant[value.lower()]}" if value.lower() in meant else None
    if isinstance(value, bool | int | float) and raw is not None:
        return f'put it in quotes: "{raw}"'
    return _hint_text(value, node) if isinstance(value, str) else None


def list_options(node: Schema) -> list[str]:
    """Return the words that `node` allows, [] where it allows more than words."""
    return [str(option) for option in node.get("enum", [node["const"]] if "const" in node else [])]


def _hint_text(value: str, node: Schema) -> str | None:
    if options := list_options(node):
        family = options[0].rpartition("/")[0]
        if family and value.startswith(f"{family}/"):
            return f"this version of unlearn-audit reads {options[0]} only; another version wrote this file"
        near = find_near(value, options)
        return f"did you mean '{near}'?" if near else None
    pattern = node.get("pattern")
    for guess in (guess_point(value), re.sub(r"[^a-z0-9]+", "-", value.lower()).strip("-")):
        if pattern and guess and re.search(pattern, guess):
            return f"did you mean '{guess}'?"
    return "a reader needs a sentence here" if not value.strip() else None


def _hint_number(value: Any, node: Schema) -> str | None:
    number, how = _guess_number(value)
    if number is None:
        return None
    if node.get("multipleOf") == 2 and number % 2 == 1 and _fits(number + 1, node):  # noqa: PLR2004 - even
        return f"did you mean {number + 1:g}?"
    if how is None and _top(node) == 1 and 1 < number <= _HUNDRED:
        number, how = number / _HUNDRED, "it is a fraction"
    elif how is None and number < 0 and _fits(-number, node):
        number, how = -number, "it is a size, without a sign"
    if how is not None and _fits(number, node):
        return f"{how}; did you mean {number:g}?"
    default = node.get("default")
    return f"the default is {default:,g}" if isinstance(default, int | float) else None


def _guess_number(value: Any) -> tuple[float | None, str | None]:
    """Return the number that was meant, and what was wrong with how it was written (None: nothing)."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value, None
    for pattern, advice, read in _SPELLINGS if isinstance(value, str) else ():
        if pattern.fullmatch(value.strip()):
            return read(value), advice
    return None, None


def _top(node: Schema) -> float | None:
    return min((node[key] for key in ("maximum", "exclusiveMaximum") if key in node), default=None)


def _fits(number: float, node: Schema) -> bool:
    if node["type"] == "integer" and number != int(number):
        return False
    return (
        number >= node.get("minimum", number)
        and number <= node.get("maximum", number)
        and ("exclusiveMinimum" not in node or number > node["exclusiveMinimum"])
        and ("exclusiveMaximum" not in node or number < node["exclusiveMaximum"])
    )
