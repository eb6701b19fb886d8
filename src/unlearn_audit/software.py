"""Versions of the software that numbers and pages depend on, and the extras that bring what is optional."""

import ctypes
import ctypes.util
import platform
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from unlearn_audit.errors import MissingSoftwareError

NUMBERS = ("numpy", "scipy", "scikit-learn")
PAGES = ("jinja2", "weasyprint", "pydyf", "fonttools", "pango")
"""What renders: templates, layout, PDF, font subsets and the shaping of text. The fonts come with this package."""
EXTRAS = {
    "train": ("torch", "medmnist", "safetensors", "pooch", "joblib"),
    "pdf": ("weasyprint",),
    "onnx": ("onnxruntime",),
    "dask": ("distributed",),
    "slurm": ("submitit",),
    "pkcs11": ("pkcs11",),
    "mlflow": ("mlflow",),
}
"""Modules that an extra of this package brings: pip install 'unlearn-audit[NAME]'."""


def require_module(name: str, purpose: str) -> None:
    """Refuse `purpose` where the module `name` is not installed; asked before the work rather than in its middle.

    Raises:
        MissingSoftwareError: names the module and the extra that brings it.
    """
    if find_spec(name) is None:
        raise MissingSoftwareError(f"{purpose} needs {name}, which is not installed", _find_extra(name))


def explain_missing(module: str) -> MissingSoftwareError | None:
    """Return the error for a module that could not be imported, None where no extra of this package brings it."""
    name = module.partition(".")[0]
    extra = _find_extra(name)
    return MissingSoftwareError(f"{name} is needed here and not installed", extra) if extra else None


def _find_extra(module: str) -> str:
    return next((extra for extra, modules in EXTRAS.items() if module in modules), "")


def describe_software(names: Iterable[str]) -> dict[str, str]:
    """Return the versions of those of `names` that are installed."""
    found: dict[str, str] = {}
    for name in names:
        if name == "pango":
            found |= _describe_pango()
            continue
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def describe_machine() -> dict[str, str]:
    """Return versions and machine as short texts, without the software that makes models. Nothing names a host."""
    found = {"python": platform.python_version(), "platform": f"{platform.system()} {platform.machine()}"}
    return found | describe_software((*NUMBERS, "pyarrow", *PAGES))


def find_differences(recorded: Mapping[str, str], names: Iterable[str]) -> list[str]:
    """Return, for each of `names` that is of another version here or unknown on one side, a phrase that says so."""
    listed = tuple(names)
    here = describe_software(listed)
    return [
        f"{name} {recorded.get(name, 'of unknown version')} there, {here.get(name, 'none')} here"
        for name in listed
        if name not in recorded or recorded[name] != here.get(name)
    ]


def _describe_pango() -> dict[str, str]:
    """Ask the library itself: it is no Python package."""
    name = ctypes.util.find_library("pango-1.0")
    if name is None:
        return {}
    try:
        ask = ctypes.CDLL(name).pango_version_string
    except (OSError, AttributeError):
        return {}
    ask.restype = ctypes.c_char_p
    return {"pango": ask().decode("ascii", "replace")}
