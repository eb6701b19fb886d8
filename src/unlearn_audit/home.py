"""Where a user's own files lie, also where there is no such user: a container's bare number without HOME."""

import os
import stat
import tempfile
from pathlib import Path

from unlearn_audit.errors import ReportError


def find_home() -> Path:
    """Return the user's home, else a folder below the temporary one that nobody else can enter.

    Raises:
        ReportError: somebody else has put something there.
    """
    try:
        return Path.home()
    except RuntimeError:  # neither HOME nor an entry in the list of users
        return _make_private(Path(tempfile.gettempdir()) / f"unlearn-audit-{os.getuid()}")


def _make_private(folder: Path) -> Path:
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise ReportError(f"there is no HOME, and {folder} cannot be made: {error.strerror}", hint=_HINT) from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise ReportError(f"there is no HOME, and {folder} is not this user's alone: it is not used", hint=_HINT)
    return folder


_HINT = "set HOME to a folder that can be written"
