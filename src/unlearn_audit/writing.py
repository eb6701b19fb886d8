"""Writing one file outside of a bundle: a whole file or nothing."""

import os
import tempfile
from pathlib import Path

from unlearn_audit.errors import ReportError


def require_writable(folder: Path) -> None:
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
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            Path(name).chmod(0o644)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ReportError(f"cannot write {path}: {error.strerror}") from error
