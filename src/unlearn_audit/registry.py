"""Tables of plug-ins: written out in one place each, extended by entry points, looked up with a helpful refusal."""

from collections.abc import Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, TypeVar

from unlearn_audit.errors import PluginError, UnknownNameError

Entry = TypeVar("Entry")


class Table(Mapping[str, Entry], Generic[Entry]):
    """A read-only mapping from name to plug-in; third parties join through the entry-point group `group`.

    An entry point never replaces a name that is written out here: a plug-in must not be able to change what a
    shipped policy means. One that does not load, is of another type, or takes another's name is refused by name.
    """

    def __init__(self, kind: str, group: str, entries: Mapping[str, Entry], *, typed: bool = True) -> None:
        self.kind = kind
        self.group = group
        self._own = dict(entries)
        self._typed = typed  # whether an entry of another type is refused here, or by whoever looks it up
        self._all: dict[str, Entry] | None = None

    def _loaded(self) -> dict[str, Entry]:
        if self._all is None:
            found: dict[str, Entry] = {}
            for point in entry_points(group=self.group):
                if point.name not in self._own:
                    found[point.name] = self._load(point, found)
            self._all = {**found, **self._own}
        return self._all

    def _load(self, point: EntryPoint, found: Mapping[str, Entry]) -> Entry:
        dist = getattr(point, "dist", None)
        package = dist.name if dist else "an unnamed package"
        if point.name in found:
            raise PluginError(f"two packages add a {self.kind} '{point.name}', one of them is {package}")
        try:
            entry: Entry = point.load()
        except Exception as error:  # a plug-in is somebody else's code and may raise anything
            raise PluginError(
                f"the {self.kind} '{point.name}' of {package} does not load: {type(error).__name__}: {error}",
                hint=f"mend or uninstall {package}",
            ) from error
        kinds = {type(own) for own in self._own.values()} if self._typed else set()
        if kinds and not isinstance(entry, tuple(kinds)):
            expected = " or ".join(sorted(kind.__name__ for kind in kinds))
            raise PluginError(
                f"the {self.kind} '{point.name}' of {package}: expected a {expected}, found {type(entry).__name__}"
            )
        return entry

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
