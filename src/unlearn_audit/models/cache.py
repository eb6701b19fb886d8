"""The cache of trained models, addressed by what they are made from: nothing is trained twice.

A key is the digest of everything that shapes the weights (data, split, recipe, architecture, seed, method, parameters,
torch version) and of nothing else, least of all the audited model where a model does not depend on it. An entry is two
files, weights and a note with their SHA-256; the note is written last, so that an interrupted write leaves no entry.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unlearn_audit.errors import CacheError, ReportError
from unlearn_audit.records import digest_of
from unlearn_audit.writing import replace_file, validate_writable

_ELSEWHERE = "choose another folder with --cache"
FORMAT = 1  # raised when the code that trains or unlearns changes what it makes


def make_key(**parts: Any) -> str:
    """Return the key of a model made from `parts` (JSON-like)."""
    return digest_of({"format": FORMAT, **parts})


@dataclass(frozen=True)
class Entry:
    """A file of weights (safetensors), and the seconds it took to make them."""

    path: Path
    seconds: float


class ModelCache:
    """A folder of finished models. An entry that was cut off or edited is not used, and made again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, key: str) -> Entry | None:
        """Return the entry under `key`, or None where there is none that holds and one can be kept.

        Raises:
            CacheError: there is none, and what is trained now could not be kept.
        """
        weights, note = self._paths(key)
        try:
            content, facts = weights.read_bytes(), json.loads(note.read_text("utf-8"))
            if facts["key"] != key or facts["sha256"] != hashlib.sha256(content).hexdigest():
                return None
            return Entry(weights, float(facts["seconds"]))
        except (OSError, ValueError, KeyError, TypeError):
            self._validate_writable()
            return None

    def _validate_writable(self) -> None:
        try:
            validate_writable(self.folder)
        except ReportError as error:
            raise CacheError(f"no model can be kept: {error.message}", hint=_ELSEWHERE) from error

    def write(self, key: str, save: Callable[[Path], None], seconds: float, about: Mapping[str, Any]) -> Entry:
        """Keep what `save` writes to the path that it is given; `about` is for a person who looks into the folder.

        Raises:
            CacheError: the folder cannot be written to.
        """
        weights, note = self._paths(key)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            note.unlink(missing_ok=True)
            save(weights)
            digest = hashlib.sha256(weights.read_bytes()).hexdigest()
            facts = {"key": key, "sha256": digest, "seconds": seconds, **about}
            replace_file(note, json.dumps(facts, indent=1, sort_keys=True).encode())
        except OSError as error:
            raise CacheError(
                f"cannot keep a finished model in {self.folder}: {error.strerror}",
                hint=f"make room, or {_ELSEWHERE}",
            ) from error
        return Entry(weights, seconds)

    def keep(self, key: str, content: bytes, seconds: float, about: Mapping[str, Any]) -> Entry:
        """Keep weights that are at hand as bytes; see `write`."""
        return self.write(key, lambda path: replace_file(path, content), seconds, about)

    def _paths(self, key: str) -> tuple[Path, Path]:
        return self.folder / f"{key}.safetensors", self.folder / f"{key}.json"
