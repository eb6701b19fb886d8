"""`make docs-figures`: writes what pages of docs/ take from the code and from published studies.

Figures: outcomes.svg, appendix/coverage.svg. Passages between marks, such as the table of methods: no number is copied
by hand.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.coverage.figure import draw_shares
from benchmarks.coverage.page import NAMES, find_share
from tools.docs_patients import list_patient_passages
from tools.docs_scale import format_own_images, format_plan, format_training, format_workers
from tools.docs_studies import list_passages
from tools.docs_tissue import list_tissue_passages
from tools.outcomes_figure import draw_outcomes

from unlearn_audit.formats.markdown import draw_table
from unlearn_audit.methods import METHODS
from unlearn_audit.presentation.sections.contents import number_of
from unlearn_audit.presentation.sections.requirements import REQUIREMENTS, list_sources

DOCS = Path(__file__).resolve().parents[1] / "docs"


def write_all(docs: Path = DOCS) -> None:
    """Write the figures, and every marked passage anew."""
    for name, draw in FIGURES.items():
        (docs / name).write_text(draw(), encoding="utf-8")
    for (page, name), write in PASSAGES.items():
        path = docs / page
        path.write_text(fill(path.read_text("utf-8"), name, write()), encoding="utf-8")


def fill(page: str, name: str, passage: str) -> str:
    """Return `page` with `passage` between the marks called `name`.

    Raises:
        ValueError: the page has not exactly one such pair of marks.
    """
    marks = re.compile(rf"(<!-- {name}: [^\n]*-->\n).*?(<!-- end of {name} -->)", re.DOTALL)
    written, times = marks.subn(lambda found: f"{found.group(1)}\n{passage}\n\n{found.group(2)}", page)
    if times != 1:
        raise ValueError(f"expected one pair of marks '{name}', found {times}")
    return written


def format_coverage() -> str:
    """Return what the coverage study found, a row for each method."""
    document = _read("appendix/coverage.json")
    rows, nominal = document["cases"], document["confidence"]
    worst = min(rows, key=lambda row: find_share(row, "deciding"))
    summary = (
        f"{document['repeats']:,} samples in each of {len(rows)} cells. At a promise of {nominal:g}, **the lowest "
        f"share of right ends of a deciding bound is {find_share(worst, 'deciding'):.4f}** "
        f"({worst['statistic']}: {worst['case']})."
    )
    heads = ("method", "cells", "lowest share of right ends", "cells below 0.94", "decides")
    table = draw_table(heads, [_write_method(method, name, rows) for method, name in NAMES.items()])
    return f"{summary}\n\n{table}"


def _write_method(method: str, name: str, rows: list[dict[str, Any]]) -> tuple[str, ...]:
    shares = [find_share(row, method) for row in rows if method in row["methods"]]
    below = sum(share < 0.94 for share in shares)  # noqa: PLR2004 - as in the head of the table
    return name, f"{len(shares)}", f"{min(shares):.4f}", f"{below}", "yes" if method == "deciding" else "never"


def format_selftest() -> str:
    """Return the published run's own sentence."""
    return re.search(
        r"^In the self-test of .*$", (DOCS / "appendix/selftest.md").read_text("utf-8"), re.MULTILINE
    ).group()


def format_methods() -> str:
    """Return the table of methods and, below it, each one's parameters."""
    rows = [
        (f"`{name}`", method.title, method.source, " and ".join(method.needs), method.cost)
        for name, method in METHODS.items()
    ]
    parts = [draw_table(("name", "method", "source", "reads", "costs"), rows), "## Parameters"]
    for name in METHODS:
        parts += [f"### `{name}`", _format_parameters(name)]
    return "\n\n".join(parts)


def _format_parameters(name: str) -> str:
    fields = METHODS[name].parameters.model_json_schema().get("properties", {})
    if not fields:
        return "None."
    rows = [
        (f"`{field}`", str(schema["default"]), _format_range(schema), schema.get("description", ""))
        for field, schema in fields.items()
    ]
    return draw_table(("parameter", "default", "allowed", "meaning"), rows)


def _format_range(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(schema["enum"])
    signs = {"exclusiveMinimum": "above", "minimum": "from", "exclusiveMaximum": "below", "maximum": "to"}
    return " ".join(f"{sign} {schema[key]:g}" for key, sign in signs.items() if key in schema)


def format_crosswalk() -> str:
    """Return the requirements that every report's crosswalk goes through, and how far a record can go."""
    heads = ("source and clause", "topic, in our words", "section", "at best", "lies beyond a report")
    rows = []
    for requirement in REQUIREMENTS:
        sections = ", ".join(str(number_of(section)) for section in requirement.sections)
        rows.append((requirement.name, requirement.topic, sections, requirement.best, requirement.beyond or "—"))
    sources = "\n".join(f"- {source.name}: {source.title}" for source in list_sources())
    return f"{draw_table(heads, rows)}\n\nSources:\n\n{sources}"


def _read(name: str) -> dict[str, Any]:
    return dict(json.loads((DOCS / name).read_bytes()))


FIGURES: dict[str, Callable[[], str]] = {
    "outcomes.svg": draw_outcomes,
    "appendix/coverage.svg": lambda: draw_shares(_read("appendix/coverage.json")),
}
PASSAGES: dict[tuple[str, str], Callable[[], str]] = {
    ("methods.md", "methods"): format_methods,
    ("reading-legal.md", "crosswalk"): format_crosswalk,
    ("numbers.md", "coverage"): format_coverage,
    ("numbers.md", "selftest"): format_selftest,
    ("models.md", "own-images"): format_own_images,
    ("appendix/scale.md", "training"): format_training,
    ("appendix/scale.md", "workers"): format_workers,
    ("appendix/scale.md", "plan"): format_plan,
    **list_patient_passages(),
    **list_tissue_passages(),
    **list_passages(("skin", "ultrasound")),
}

if __name__ == "__main__":
    write_all()
