"""Audit machine unlearning of medical image classifiers.

Two questions, answered at once and by a written policy: did the model forget, and is it still clinically safe?

    from unlearn_audit import audit, load_policy, make_evidence

See docs/python.md. What is listed in `__all__` is imported when it is first asked for, so that commands start fast;
type checkers read `__init__.pyi`.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

__all__ = [
    "Audit",
    "Evidence",
    "Outcome",
    "__version__",
    "audit",
    "load_policy",
    "make_evidence",
    "publish_to_mlflow",
    "read_evidence",
    "read_predictions",
    "write_report",
]


def __getattr__(name: str) -> Any:
    """Import the Python API on first use (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    homes = {"Evidence": "evidence", "Outcome": "records", "publish_to_mlflow": "publishing"}
    return getattr(import_module(f"{__name__}.{homes.get(name, 'api')}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
