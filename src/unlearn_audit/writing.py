"""Files outside of a bundle: where a user's own lie, and how one is written, whole or not at all.

Not every file system can do all that a disk can. One that refuses permissions or flushing keeps what was written; where
it cannot rename (object stores that are mounted, a mount point itself), files are copied.
"""

import errno
import os
import shutil
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from unlearn_audit.errors import ReportError

NO_RENAMING = frozenset({errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EXDEV, errno.EBUSY, errno.EPERM})
"""Why a file system may refuse to rename what can be written there."""
_PRIVATE = 0o600
"""What a temporary file is made with."""
_NO_FLUSHING = frozenset({errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL})
_SET_HOME = "set HOME to a folder that can be written"


def find_home() -> Path:
    """Return the user's home, else a folder below the temporary one that nobody else can enter.

    Raises:
        ReportError: somebody else has put something there.
    """
    try:
        return Path.home()
    except RuntimeError:  # neither HOME nor an entry in the list of users: a container's bare number
        return _make_private(Path(tempfile.gettempdir()) / f"unlearn-audit-{os.getuid()}")


def _make_private(folder: Path) -> Path:
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise ReportError(f"there is no HOME, and {folder} cannot be made: {error.strerror}", hint=_SET_HOME) from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise ReportError(f"there is no HOME, and {folder} is not this user's alone: it is not used", hint=_SET_HOME)
    return folder


def validate_writable(folder: Path) -> None:
    """Make `folder` and see whether files can be put into it: before hours of work whose results go there.

    Raises:
        ReportError: they cannot.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder, prefix=".writing-"):
            pass
    except OSError as error:
        raise ReportError(
            f"cannot write into {folder}: {(error.strerror or str(error)).lower()}", hint="choose another folder"
        ) from error


def write_whole(path: Path, content: bytes) -> None:
    """Write `content` to `path`, and the folders above it; an earlier file is replaced at once or not at all.

    Raises:
        ReportError: the place cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, content, mode=0o644)
    except OSError as error:
        raise ReportError(f"cannot write {path}: {error.strerror}") from error


def replace_file(path: Path, content: bytes, *, mode: int = _PRIVATE) -> None:
    """Put `content` in the place of the file at `path`, at once or not at all.

    Args:
        path: in a folder that is there.
        content: of the new file.
        mode: its permissions; the owner's alone where nothing is said.

    Raises:
        OSError: the place cannot be written; what stood there is as it was.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        if mode != _PRIVATE:
            with suppress(OSError):
                Path(name).chmod(mode)
        move_file(Path(name), path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def move_file(source: Path, target: Path) -> None:
    """Put `source` in the place of `target`: at once where the file system can rename, else as a copy.

    Raises:
        OSError: the place cannot be written.
    """
    try:
        source.replace(target)
    except OSError as error:
        if error.errno not in NO_RENAMING or target.is_dir():
            raise
        shutil.copyfile(source, target)
        source.unlink()


def flush_file(descriptor: int) -> None:
    """Ask for what was written to reach the disk; a file system without such a thing has no more to offer.

    Raises:
        OSError: it did not get there.
    """
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_FLUSHING:
            raise
