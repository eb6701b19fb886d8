"""Messages: a code with details, and the English text that is made from the two.

A reader branches on `code` and `details`. The text is for people, and comes from the one catalogue `messages.en.toml`:
a report in another language needs another catalogue and nothing else. docs/report_format.md says how a text is made.
"""

import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from string import Formatter
from typing import Any

from pydantic import Field, JsonValue

from unlearn_audit.errors import MeasurementError
from unlearn_audit.records.frozen import Frozen
from unlearn_audit.records.rounding import round_number

QUOTED = "quoted"
"""The code of a text that somebody else wrote: a case file, a plug-in."""
_SHOWN = 8
"""Names of a list that are written out."""


class Message(Frozen):
    """Something that a record says: `code` and `details` for programs, `text` for people."""

    code: str = Field(description="what is said; the same in every language")
    details: dict[str, JsonValue] = Field(
        default_factory=dict,
        exclude_if=lambda details: not details,
        description="the numbers and names in it; one that is a message itself has a code and details of its own",
    )
    text: str = Field(description="the same in English")

    def __str__(self) -> str:
        """Return the English text."""
        return self.text

    def __hash__(self) -> int:
        """Return the hash of the text: equal messages have equal texts."""
        return hash((self.code, self.text))

    @property
    def causes(self) -> tuple["Message", ...]:
        """The messages inside the details, in their order: why a check was not measured, for example."""
        return tuple(_rebuild(nested) for value in self.details.values() for nested in _find_nested(value))


def write_message(code: str, /, **details: Any) -> Message:
    """Return the message `code` with its details, and the English text.

    Args:
        code: a key of the catalogue.
        details: what its text names: numbers (rounded as every number of a record), texts, messages, lists of them.

    Raises:
        KeyError: the catalogue has no such code, or its text names a detail that is not given.
    """
    plain = {name: _plain(value) for name, value in details.items()}
    return Message(code=code, details=plain, text=compose_text(code, plain))


def quote_text(text: str) -> Message:
    """Return what somebody else wrote as a message: it has no code of its own."""
    return write_message(QUOTED, text=text)


def find_reason(error: MeasurementError) -> Message:
    """Return why something was not measured; of a plug-in's error, its plain words."""
    return error.reason if isinstance(error.reason, Message) else quote_text(error.message)


def compose_text(code: str, details: Mapping[str, Any]) -> str:
    """Return the English text of a code and its details.

    Raises:
        KeyError: the catalogue has no such code, or its text names a detail that is not given.
    """
    return _FORMATTER.vformat(load_catalogue()[code], (), details)


def join_texts(messages: Sequence[Message]) -> str:
    """Return several messages as one paragraph."""
    return " ".join(message.text for message in messages)


@lru_cache(maxsize=1)
def load_catalogue() -> Mapping[str, str]:
    """Return the English text of every code, with the names of its details in braces."""
    with Path(__file__).with_name("messages.en.toml").open("rb") as file:
        return {code: str(text) for code, text in tomllib.load(file).items()}


class _Formatter(Formatter):
    """`str.format`; a list is joined by the format, else by ', ', an empty one is 'none', and a message is its text.

    `percent` writes a share of one in per cent, `names` quotes the first entries of a list and counts the others.
    """

    def format_field(self, value: Any, format_spec: str) -> str:
        if value == []:
            return load_catalogue()["none"]
        if isinstance(value, list) and format_spec == "names":
            more = f" and {len(value) - _SHOWN} more" if len(value) > _SHOWN else ""
            return ", ".join(f"'{item}'" for item in value[:_SHOWN]) + more
        if isinstance(value, list):
            return (format_spec or ", ").join(self.format_field(item, "") for item in value)
        if isinstance(value, dict):
            return compose_text(str(value["code"]), value["details"])
        if format_spec == "percent":
            return f"{100 * value:.3g} %"
        return str(format(value, format_spec))


_FORMATTER = _Formatter()


def _plain(value: Any) -> JsonValue:
    """Return a detail as JSON: numbers rounded, messages without their text, anything unknown as text."""
    if isinstance(value, Message):
        return {"code": value.code, "details": value.details}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    value = value.item() if hasattr(value, "item") and not isinstance(value, str) else value
    if isinstance(value, float):
        return _plain_number(round_number(value)) if math.isfinite(value) else str(value)
    return value if type(value) in (int, bool) else int(value) if isinstance(value, int) else str(value)


def _plain_number(value: float) -> int | float:
    """Return a number as it is read back from canonical JSON, which writes 2.0 as 2: its text must stay the same."""
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _find_nested(value: JsonValue) -> Iterator[dict[str, Any]]:
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, dict):
            yield item


def _rebuild(nested: dict[str, Any]) -> Message:
    code, details = str(nested["code"]), nested["details"]
    return Message(code=code, details=details, text=compose_text(code, details))
