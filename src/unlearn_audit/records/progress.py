"""The progress callback: the library calls it, the command line supplies it."""

from typing import Protocol


class ProgressCallback(Protocol):
    """Called with what is being done now and how far it is; must not raise and must not change any result."""

    def __call__(self, task: str, done: int, total: int) -> None:
        """Report that `done` of `total` steps of `task` are finished."""
        ...


def ignore_progress(task: str, done: int, total: int) -> None:
    """Observe nothing: the default of every function that takes a `progress`."""
