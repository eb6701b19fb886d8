"""External programs: code, which runs in a process of its own and only where the user allows it."""

from __future__ import annotations

import io
import json
import os
import select
import struct
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from unlearn_audit.errors import CaseError
from unlearn_audit.records import Message, write_message

if TYPE_CHECKING:
    from torch import Tensor

Kind = Literal["TorchScript", "torch.export"]
_WORKER = Path(__file__).with_name("program_worker.py")
_HEAD = struct.Struct("<BQ")
_VALUES = 1
_LARGEST = 1 << 30
_PATIENCE = 600.0
"""Seconds for one batch; for loading as well."""


class Program:
    """A program in a process of its own; calling it asks that process about a batch.

    The process has no network, and cannot write files, as far as the system offers it; `note` says what it has.
    It gets no variables of this process. It is ended with this object.
    """

    def __init__(self, path: Path, kind: Kind) -> None:
        """Start the process and load the program in it.

        Raises:
            CaseError: it cannot be started, or the program does not load.
        """
        self._room = tempfile.TemporaryDirectory(prefix="unlearn-audit-program-", ignore_cleanup_errors=True)
        command = [sys.executable, "-I", str(_WORKER), kind, str(path.absolute()), self._room.name]
        passed = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT") if name in os.environ}
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env={**passed, "OMP_NUM_THREADS": "1", "TMPDIR": self._room.name}, close_fds=True,
        )  # fmt: skip
        try:
            document = json.loads(self._receive())
        except (RuntimeError, ValueError) as error:
            self.close()
            raise CaseError(f"{path} is not a readable program of {kind}: {error}") from error
        self.trained = bool(document.get("trained"))
        self.note = _describe(network=bool(document.get("network")), files=bool(document.get("files")))

    def __call__(self, batch: Tensor) -> Tensor:
        """Return the program's answer to `batch`.

        Raises:
            RuntimeError: it failed, ended, gave no tensor, or took too long.
        """
        import numpy as np
        import torch

        buffer = io.BytesIO()
        np.save(buffer, batch.detach().contiguous().numpy(), allow_pickle=False)
        self._send(buffer.getvalue())
        values: Any = np.load(io.BytesIO(self._receive()), allow_pickle=False)
        return torch.from_numpy(values)

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        self._room.cleanup()

    def __del__(self) -> None:
        """End the process with the object."""
        if hasattr(self, "_process"):
            self.close()

    def _send(self, content: bytes) -> None:
        if self._process.stdin is None:
            raise RuntimeError("its process has ended")
        try:
            self._process.stdin.write(_HEAD.pack(_VALUES, len(content)) + content)
            self._process.stdin.flush()
        except OSError as error:
            raise RuntimeError("its process has ended") from error

    def _receive(self) -> bytes:
        deadline = time.monotonic() + _PATIENCE
        kind, size = _HEAD.unpack(self._read(_HEAD.size, deadline))
        if size > _LARGEST:
            raise RuntimeError(f"it answers with more than {_LARGEST >> 20} MiB")
        content = self._read(size, deadline)
        if kind != _VALUES:
            raise RuntimeError(content.decode("utf-8", "replace"))
        return content

    def _read(self, size: int, deadline: float) -> bytes:
        stream, parts, left = self._process.stdout, [], size
        if stream is None:
            raise RuntimeError("its process has ended")
        while left:
            ready, _, _ = select.select([stream], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                self.close()
                raise RuntimeError(f"it gave no answer within {_PATIENCE:g} s")
            part = os.read(stream.fileno(), min(left, 1 << 20))
            if not part:
                raise RuntimeError("its process has ended")
            parts.append(part)
            left -= len(part)
        return b"".join(parts)


def _describe(*, network: bool, files: bool) -> Message:
    """Return what the process was kept from, and what this system could not keep from it."""
    kept = (
        (network, "code-without-network", "code-with-network"),
        (files, "code-without-file-system", "code-with-file-system"),
    )
    held = [write_message(without) for there, without, _ in kept if there]
    lacking = [write_message(having) for there, _, having in kept if not there]
    if not held:
        return write_message("code-ran-in-process", lacking=lacking)
    if not lacking:
        return write_message("code-ran-confined", held=held)
    return write_message("code-ran-partly-confined", held=held, lacking=lacking)
