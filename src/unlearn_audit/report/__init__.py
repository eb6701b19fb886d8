"""The report: one record rendered for people and for pipelines, signed into a bundle, and verified again.

Reading order is the way it goes: `views` -> `presentation` -> `html` / `pdf` -> `keys` -> `pades` / `attestation` ->
`bundle` -> `verification`. Everything is rendered from the record; `sources` only says where a reader finds what it
speaks of. For pipelines: `gate` -> `junit` / `sarif` / `markdown` / `github`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unlearn_audit.report.comparison import Comparison, compare_records
    from unlearn_audit.report.formats import FORMATS, Format, from_record, render_json
    from unlearn_audit.report.html import render_html
    from unlearn_audit.report.pdf import render_pdf
    from unlearn_audit.report.sources import Sources

__all__ = [
    "FORMATS",
    "Comparison",
    "Format",
    "Sources",
    "compare_records",
    "from_record",
    "render_html",
    "render_json",
    "render_pdf",
]

# A verifier of signatures imports modules of this package and renders nothing.
_LATE = {
    "FORMATS": "formats",
    "Comparison": "comparison",
    "Format": "formats",
    "Sources": "sources",
    "compare_records": "comparison",
    "from_record": "formats",
    "render_html": "html",
    "render_json": "formats",
    "render_pdf": "pdf",
}


def __getattr__(name: str) -> Any:
    """Import what renders on first use (PEP 562)."""
    if name not in _LATE:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module(f"{__name__}.{_LATE[name]}"), name)
