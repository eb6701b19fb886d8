"""One record as one self-contained HTML file: no network, no script, strict Content-Security-Policy."""

import base64
import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING

from unlearn_audit.assets import find_folder
from unlearn_audit.records import AuditRecord
from unlearn_audit.report.presentation import Presentation, present

if TYPE_CHECKING:
    from jinja2 import Environment

TEST_KEY_NOTICE = "TEST KEY - not a valid signature"


@lru_cache(maxsize=1)
def _load_environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(find_folder("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _write_footers(view: Presentation) -> str:
    """Return the page footers: id, page, and the test-key notice on every page where no laboratory signs."""
    boxes = {
        "bottom-left": (f"'Unlearning audit, report {view.report_id}'", "#566270"),
        "bottom-right": ("counter(page) ' / ' counter(pages)", "#566270"),
    }
    if view.test_key:
        boxes["bottom-center"] = (f"'{TEST_KEY_NOTICE}'", "#a33300; font-weight: bold")
    style = "font-family: 'UA Sans', 'DejaVu Sans', sans-serif; font-size: 6.8pt; vertical-align: top; padding-top: 4mm"
    rules = (f"@{box} {{ content: {said}; color: {color}; {style}; }}" for box, (said, color) in boxes.items())
    return f"@page {{ {' '.join(rules)} }}\n"


def render_page(record: AuditRecord, faces: str = "") -> str:
    """Return the report as HTML; `faces` are CSS font faces that paper needs and the screen does not.

    Screen and paper share templates, style and numbers, so that neither can say what the other does not.
    """
    view = present(record)
    environment = _load_environment()
    sheet, _, _ = environment.loader.get_source(environment, "style.css")  # type: ignore[union-attr]
    style = faces + sheet + _write_footers(view)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii")
    csp = f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    return environment.get_template("report.html.j2").render(view=view, style=style, csp=csp)


def render_html(record: AuditRecord) -> str:
    """Return the whole report as one HTML file that opens from disk and asks for nothing.

    Everything in it comes from the record; every string is escaped. Same record, same text.
    """
    return render_page(record)
