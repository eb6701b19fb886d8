"""pydantic's errors in words that a policy's owner can act on; what is allowed comes from the schema itself."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from unlearn_audit.policy.hints import hint_for, list_options
from unlearn_audit.policy.problems import FieldError, Keys, find_near, suggest

Schema = Mapping[str, Any]

NOTHING = "nothing"


def find_schema(root: Schema, keys: Keys) -> Schema:
    """Return the part of the JSON Schema `root` that speaks about the value at `keys`; {} where none does."""
    node = _follow(root, root)
    for key in keys:
        if isinstance(key, int):
            ends = node.get("prefixItems", ())
            node = ends[key] if key < len(ends) else node.get("items", {})
        else:
            free = [*node.get("patternProperties", {}).values(), node.get("additionalProperties")]
            node = node.get("properties", {}).get(key, free[0] if isinstance(free[0], Mapping) else {})
        node = _follow(root, node)
    return node


def _follow(root: Schema, node: Schema) -> Schema:
    """Return `node` with its reference followed and, of 'something or null', the something."""
    for option in node.get("anyOf", ()):
        if option.get("type") != "null":
            return {**{k: v for k, v in node.items() if k != "anyOf"}, **_follow(root, option)}
    if "$ref" in node:
        found = root["$defs"][node["$ref"].rsplit("/", 1)[-1]]
        return {**_follow(root, found), **{k: v for k, v in node.items() if k != "$ref"}}
    return node


def describe(root: Schema, node: Schema) -> str:
    """Return what `node` of the schema `root` allows, as words that complete 'expected ...'."""
    if options := list_options(node):
        return ("one of " if len(options) > 1 else "") + ", ".join(f"'{option}'" for option in options)
    if "patternErrorMessage" in node:
        return str(node["patternErrorMessage"])
    kind = str(node.get("type"))
    if kind in ("number", "integer"):
        return _describe_number(node)
    if kind == "array":
        return _describe_list(root, node)
    required = ", ".join(node.get("required", ()))
    mapping = f"a mapping with at least: {required}" if required else "a mapping"
    return {"object": mapping, "string": "some text", "boolean": "true or false"}.get(kind, "another value")


def _describe_number(node: Schema) -> str:
    floor = [(node[k], text) for k, text in (("minimum", "of at least"), ("exclusiveMinimum", "above")) if k in node]
    ceiling = [(node[k], text) for k, text in (("maximum", "at most"), ("exclusiveMaximum", "below")) if k in node]
    tightest = [pick(bounds) for pick, bounds in ((max, floor), (min, ceiling)) if bounds]
    text = " and ".join(f"{side} {bound:,}" for bound, side in tightest)
    kind = {1: "a whole number", 2: "an even number"}.get(node.get("multipleOf", 1), "a number")
    return f"{kind if node['type'] == 'integer' else 'a number'} {text}".rstrip()


def _describe_list(root: Schema, node: Schema) -> str:
    if ends := node.get("prefixItems"):
        return f"a list of {len(ends)} entries"
    fewest, most = node.get("minItems", 0), node.get("maxItems")
    count = f"{fewest:,} to {most:,} " if most else f"at least {fewest:,} " if fewest else ""
    item = describe(root, _follow(root, node.get("items", {})))
    return f"a list of {count}{'entry' if fewest == 1 and not most else 'entries'}, each {item}"


def show_value(value: Any, raw: str | None = None) -> str:
    """Return a value as words that complete 'found ...'; `raw` is how an unquoted scalar was written."""
    if isinstance(value, Mapping):
        return "a mapping" if value else "an empty mapping"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}" if value else "an empty list"
    if value is None:
        return NOTHING
    longest = 60
    text = str(value) if raw is None else raw
    shown = text if len(text) <= longest else text[: longest - 3] + "..."
    return repr(shown) if isinstance(value, str) else shown


def word_all(error: ValidationError, root: Schema, raw: Mapping[Keys, str], prefix: Keys = ()) -> list[FieldError]:
    """Return what pydantic refused as mistakes.

    Args:
        error: all that pydantic found.
        root: JSON Schema of the model that it held the values against.
        raw: how unquoted scalars were written, by their keys in the file.
        prefix: keys under which the model lies in the file.
    """
    details = [detail for detail in error.errors(include_url=False) if not _is_echo(detail)]
    field_errors = [_word(detail, root, raw, prefix) for detail in details]
    # A misspelt key is one mistake, not two: the key it was meant for is then not missing as well.
    meant = {(*field_error.keys[:-1], field_error.meant) for field_error in field_errors if field_error.meant}
    return [
        field_error for field_error in field_errors if not (field_error.keys in meant and field_error.found == NOTHING)
    ]


def _is_echo(error: ErrorDetails) -> bool:
    """Whether this only follows: a conflict that the rules tell with its line, a list short of its refused entries."""
    if error["type"] == "conflict":
        return True
    return error["type"] == "too_short" and len(error["input"]) >= error.get("ctx", {}).get("min_length", 0)


def _word(error: ErrorDetails, root: Schema, raw: Mapping[Keys, str], prefix: Keys) -> FieldError:
    keys: Keys = (*prefix, *error["loc"])
    if error["type"] == "extra_forbidden":
        return _word_unknown_key(keys, find_schema(root, error["loc"][:-1]), root)
    node = find_schema(root, error["loc"])
    if error["type"] == "missing" and isinstance(keys[-1], int):
        return FieldError(keys[:-1], show_value(error["input"]), describe(root, find_schema(root, error["loc"][:-1])))
    if error["type"] == "missing":
        return FieldError(keys, NOTHING, describe(root, node), _hint_missing(node), at="key")
    if error["type"] == "value_error" and "patternErrorMessage" not in node:
        return FieldError(keys, show_value(error["input"], raw.get(keys)), error["msg"].removeprefix("Value error, "))
    value = error["input"]
    return FieldError(
        keys, show_value(value, raw.get(keys)), describe(root, node), hint_for(value, raw.get(keys), node)
    )


def _word_unknown_key(keys: Keys, parent: Schema, root: Schema) -> FieldError:
    name, allowed = str(keys[-1]), list(parent.get("properties", {}))
    near = find_near(name, allowed)
    homes = [] if near else sorted(_find_homes(root, name))
    hint = f"it belongs into '{homes[0]}'" if homes else suggest(name, allowed)
    return FieldError(keys, f"the unknown key '{name}'", "a key that is known here", hint, at="key", meant=near)


def _find_homes(root: Schema, name: str) -> Iterator[str]:
    """Yield the top-level sections that do have the key."""
    for section, node in root.get("properties", {}).items():
        if name in _follow(root, node).get("properties", {}):
            yield section


def _hint_missing(node: Schema) -> str | None:
    return node.get("description")
