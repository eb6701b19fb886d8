"""Closed pipes and full disks: printing fails, the work goes on, and its exit code stands."""

import io
import os
import sys
from contextlib import suppress
from typing import Any


class _Patient(io.RawIOBase):
    """A stream that takes everything; from the first failure on it goes nowhere, and `failure` says why."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self.failure: OSError | None = None

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return bool(self._raw.isatty())

    def fileno(self) -> int:
        return int(self._raw.fileno())

    def write(self, content: Any) -> int | None:
        try:
            written: int | None = self._raw.write(content)
        except OSError as error:
            self.failure = error
            _send_nowhere(self._raw.fileno())
            return len(content)
        return written


def keep_printing() -> None:
    """Let standard output and error outlive their readers: `run ... | head` writes its report all the same."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)  # None where it was closed before the start
        raw = _find_raw(stream)
        if raw is not None:
            setattr(sys, name, _wrap(stream, raw))


def _find_raw(stream: Any) -> Any:
    """Return what writes without a buffer; with PYTHONUNBUFFERED there is nothing else below a stream."""
    buffer = getattr(stream, "buffer", None)
    return buffer if isinstance(buffer, io.RawIOBase) else getattr(buffer, "raw", None)


def _wrap(stream: Any, raw: Any) -> io.TextIOWrapper:
    with suppress(OSError):
        stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(_Patient(raw)),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering or stream.write_through or stream is sys.stderr,
    )


def find_loss() -> OSError | None:
    """Return why what was printed on standard output did not arrive; a reader that had enough is no loss."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    raw = _find_raw(sys.stdout)
    failure = raw.failure if isinstance(raw, _Patient) else None
    return None if isinstance(failure, BrokenPipeError) else failure


def _send_nowhere(descriptor: int) -> None:
    with suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, descriptor)
        os.close(nowhere)
