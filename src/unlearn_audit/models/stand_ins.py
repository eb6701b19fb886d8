"""Stand-ins for plain objects beside the weights of a checkpoint: they take any arguments and do nothing.

Trainers write the options of a run, the best accuracy and paths into the same file. torch reads with `weights_only`,
which calls nothing but what it is given here, by name: these. The real classes are never imported, made or called.
"""

from collections.abc import Callable
from typing import Any, Self

_NAMES = (
    *(f"numpy.{core}.multiarray.{name}" for core in ("_core", "core") for name in ("scalar", "_reconstruct")),
    *("numpy.dtype", "numpy.ndarray", "argparse.Namespace", "types.SimpleNamespace"),
    *(f"pathlib.{name}" for name in ("PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath")),
    *(f"pathlib._local.{name}" for name in ("PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath")),
    *("datetime.datetime", "datetime.date", "datetime.timedelta", "torch.torch_version.TorchVersion"),
)
"""Objects that hold values and no weights. Anything else that is no tensor is refused by name."""


def make_stand_ins(passed: list[str]) -> list[Callable[..., Any] | tuple[Callable[..., Any], str]]:
    """Return a stand-in for each object that is passed over, with its name; `passed` is filled with those met."""
    return [(_make(name, passed), name) for name in _NAMES]


def _make(name: str, passed: list[str]) -> type:
    class StandIn:
        """Takes whatever the object was made of."""

        def __new__(cls, *_arguments: Any, **_named: Any) -> Self:
            passed.append(name)
            return super().__new__(cls)

        def __init__(self, *_arguments: Any, **_named: Any) -> None:
            pass

        def __setstate__(self, _state: Any) -> None:
            pass

    return StandIn
