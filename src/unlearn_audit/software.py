"""Versions of the software that numbers and pages depend on: in a record, and here, to say whether they differ."""

import ctypes
import ctypes.util
import platform
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version

NUMBERS = ("numpy", "scipy", "scikit-learn")
PAGES = ("jinja2", "weasyprint", "pydyf", "fonttools", "pango")
"""What renders: templates, layout, PDF, font subsets and the shaping of text. The fonts come with this package."""


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
