"""User-supplied functions, named 'module:function' or 'file.py:function': found, digested and loaded.

Naming one asks for its code to be run, with the rights of whoever runs the audit. A policy cannot name one: only a case
file or an option on the user's own machine can. Nothing is fetched, and nothing is loaded that was not named.
"""

import ast
import hashlib
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from unlearn_audit.errors import CaseError, UsageError

_SUFFIX = ".py"
_INSTALLED = {"site-packages", "dist-packages"}


@dataclass(frozen=True)
class UserFunction:
    """A function by name, with the digest of the sources that it was found in. Plain enough to be sent to a worker.

    Attributes:
        name: as the user wrote it.
        folder: what a file in `name` is relative to.
        digest: SHA-256 of the file; where it imports files that lie beside it, of the lines that `sha256sum` prints
            for all of them, sorted by path. Of an installed package, of its file and its release.
        files: the sources, relative to the folder in which imports are looked for.
    """

    name: str
    folder: Path
    digest: str
    files: tuple[str, ...]

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Call the function."""
        return self.load()(*arguments, **named)

    def load(self) -> Callable[..., Any]:
        """Return the function itself, from sources that still have this digest.

        Raises:
            CaseError: a source changed, or is not on this machine.
        """
        return _load(self)


def find_user_function(name: str, folder: Path) -> UserFunction:
    """Return the function called `name`, after loading it once.

    Args:
        name: 'module:function', importable; or 'path/file.py:function'.
        folder: what a path is relative to, such as the folder of the case file.

    Raises:
        UsageError: no such file or module, code that does not load, or no function of that name in it.
    """
    place, colon, function = name.rpartition(":")
    if not colon or not place or not function.isidentifier():
        raise UsageError(f"expected 'module:function' or 'file.py:function', found '{name}'")
    sources = _read_sources(name, place, folder)
    found = UserFunction(name, folder.resolve(), digest_sources(sources), tuple(sorted(sources)))
    found.load()
    return found


@dataclass(frozen=True)
class _Fresh:
    name: str
    call: Callable[..., Any]

    def __call__(self, *arguments: Any) -> Any:
        return self.call(*arguments)


def load_afresh(function: Any) -> Any:
    """Return the function from a file that is loaded once more, with none of what it may have kept; others as given."""
    place = function.name.rpartition(":")[0]
    if not isinstance(function, UserFunction) or not place.endswith(_SUFFIX):
        return function
    module = _import_file(function, _read_sources(function.name, place, function.folder), "again")
    return _Fresh(function.name, getattr(module, function.name.rpartition(":")[2]))


def digest_sources(sources: dict[str, bytes]) -> str:
    """Return the SHA-256 of a lone source, or of the sorted lines '<sha256>  <path>' of several."""
    digests = {path: hashlib.sha256(content).hexdigest() for path, content in sources.items()}
    if len(digests) == 1:
        return next(iter(digests.values()))
    return hashlib.sha256("".join(f"{digests[path]}  {path}\n" for path in sorted(digests)).encode()).hexdigest()


def _read_sources(name: str, place: str, folder: Path) -> dict[str, bytes]:
    """Return the source that holds the function, and every source beside it that it imports, by relative path."""
    first, root, package = _find_source(name, place, folder)
    if package is not None and _INSTALLED & set(root.parts):
        return {first.relative_to(root).as_posix(): first.read_bytes(), _name_release(package): b""}
    found: dict[str, bytes] = {}
    waiting = [first]
    while waiting:
        path = waiting.pop()
        key = path.relative_to(root).as_posix()
        if key in found:
            continue
        found[key] = path.read_bytes()
        waiting += [other for other in _list_imports(name, path, found[key], root) if _belongs(other, root, package)]
    return found


def _name_release(package: str) -> str:
    try:
        return f"{package}=={version(package)}"
    except PackageNotFoundError:
        return f"{package} of unknown release"


def _find_source(name: str, place: str, folder: Path) -> tuple[Path, Path, str | None]:
    """Return the source file, the folder that its imports are relative to, and its package where it is in one."""
    if place.endswith(_SUFFIX):
        path = (folder / place).resolve()
        if not path.is_file():
            raise UsageError(f"'{name}': expected a file at {path}, found none", hint="paths are relative to the case")
        return path, path.parent, None
    top = place.partition(".")[0]
    try:
        spec, outer = find_spec(place), find_spec(top)
    except Exception as error:  # finding a submodule runs its package, which may raise anything
        raise _refuse_import(name, error) from error
    if spec is None or outer is None or spec.origin is None or not spec.origin.endswith(_SUFFIX):
        raise UsageError(
            f"'{name}': expected an importable module with a source file, found none",
            hint="is its folder on PYTHONPATH? A file beside the case needs none: file.py:function",
        )
    origin = Path(outer.origin or next(iter(outer.submodule_search_locations or ())))
    return Path(spec.origin), origin.parent.parent if origin.name == "__init__.py" else origin.parent, top


def _belongs(path: Path, root: Path, package: str | None) -> bool:
    """Whether a source is part of the user's code: anything beside a file, but of a module its own package alone."""
    return package is None or path.relative_to(root).parts[0] in {package, package + _SUFFIX}


def _list_imports(name: str, path: Path, content: bytes, root: Path) -> Iterator[Path]:
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError) as error:
        raise UsageError(f"'{name}': {path} is no Python: {error}") from error
    here = path.parent.relative_to(root).parts
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _find_modules(root, tuple(alias.name.split(".")))
        elif isinstance(node, ast.ImportFrom):
            base = here[: len(here) - node.level + 1] if node.level else ()
            module = (*base, *(node.module.split(".") if node.module else ()))
            for alias in node.names:
                yield from _find_modules(root, (*module, alias.name))


def _find_modules(root: Path, parts: tuple[str, ...]) -> Iterator[Path]:
    """Yield the sources under `root` that importing `parts` would run: the module, and the packages that it lies in."""
    for length in range(1, len(parts) + 1):
        stem = root.joinpath(*parts[:length])
        for path in (stem / "__init__.py", stem.with_name(stem.name + _SUFFIX)):
            if path.is_file():
                yield path


@lru_cache(maxsize=64)
def _load(wanted: UserFunction) -> Callable[..., Any]:
    place, _, function = wanted.name.rpartition(":")
    try:
        sources = _read_sources(wanted.name, place, wanted.folder)
    except UsageError as error:
        raise CaseError(error.message, hint="every worker needs the files at the same place") from error
    if digest_sources(sources) != wanted.digest:
        raise CaseError(
            f"'{wanted.name}' changed while the audit was running",
            hint="run the audit again: what was made before the change is kept, and is not used after it",
        )
    try:
        module = _import_file(wanted, sources) if place.endswith(_SUFFIX) else import_module(place)
    except Exception as error:  # it is the user's code and may raise anything
        raise _refuse_import(wanted.name, error) from error
    found = getattr(module, function, None)
    if not callable(found):
        listed = ", ".join(key for key, value in vars(module).items() if callable(value) and not key.startswith("_"))
        raise UsageError(
            f"'{wanted.name}': expected a function '{function}', found {'none' if found is None else type(found)}",
            hint=f"found there: {listed}" if listed else None,
        )
    return found  # type: ignore[no-any-return]


class _FromSource(SourceFileLoader):
    """Compiles the source itself: a compiled copy beside it may be older or forged, and no digest covers it."""

    def get_code(self, fullname: str) -> CodeType:
        """Return the code of the source as it is now."""
        del fullname
        return self.source_to_code(self.get_data(self.path), self.path)


class _Sources(MetaPathFinder):
    """Finds the digested sources of one user function by the names that they are imported by."""

    def __init__(self, root: Path, files: Collection[str]) -> None:
        self._root, self._files = root, frozenset(files)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return where `fullname` lies among the sources; None for what lies elsewhere."""
        del path, target
        stem = fullname.replace(".", "/")
        for file in (f"{stem}/__init__{_SUFFIX}", f"{stem}{_SUFFIX}"):
            if file in self._files:
                place = str(self._root / file)
                return spec_from_file_location(fullname, place, loader=_FromSource(fullname, place))
        return None


def _import_file(wanted: UserFunction, sources: dict[str, bytes], mark: str = "") -> ModuleType:
    """Import the file under a name of its own; what it imports from beside it is found as by 'python file.py'."""
    path = (wanted.folder / wanted.name.rpartition(":")[0]).resolve()
    called = f"user_code_{wanted.digest[:16]}_{path.stem}{mark}"
    if called in sys.modules and not mark:  # another function of the same file: they share what the file defines
        return sys.modules[called]
    for source in sources:  # of another case that was audited in this process
        sys.modules.pop(source.removesuffix(_SUFFIX).removesuffix("/__init__").replace("/", "."), None)
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    sys.meta_path[:] = [_Sources(path.parent, sources), *(f for f in sys.meta_path if not isinstance(f, _Sources))]
    spec = spec_from_file_location(called, path, loader=_FromSource(called, str(path)))
    if spec is None or spec.loader is None:
        raise UsageError(f"'{wanted.name}': {path} cannot be imported")
    module = module_from_spec(spec)
    sys.modules[called] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[called]
        raise
    return module


def _refuse_import(name: str, error: Exception) -> UsageError:
    return UsageError(
        f"'{name}': expected code that can be imported, found {type(error).__name__}: {error}",
        hint="is everything installed that it imports?",
    )
