"""What the tracer of coverage need not see: it slows all Python down by half and more, and not only the package's.

Other libraries' functions that call nothing of ours are run without it: no line of the package goes uncounted.
"""

import functools
import sys
from collections.abc import Callable, Iterable
from importlib import import_module

FOREIGN = ("weasyprint:HTML.render", "weasyprint.document:generate_pdf", "pypdf:PageObject.extract_text")
"""Costly functions, in Python, that call nothing of ours: layout, painting, reading text out of pages."""


def rest_within(names: Iterable[str] = FOREIGN) -> None:
    """Let the tracer rest within functions called `module:name`, where they can be imported."""
    for name in names:
        module, _, path = name.partition(":")
        try:
            owner = import_module(module)
        except (ImportError, OSError):  # OSError: the package is there, a library that it loads is not
            continue
        *parents, last = path.split(".")
        for parent in parents:
            owner = getattr(owner, parent)
        setattr(owner, last, rest_during(getattr(owner, last)))


def rest_during(function: Callable) -> Callable:
    """Return `function`, run without a tracer; the callers' own lines are traced as before.

    Stopping coverage instead would start another tracer afterwards, which knows nothing of the functions under way.
    """

    @functools.wraps(function)
    def untraced(*arguments, **options):
        tracer = sys.gettrace()
        sys.settrace(None)
        try:
            return function(*arguments, **options)
        finally:
            sys.settrace(tracer)

    return untraced
