"""pyHanko's validation without its network client: verification is offline, and the client is a third of its start.

pyHanko imports aiohttp, for time stamps and revocation lists that it might fetch, wherever any of its signature
modules is imported. While they are read only annotations name that package; a stand-in answers those, and fetches the
real one should anybody call pyHanko's network functions later.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any

_CLIENT = "aiohttp"


class _StandIn(ModuleType):
    """Stands for a package until one of its names is really used."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            return type(name, (), {})
        return getattr(import_module(self.__name__), name)


@contextmanager
def defer_network_client() -> Iterator[None]:
    """Import no network client within this context, which may hold nothing but imports of pyHanko."""
    if _CLIENT in sys.modules:
        yield
        return
    stand_in = _StandIn(_CLIENT)
    sys.modules[_CLIENT] = stand_in
    try:
        yield
    finally:
        if sys.modules.get(_CLIENT) is stand_in:
            del sys.modules[_CLIENT]
