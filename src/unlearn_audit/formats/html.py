"""One record as one self-contained HTML file: no network, strict Content-Security-Policy, whole without its script."""

import base64
import hashlib
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from unlearn_audit.assets import find_folder
from unlearn_audit.presentation.page import Presentation, present
from unlearn_audit.presentation.profiles import Profile
from unlearn_audit.presentation.sections.contents import number_of
from unlearn_audit.presentation.wording import bound
from unlearn_audit.records import AuditRecord

if TYPE_CHECKING:
    from jinja2 import Environment

TEST_KEY_NOTICE = "TEST KEY - not a valid signature"


def _finalize(value: Any) -> Any:
    """Bound every text that a template prints; markup, which only templates and this package write, stays."""
    return bound(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def isolate(text: str) -> Any:
    """Return `text` as a template prints it; in an element of its own where letters run from right to left.

    So they turn nothing round that stands beside them. Few reports have any, and on paper each element takes its time.
    """
    from markupsafe import Markup, escape

    shown = bound(text)
    leftward = any(unicodedata.bidirectional(letter) in ("R", "AL") for letter in shown)
    return Markup("<bdi>{}</bdi>").format(shown) if leftward else escape(shown)


@lru_cache(maxsize=1)
def _load_environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(find_folder("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["bound"] = bound
    environment.filters["isolate"] = isolate
    return environment


def _write_footers(view: Presentation) -> str:
    """Return the page footers: id, page, and the test-key notice on every page where no laboratory signs."""
    boxes = {
        "bottom-left": (f"'Unlearning audit, report {view.report_id}'", "#566270"),
        "bottom-right": ("counter(page) ' / ' counter(pages)", "#566270"),
    }
    if view.test_key:
        boxes["bottom-center"] = (f"'{TEST_KEY_NOTICE}'", "#a33300; font-weight: bold")
    style = "font-family: 'UA Sans', 'DejaVu Sans', sans-serif; font-size: 6.8pt; vertical-align: top; padding-top: 4mm"
    rules = (f"@{box} {{ content: {content}; color: {color}; {style}; }}" for box, (content, color) in boxes.items())
    return f"@page {{ {' '.join(rules)} }}\n"


def _digest(text: str) -> str:
    """Return what a Content-Security-Policy calls `text` by."""
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii") + "'"


def render_page(
    record: AuditRecord,
    faces: str = "",
    *,
    interactive: bool = False,
    profile: Profile = Profile.FULL,
    missing: Sequence[str] = (),
) -> str:
    """Return the report as HTML; `faces` are CSS font faces that paper needs and the screen does not.

    `missing` are letters that these faces lack: page one says so.

    `profile` is the full report, or its first page as a summary. `interactive` adds what only a screen can do: sorting,
    and a panel to explore cost ratios. No other number changes.

    Screen and paper share templates and numbers, so that neither can say what the other does not; paper leaves out the
    style of what only a screen has.
    """
    view = present(record, profile, missing)
    environment = _load_environment()
    sheets = ("style.css", "screen.css", "print.css") if interactive else ("style.css", "print.css")
    style = faces + "".join(_load_source(environment, name) for name in sheets) + _write_footers(view)
    script = _load_source(environment, "interaction.js")
    allowed = f"script-src {_digest(script)}; " if interactive else ""
    csp = f"default-src 'none'; {allowed}style-src {_digest(style)}; img-src data:; base-uri 'none'; form-action 'none'"
    page = environment.get_template("report.html.j2")
    shown = {
        "style": style,
        "csp": csp,
        "script": script if interactive else None,
        "number": number_of,
        "profile": profile.value,
    }
    return page.render(view=view, **shown)


def _load_source(environment: "Environment", name: str) -> str:
    source, _, _ = environment.loader.get_source(environment, name)  # type: ignore[union-attr]
    return source


def render_html(record: AuditRecord) -> str:
    """Return the whole report as one HTML file that opens from disk and asks for nothing.

    Everything in it comes from the record; every string is escaped. Same record, same text.
    """
    return render_page(record, interactive=True)


def render_summary(record: AuditRecord) -> str:
    """Return page one of the report as an HTML file of its own, with where the rest is."""
    return render_page(record, interactive=True, profile=Profile.SUMMARY)
