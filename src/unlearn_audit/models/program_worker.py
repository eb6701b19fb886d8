"""Runs one program (TorchScript, torch.export) apart from everything else. It is started as a file, by itself.

Nothing of this package is imported here, and torch only after the process has given up what the system lets it give up:
the network, writing to files, and new privileges. What was given up is the first answer.
"""

import ctypes
import io
import json
import os
import resource
import struct
import sys
import warnings
from pathlib import Path
from typing import Any

_NEWNS, _NEWUSER, _NEWNET = 0x00020000, 0x10000000, 0x40000000
_NO_NEW_PRIVILEGES, _DIE_WITH_PARENT = 38, 1
_READ_ONLY, _REMOUNT, _BIND, _RECURSIVE, _PRIVATE = 0x1, 0x20, 0x1000, 0x4000, 0x40000
_KEPT = {"nosuid": 0x2, "nodev": 0x4, "noexec": 0x8, "noatime": 0x400, "nodiratime": 0x800, "relatime": 0x200000}
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_WRITING = 0x1FF2  # of Landlock's first version: all that changes a file or a folder
_HEAD = struct.Struct("<BQ")
_ERROR, _VALUES = 0, 1
_ROOM = 1 << 28


def main() -> None:
    """Give up rights, load the program that the arguments name, and answer batches until there are no more."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the program prints is none of the answers
    kind, path, room = sys.argv[1:4]
    content = io.BytesIO(Path(path).read_bytes())
    given_up = _give_up(room)
    os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = "1"
    import numpy as np
    import torch

    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    try:
        program, trained = _load(torch, kind, content)
    except BaseException as error:  # noqa: BLE001 - a program may raise anything while it is read
        _send(answers, _ERROR, _describe(error))
        return
    _send(answers, _VALUES, json.dumps({**given_up, "trained": trained}).encode())
    while (batch := _receive(sys.stdin.buffer)) is not None:
        try:
            given = torch.from_numpy(np.load(io.BytesIO(batch), allow_pickle=False))
            output = program(given)
            buffer = io.BytesIO()
            np.save(buffer, output.detach().to("cpu").contiguous().numpy(), allow_pickle=False)
            _send(answers, _VALUES, buffer.getvalue())
        except BaseException as error:  # noqa: BLE001 - as above
            _send(answers, _ERROR, _describe(error))


def _load(torch: Any, kind: str, content: io.BytesIO) -> tuple[Any, bool]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if kind == "torch.export":
            return torch.export.load(content).module(), False
        program = torch.jit.load(content, map_location="cpu")
    trained = bool(getattr(program, "training", False))
    program.eval()
    return program, trained


def _describe(error: BaseException) -> bytes:
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}"[:400].encode()


def _send(out: io.BufferedWriter, kind: int, content: bytes) -> None:
    out.write(_HEAD.pack(kind, len(content)) + content)
    out.flush()


def _receive(source: Any) -> bytes | None:
    head = source.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    content: bytes = source.read(_HEAD.unpack(head)[1])
    return content


def _give_up(room: str) -> dict[str, bool]:
    """Give up network, writing and privileges as far as the system lets us; return what was given up.

    Only the folder `room` can be written, which torch needs for what it unpacks; nothing of it is kept.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_ROOM, _ROOM))
    if not sys.platform.startswith("linux"):
        return {"network": False, "files": False}
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_DIE_WITH_PARENT, 9, 0, 0, 0)
    user, group = os.getuid(), os.getgid()
    network = libc.unshare(_NEWUSER | _NEWNET | _NEWNS) == 0
    if network:
        _keep_identity(user, group)
    read_only = network and _mount_read_only(libc)
    if read_only:
        libc.mount(b"none", room.encode(), b"tmpfs", 0, b"size=256m")
    libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    return {"network": network, "files": _restrict_writing(libc, room) or read_only}


def _keep_identity(user: int, group: int) -> None:
    """Be the same user in the new namespace: files stay readable, and the rights of a root there stay unused."""
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        try:
            with os.fdopen(os.open(f"/proc/self/{name}", os.O_WRONLY), "wb", buffering=0) as file:
                file.write(text.encode())
        except OSError:
            continue


def _mount_read_only(libc: ctypes.CDLL) -> bool:
    """Make everything that is mounted read-only for this process; return whether all of it is that holds files."""
    if libc.mount(b"none", b"/", None, _RECURSIVE | _PRIVATE, None) != 0:
        return False
    whole = True
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        fields = line.split()
        place, options, kind = fields[4], fields[5].split(","), fields[fields.index("-") + 1]
        flags = _REMOUNT | _BIND | _READ_ONLY
        for option in options:
            flags |= _KEPT.get(option, 0)
        done = libc.mount(b"none", place.encode().decode("unicode_escape").encode(), None, flags, None) == 0
        whole &= done or "ro" in options or kind in {"proc", "sysfs", "devpts", "cgroup", "cgroup2", "mqueue"}
    return whole


def _restrict_writing(libc: ctypes.CDLL, room: str) -> bool:
    """Let Landlock refuse every change of a file outside of `room`; False where the kernel has no Landlock."""
    rules = (ctypes.c_uint64 * 1)(_WRITING)
    ruleset = libc.syscall(_LANDLOCK_CREATE, ctypes.byref(rules), ctypes.sizeof(rules), 0)
    if ruleset < 0:
        return False
    place = os.open(room, os.O_PATH)
    rule = struct.pack("<Qi", _WRITING, place)
    libc.syscall(_LANDLOCK_ADD, ruleset, 1, rule, 0)
    held = bool(libc.syscall(_LANDLOCK_RESTRICT, ruleset, 0) == 0)
    os.close(place)
    os.close(ruleset)
    return held


if __name__ == "__main__":
    main()
