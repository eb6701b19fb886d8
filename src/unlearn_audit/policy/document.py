"""A YAML 1.2 text as plain values, with the line of each. Nothing in it is executed, expanded or guessed.

Built on the scanner's events rather than on a constructor: no object can be constructed, an alias is refused instead
of followed (so no expansion can be large), and every key and value keeps its place.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)
from ruamel.yaml.reader import ReaderError

from unlearn_audit.policy.problems import FieldError, InvalidPolicyError, Keys, Problem, show_path
from unlearn_audit.policy.scalars import RefusedScalarError, Scalar, read_scalar

Place = tuple[int, int]
"""Line and column, counted from 1."""

LARGEST_FILE = 1024 * 1024
_DEEPEST = 12
_MOST_VALUES = 20_000

_SYNTAX = (
    ("'\\t'", "no tab", "indent with spaces: YAML allows no tabs there"),
    ("mapping values are not allowed", "one 'key: value' per line", "put text that holds ': ' in quotes"),
    ("could not find expected ':'", "'key: value'", "is the line above indented right, and has each key its colon?"),
    ("expected <block end>", "an entry in line with the one above", "is this line indented like its neighbours?"),
    ("cannot start any token", "text", "put text that begins with a special character in quotes"),
    ("unexpected end of stream", "a closing quote", "the quote that is opened here is never closed"),
    ("expected ',' or", "a ',' or the closing bracket", None),
)


@dataclass(frozen=True)
class Document:
    """What a YAML file says: `value` in plain lists, mappings and scalars, and the place of everything in it.

    Attributes:
        value: None, bool, int, float, str, list or dict with str keys, nested.
        values: place of each value by its keys.
        names: place of each mapping key by its keys.
        raw: text of each unquoted scalar, as written.
        problems: what YAML allows but a policy does not (anchors, tags, duplicate keys, NaN, ...).
    """

    value: Any
    values: dict[Keys, Place]
    names: dict[Keys, Place]
    raw: dict[Keys, str]
    problems: tuple[Problem, ...]

    def locate(self, field_error: FieldError) -> Problem:
        """Return `field_error` with the line of its key or value, or of the nearest thing around it that is there."""
        path = show_path(field_error.keys)
        return Problem(*self._find(field_error), path, field_error.found, field_error.expected, field_error.hint)

    def _find(self, field_error: FieldError) -> Place:
        first, second = (self.names, self.values) if field_error.at == "key" else (self.values, self.names)
        keys = field_error.keys
        while keys:
            if (place := first.get(keys) or second.get(keys)) is not None:
                return place
            keys, first, second = keys[:-1], self.names, self.values
        return (1, 1)


def read_document(text: str, where: str) -> Document:
    """Return what the YAML 1.2 `text` says.

    Raises:
        InvalidPolicyError: it is no YAML, or so large, deep or odd that nothing in it can be trusted.
    """
    if len(text.encode("utf-8", errors="replace")) > LARGEST_FILE:
        raise InvalidPolicyError(where, [Problem(1, 1, "", "more", "at most 1 MiB", "is this a policy?")])
    composer = _Composer(where)
    try:
        value = composer.read(iter(YAML(typ="safe", pure=True).parse(text)))
    except MarkedYAMLError as error:
        raise InvalidPolicyError(where, [_explain(error)]) from error
    except (ReaderError, ValueError, OverflowError) as error:
        raise InvalidPolicyError(where, [_explain_characters(text, error)]) from error
    return Document(value, composer.values, composer.names, composer.raw, tuple(composer.problems))


def _explain(error: MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    text = " ".join(filter(None, (error.context, error.problem)))
    for symptom, expected, hint in _SYNTAX:
        if symptom in text:
            return Problem(line, column, "", f"a line that is no YAML ({error.problem})", expected, hint)
    return Problem(line, column, "", f"a line that is no YAML ({text})", "YAML 1.2")


def _explain_characters(text: str, error: Exception) -> Problem:
    position = error.position if isinstance(error, ReaderError) else 0
    before = text[: position or 0]
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    return Problem(line, column, "", f"a character that YAML does not allow ({error})".splitlines()[0], "plain text")


@dataclass
class _Composer:
    """Turns the scanner's events into plain values, once through, noting places and what is not allowed."""

    where: str
    values: dict[Keys, Place] = field(default_factory=dict)
    names: dict[Keys, Place] = field(default_factory=dict)
    raw: dict[Keys, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    count: int = 0

    def read(self, events: Iterator[Event]) -> Any:
        value, documents = None, 0
        for event in events:
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._stop(event, "a second document", "one document in a file", "remove the '---' or '...'")
                if event.version not in (None, (1, 2)) or event.tags:
                    self._stop(
                        event, "a directive", "YAML 1.2 without directives", "remove the lines that begin with %"
                    )
                value = self._compose(next(events), events, ())
            elif not isinstance(event, DocumentEndEvent | StreamEndEvent) and documents:
                self._stop(event, "something after the end", "one document in a file", None)
        return value

    def _compose(self, event: Event, events: Iterator[Event], keys: Keys) -> Any:
        self.values[keys] = _place(event)
        self.count += 1
        if self.count > _MOST_VALUES or len(keys) > _DEEPEST:
            self._stop(event, "a deeper or longer one", f"at most {_DEEPEST} levels and {_MOST_VALUES} values", None)
        if isinstance(event, AliasEvent):
            self._refuse(
                event, keys, f"the alias '*{event.anchor}'", "a value", "write it out: aliases are not followed"
            )
            return None
        self._validate_plain(event, keys)
        if isinstance(event, SequenceStartEvent):
            return self._compose_list(events, keys)
        if isinstance(event, ScalarEvent):
            return self._scalar(event, keys)
        return self._compose_mapping(events, keys)

    def _validate_plain(self, event: Event, keys: Keys) -> None:
        if anchor := getattr(event, "anchor", None):
            self._refuse(event, keys, f"the anchor '&{anchor}'", "a plain value", "remove it: anchors are not used")
        if tag := getattr(event, "tag", None):
            self._refuse(event, keys, f"the tag '{tag}'", "a plain value", "remove it: tags are not followed")

    def _compose_list(self, events: Iterator[Event], keys: Keys) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(events), SequenceEndEvent):
            items.append(self._compose(event, events, (*keys, len(items))))
        return items

    def _compose_mapping(self, events: Iterator[Event], keys: Keys) -> dict[str, Any]:
        items: dict[str, Any] = {}
        while not isinstance(event := next(events), MappingEndEvent):
            name = self._name(event, keys)
            here = (*keys, name)
            if name in items:
                first = self.names[here][0]
                hint = f"it was already given in line {first}; keep one of the two"
                self._refuse(event, here, f"the key '{name}' again", "each key once", hint)
                self._skip(next(events), events, here)
                continue
            self.names[here] = _place(event)
            items[name] = self._compose(next(events), events, here)
        return items

    def _name(self, event: Event, keys: Keys) -> str:
        if not isinstance(event, ScalarEvent):
            self._stop(event, "a list, mapping or alias as a key", "a word as the key", None)
        here = (*keys, event.value)
        self._validate_plain(event, here)
        if not isinstance(self._scalar(event, here), str):
            self._refuse(event, here, f"the key {event.value}", "a word", f"put it in quotes: '{event.value}'")
        self.raw.pop(here, None)
        return str(event.value)

    def _skip(self, event: Event, events: Iterator[Event], keys: Keys) -> None:
        """Read over a value whose key is refused, without noting its places."""
        aside = _Composer(self.where, count=self.count)
        aside._compose(event, events, keys)
        self.count = aside.count

    def _scalar(self, event: ScalarEvent, keys: Keys) -> Scalar:
        plain = bool(event.implicit[0])
        if plain:
            self.raw[keys] = event.value
        try:
            return read_scalar(event.value, plain=plain)
        except RefusedScalarError as error:
            self._refuse(event, keys, error.found, error.expected, error.hint)
            return error.instead

    def _refuse(self, event: Event, keys: Keys, found: str, expected: str, hint: str | None) -> None:
        self.problems.append(Problem(*_place(event), show_path(keys), found, expected, hint))

    def _stop(self, event: Event, found: str, expected: str, hint: str | None) -> NoReturn:
        problem = Problem(*_place(event), "", found, expected, hint)
        raise InvalidPolicyError(self.where, [*self.problems, problem])


def _place(event: Event) -> Place:
    return event.start_mark.line + 1, event.start_mark.column + 1
