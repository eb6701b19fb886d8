"""The report: one record rendered for people and for pipelines, signed into a bundle, and verified again.

Reading order is the way it goes: `views` -> `presentation` -> `html` / `pdf` -> `keys` -> `pades` / `attestation` ->
`bundle` -> `verification`. Everything is rendered from the record; `sources` only says where a reader finds what it
speaks of. For pipelines: `gate` -> `junit` / `sarif` / `markdown` / `github`.
"""

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
