"""The report: one record rendered as HTML, PDF and JSON, signed into a bundle, and verified again.

Reading order is the way it goes: `views` -> `presentation` -> `html` / `pdf` -> `keys` -> `pades` / `attestation` ->
`bundle` -> `verification`. Everything is rendered from the record alone.
"""

from unlearn_audit.report.formats import FORMATS, Formatter, render_json
from unlearn_audit.report.html import render_html
from unlearn_audit.report.pdf import render_pdf

__all__ = ["FORMATS", "Formatter", "render_html", "render_json", "render_pdf"]
