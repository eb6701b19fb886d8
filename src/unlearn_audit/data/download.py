"""Fetching a published file over the network: with a checksum, a progress callback, and nothing half-written."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from unlearn_audit.errors import DataError
from unlearn_audit.records import ProgressCallback

_TIMEOUT_SECONDS = 30
_CHUNK = 2**16


class _Progress:
    """What pooch drives instead of a bar of its own; speaks in kilobytes, once per chunk."""

    def __init__(self, task: str, progress: ProgressCallback) -> None:
        self._task, self._say, self._done = task, progress, 0
        self.total = 0

    def update(self, size: int) -> None:
        self._done += size
        total = max(self.total, 1)  # servers need not say how long the file is
        self._say(self._task, min(self._done, total) // 1024, max(total // 1024, 1))

    def reset(self) -> None:
        self._done = 0

    def close(self) -> None:
        pass


@contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    """Nobody prints in the library: progress goes through `progress`, failures through errors."""
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def download(url: str, md5: str, target: Path, progress: ProgressCallback) -> None:
    """Fetch `url` to `target`, which appears only when its MD5 is right.

    Args:
        url: http or https address.
        md5: published hex digest of the file. MD5 tells a damaged file, not a forged one.
        target: file to write; its folder is made where absent.
        progress: called with kilobytes done and in total.

    Raises:
        DataError: pooch is not installed, no network, an answer other than 200, a file of another digest, or a folder
            that cannot be written.
    """
    try:
        import pooch
    except ImportError as error:
        raise DataError("downloads need the package 'pooch'", hint='pip install "unlearn-audit[train]"') from error
    downloader = pooch.HTTPDownloader(
        progressbar=_Progress(f"download {target.name}", progress), chunk_size=_CHUNK, timeout=_TIMEOUT_SECONDS
    )
    try:
        with _quiet(pooch.get_logger()):
            pooch.retrieve(url, f"md5:{md5}", fname=target.name, path=target.parent, downloader=downloader)
    except ValueError as error:  # raised by pooch for a wrong checksum, which its message names
        raise DataError(
            f"the file at {url} is not the published one: expected MD5 {md5}: {error}",
            hint="a proxy may have answered instead of the server: download the file in a browser and look at it",
        ) from error
    except OSError as error:  # no network, no such address, no permission: requests' errors are OSErrors
        raise DataError(f"{url} could not be downloaded to {target}: {error}") from error
