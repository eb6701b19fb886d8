"""What is costly to make is made once for all processes of a test run: the first to ask makes it, the others wait."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest


def find_shared(factory: pytest.TempPathFactory, name: str) -> Path:
    """Return a folder of this name that all processes of the test run see; it may be empty."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def find_home(factory: pytest.TempPathFactory) -> Path:
    """Return the home of every command that has no reason for another.

    It holds a TEST key; finished models and proofs of policies are found in it by whoever needs them next.
    """
    from unlearn_audit.pki.laboratory_ca import make_test_key

    home = find_shared(factory, "home")
    make_once(home / "test-key-made", lambda: make_test_key(home / ".config" / "unlearn-audit" / "test-key"))
    return home


def make_once(done: Path, make: Callable[[], object]) -> None:
    """Call `make` unless some process of the test run has; `done` is the file that says so."""
    with done.with_name(f"{done.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # given back when the file is closed
        if not done.exists():
            make()
            done.touch()
