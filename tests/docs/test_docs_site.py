"""The site: built strictly, whole by itself, and searchable from disk in a real browser without any network."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest
from tools.docs_intervals import on_page_content

from tests.support.pages import PAGES, ROOT

pytest.importorskip("material")

PATIENCE = 600_000
"""Milliseconds: a browser on a busy machine is slow and not broken."""
TAG = re.compile(r"<(script|link|img|iframe|a|source)\b([^>]*)>")
TARGET = re.compile(r'\b(?:src|href)="?([^"\s>]+)')


def build(root: Path, site: Path) -> subprocess.CompletedProcess[str]:
    """Build as 'make docs' does. Not --quiet: it silences the warnings before --strict counts them."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    site = tmp_path_factory.mktemp("site")
    done = build(ROOT, site)
    assert done.returncode == 0, done.stderr
    return site


@pytest.fixture
def checkout(tmp_path):
    """A copy of what the site is made of, to break."""
    for name in ("docs", "tools", "policies", "sample_reports", "examples"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for path in [ROOT / "mkdocs.yml", *ROOT.glob("*.md")]:
        shutil.copy(path, tmp_path)
    return tmp_path


def test_every_page_of_docs_is_in_the_navigation_and_built(site):
    for page in PAGES:
        built = page.replace("README.md", "index.md").removesuffix(".md") + ".html"
        assert (site / built).is_file(), page


@pytest.mark.parametrize("opened", ["<td>", '<td style="text-align: right;">'])
def test_an_interval_of_a_table_stays_on_one_line(opened):
    written = on_page_content(f"{opened}+0.1 [-0.086, +0.099], 2 of 5; 0.5 [0, 1.0]</td>")

    assert written == f"{opened}+0.1 [-0.086,\u00a0+0.099], 2 of 5; 0.5 [0,\u00a01.0]</td>"


@pytest.mark.parametrize("text", ["<p>[0.4, 0.6]</p>", "<td><code>[0.4, 0.6]</code></td>", "<td>[a, b]</td>", "[0, 1]"])
def test_nothing_else_and_no_code_is_changed(text):
    assert on_page_content(text) == text


def test_every_decision_has_a_number_of_its_own():
    files = [page.removeprefix("decisions/") for page in PAGES if re.match(r"decisions/\d", page)]
    numbers = [file[:4] for file in files]

    assert len(set(numbers)) == len(numbers)
    for file in files:
        title = (ROOT / "docs" / "decisions" / file).read_text("utf-8").partition("\n")[0]
        assert title.startswith(f"# {int(file[:4])}. "), file


def test_nothing_is_asked_of_another_machine(site):
    for path in site.rglob("*.html"):
        if "repository" in path.relative_to(site).parts:
            continue
        for kind, attributes in TAG.findall(path.read_text("utf-8")):
            target = TARGET.search(attributes)
            if kind != "a" and target and 'rel="canonical"' not in attributes:
                assert not re.match(r"(https?:)?//", target.group(1)), (path.name, target.group(1))
    for path in site.rglob("*.css"):
        assert not re.search(r"url\((https?:)?//|@import", path.read_text("utf-8")), path.name


def test_every_link_leads_to_a_file_of_the_site(site):
    for path in site.rglob("*.html"):
        if "repository" in path.relative_to(site).parts or path.name == "404.html":
            continue
        for _, attributes in TAG.findall(path.read_text("utf-8")):
            target = TARGET.search(attributes)
            if target and not re.match(r"[a-z]+:|#", target.group(1)):
                place = unquote(target.group(1).split("#")[0].split("?")[0])
                assert (path.parent / place).exists(), (path.name, place)


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("docs/lost.md", "# Lost\n", "lost.md"),
        ("docs/limits.md", "# Limits\n\n[x](nowhere.md)\n", "nowhere.md, which is no file"),
        ("docs/limits.md", "# Limits\n\n[x](../policies)\n", "../policies, which is no file"),
        ("docs/limits.md", "# Limits\n\n[x](reading.md#nothing-of-that-name)\n", "nothing-of-that-name"),
        ("docs/limits.md", "# Limits\n\n![x](nothing.svg)\n", "nothing.svg"),
    ],
    ids=["page outside of the navigation", "lost link", "link to a folder", "lost anchor", "lost figure"],
)
@pytest.mark.thorough
def test_what_a_reader_could_not_reach_stops_the_build(checkout, tmp_path, name, text, complaint):
    (checkout / name).write_text(text)

    done = build(checkout, tmp_path / "site")

    assert done.returncode != 0
    assert complaint in done.stderr + done.stdout


@pytest.mark.browser
def test_a_reader_finds_things_from_disk_without_a_server(site):
    playwright = pytest.importorskip("playwright.sync_api")
    browser_path = shutil.which("chromium")
    if browser_path is None:
        pytest.skip("Chromium is not installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        page = browser.new_page()
        requests: list[str] = []
        page.on("request", lambda request: requests.append(request.url))
        page.goto((site / "index.html").as_uri())
        page.fill("input.md-search__input", "Clopper")
        page.wait_for_selector(".md-search-result__item a", timeout=PATIENCE)
        found = page.eval_on_selector_all(".md-search-result__item a", "links => links.map(link => link.href)")
        browser.close()

    assert any("numbers.html" in address for address in found)
    assert [url for url in requests if not url.startswith(("file:", "data:", "blob:"))] == []


@pytest.mark.thorough
def test_no_page_is_wider_than_a_phone(site):
    playwright = pytest.importorskip("playwright.sync_api")
    browser_path = shutil.which("chromium")
    if browser_path is None:
        pytest.skip("Chromium is not installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        view = browser.new_page(viewport={"width": 390, "height": 844})
        wide = {}
        for path in [*site.glob("*.html"), *site.glob("appendix/*.html")]:
            view.goto(path.as_uri())
            wide[path.name] = view.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
        browser.close()

    assert len(wide) > 20
    assert [name for name, pixels in wide.items() if pixels > 0] == []
