"""Writing one file outside of a bundle: a whole file or nothing."""

import os
import tempfile
from pathlib import Path

from unlearn_audit.errors import ReportError


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


def replace_file(path: Path, content: bytes, *, mode: int = 0o600) -> None:
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
        Path(name).chmod(mode)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
