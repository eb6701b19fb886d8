"""Validation errors of a policy: the place, what was found, what is allowed, and a hint."""

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Literal

from unlearn_audit.errors import PolicyError

if TYPE_CHECKING:
    from collections.abc import Iterable

Keys = tuple[str | int, ...]
"""Where a value lies in the policy: ('checks', 2, 'at_most')."""


@dataclass(frozen=True)
class FieldError:
    """Something wrong at `keys`, before its line is known.

    `at` says whether the key or its value is to blame; `meant` is the known key that an unknown one stands for.
    """

    keys: Keys
    found: str
    expected: str
    hint: str | None = None
    at: Literal["key", "value"] = "value"
    meant: str | None = None


@dataclass(frozen=True)
class Problem:
    """A mistake with its place: `line` and `column` count from 1; `path` is dotted, '' for the file as a whole."""

    line: int
    column: int
    path: str
    found: str
    expected: str
    hint: str | None = None

    def describe(self, where: str) -> str:
        """Return it as printed: 'file:line:column: path: expected ..., found ...', the hint on a line of its own."""
        path = f"{self.path}: " if self.path else ""
        text = f"{where}:{self.line}:{self.column}: {path}expected {self.expected}, found {self.found}"
        return f"{text}\n    hint: {self.hint}" if self.hint else text


class InvalidPolicyError(PolicyError):
    """A policy file with mistakes: all of them at once, in the order of the file.

    Attributes:
        where: the file, as the user named it.
        problems: what is wrong, at least one.
    """

    def __init__(self, where: str, problems: "Iterable[Problem]") -> None:
        self.where = where
        self.problems = tuple(problems)
        count = len(self.problems)
        head = f"{where} cannot be used: {count} mistake{'s' if count > 1 else ''}"
        super().__init__("\n".join([head, *(problem.describe(where) for problem in self.problems)]))


def show_path(keys: Keys) -> str:
    """Return the dotted path.

    >>> show_path(("checks", 2, "at_most"))
    'checks[2].at_most'
    """
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).removeprefix(".")


def find_near(name: str, names: "Iterable[str]") -> str | None:
    """Return the name that was probably meant, whatever its case and whether '_', '-' or a space joins its words."""
    plain = {_fold(known): known for known in sorted(names)}
    near = get_close_matches(_fold(name), plain, n=1)
    return plain[near[0]] if near else None


def suggest(name: str, names: "Iterable[str]") -> str:
    """Return the hint for a name that is not among `names`: the nearest one, or all that there are."""
    listed = sorted(names)
    near = find_near(name, listed)
    return f"did you mean '{near}'?" if near else f"known: {', '.join(listed) or 'none'}"


def _fold(name: str) -> str:
    return name.strip().casefold().replace("_", "-").replace(" ", "-")
