"""What tests read from a page in a browser."""

from importlib.util import find_spec
from pathlib import Path

import pytest

EVERY_VIEW = [
    ("light", 1280),
    *(pytest.param(*view, marks=pytest.mark.thorough) for view in (("dark", 1280), ("light", 390), ("dark", 390))),
]
"""Colour scheme and width of the window in CSS pixels."""


def find_violations(page, within="html"):
    """What axe-core, which the wheel axe-playwright-python carries, finds in a part of the page."""
    spec = find_spec("axe_playwright_python")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("axe-playwright-python is not installed")
    page.evaluate((Path(spec.submodule_search_locations[0]) / "axe.min.js").read_text())
    found = page.evaluate("within => axe.run(within)", within)
    assert len(found["passes"]) > 15
    return [(item["id"], [node["target"] for node in item["nodes"]]) for item in found["violations"]]


def read_risks(page):
    """What the panel's table shows.

    Per model: title, exact value, printed value, against the ceiling, ratio at which it crosses, then printed and exact
    rates of false negatives and false positives, and their counts.
    """
    return page.evaluate(
        "() => [...document.querySelector('#explore-table').tBodies[0].rows].map(row => [row.cells[0].textContent, "
        "row.cells[1].firstChild.value, row.cells[1].textContent, row.cells[2].textContent, row.cells[3].textContent, "
        "row.cells[4].textContent, row.cells[4].firstChild.value, row.cells[5].textContent, "
        "row.cells[5].firstChild.value, row.cells[6].textContent, row.cells[7].textContent])"
    )
