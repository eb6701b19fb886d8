"""Tables of plug-ins: written out in one place each, extended by entry points, looked up with a helpful refusal."""

from collections.abc import Iterator, Mapping
from importlib.metadata import entry_points
from typing import Generic, TypeVar

from unlearn_audit.errors import UnknownNameError

Entry = TypeVar("Entry")


class Table(Mapping[str, Entry], Generic[Entry]):
    """A read-only mapping from name to plug-in; third parties join through the entry-point group `group`.

    An entry point never replaces a name that is written out here: a plug-in must not be able to change what a
    shipped policy means.
    """

    def __init__(self, kind: str, group: str, entries: Mapping[str, Entry]) -> None:
        self.kind = kind
        self.group = group
        self._own = dict(entries)
        self._all: dict[str, Entry] | None = None

    def _loaded(self) -> dict[str, Entry]:
        if self._all is None:
            found = {point.name: point.load() for point in entry_points(group=self.group)}
            self._all = {**found, **self._own}
        return self._all

    def __getitem__(self, name: str) -> Entry:
        if name in self._own:
            return self._own[name]
        try:
            return self._loaded()[name]
        except KeyError:
            raise UnknownNameError(self.kind, name, self) from None

    def __contains__(self, name: object) -> bool:
        return name in self._own or name in self._loaded()

    def __iter__(self) -> Iterator[str]:
        return iter(self._loaded())

    def __len__(self) -> int:
        return len(self._loaded())
