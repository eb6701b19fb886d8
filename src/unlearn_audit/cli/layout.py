"""The layout of help: options under headings, commands in the order of use, none imported before it is asked for."""

from collections import UserDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import click

OPTION_WIDTH = 22
"""Columns for the names of options: two screens of 80 columns hold all of `run`."""


@dataclass(frozen=True)
class Entry:
    """A command that is known by name: the module that holds it as `command`, and its summary."""

    module: str
    summary: str


class SectionedOption(click.Option):
    """An option that stands under the heading `section`."""

    def __init__(self, *declarations: Any, section: str, **settings: Any) -> None:
        super().__init__(*declarations, **settings)
        self.section = section


class SectionedCommand(click.Command):
    """A command whose help lists its options under their headings."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each section once, in the order of its first option."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            if (record := parameter.get_help_record(ctx)) is not None:
                sections.setdefault(getattr(parameter, "section", "Help"), []).append(record)
        for name, rows in sections.items():
            with formatter.section(name):
                formatter.write_dl(rows, col_max=OPTION_WIDTH)


class OrderedGroup(click.Group):
    """A group that lists its commands in the order in which they were added, which is that of use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in their order."""
        del ctx
        return list(self.commands)


class CommandTable(UserDict[str, click.Command]):
    """Commands by name; a module is imported when its command is asked for."""

    def __init__(self, entries: Mapping[str, Entry]) -> None:
        super().__init__()
        self._entries = entries

    def __getitem__(self, name: str) -> click.Command:
        if name not in self.data:
            command: click.Command = import_module(self._entries[name].module).command
            self.data[name] = command
        return self.data[name]

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


class CommandIndex(OrderedGroup):
    """The command above all others: its help is made from the table, without importing a single command."""

    def __init__(self, sections: Mapping[str, Mapping[str, Entry]], **settings: Any) -> None:
        self.sections = sections
        entries = {name: entry for section in sections.values() for name, entry in section.items()}
        super().__init__(commands=CommandTable(entries), **settings)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each section with its commands."""
        del ctx
        for name, entries in self.sections.items():
            with formatter.section(name):
                formatter.write_dl([(command, entry.summary) for command, entry in entries.items()])
