"""The page where it is read: under Jenkins' policy, at 320 pixels, printed by a browser, far down in it."""

import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.support.pipeline_records import make_check, with_checks
from tests.support.reading_pages import find_violations
from tests.support.record_factory import make_record
from tests.support.waived_records import make_whole
from unlearn_audit.formats.html import render_html, render_summary
from unlearn_audit.presentation.wording import format_estimate, format_interval
from unlearn_audit.records import Outcome

JENKINS = "sandbox; default-src 'none'; img-src 'self'; style-src 'self';"
"""What Jenkins sends with the files that it archives, unless its administrator says otherwise."""
BEYOND = """() => [...document.querySelectorAll('html, body, body *')].filter(one => !one.closest('[hidden]')
    && one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).overflowX !== 'visible'
    && getComputedStyle(one).position !== 'absolute').map(one => one.id || one.ariaLabel || one.tagName)"""


@pytest.fixture(scope="module")
def record():
    return make_record()


@pytest.fixture(scope="module")
def place(record, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(render_html(record))
    return path


@pytest.fixture
def jenkins(place):
    """The report under a URL, sent as Jenkins sends it."""

    class Archive(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Security-Policy", JENKINS)
            self.end_headers()
            self.wfile.write(place.read_bytes())

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Archive)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/report.html"
    server.shutdown()
    server.server_close()


def test_under_jenkins_policy_every_check_reads_right_and_every_figure_in_words(browser, jenkins, record):
    page = browser.new_page()
    page.goto(jenkins)
    assert page.evaluate("getComputedStyle(document.querySelector('.below')).display") == "inline"  # no style arrived
    rows = page.locator("#checks tbody tr").all_inner_texts()
    for row, check in zip(rows, record.verdict.checks, strict=True):
        value = format_estimate(check.estimate, check.limit)
        interval = f" ({format_interval(check.estimate.interval, check.limit)})" if check.estimate.interval else ""
        assert f"{check.title} " in row.replace("\t", " ").replace("\n", " ")
        assert f" {value}{interval} " in " ".join(row.split())
    assert all(page.locator("img").evaluate_all("all => all.map(one => one.alt.length > 40)"))
    assert page.locator(".explore").is_hidden()
    page.close()


@pytest.mark.parametrize("make", [make_record, make_whole], ids=["usual", "everything optional"])
@pytest.mark.parametrize("render", [render_html, render_summary])
def test_at_320_pixels_nothing_scrolls_sideways(open_page, make, render, tmp_path):
    path = tmp_path / "narrow.html"
    path.write_text(render(make()))
    page = open_page(path, viewport={"width": 320, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert page.evaluate(BEYOND) == []


def test_at_320_pixels_every_number_says_which_column_it_is_of(open_page):
    page = open_page(viewport={"width": 320, "height": 900})
    content = page.evaluate(
        "() => getComputedStyle(document.querySelector('#all-checks td:nth-child(3)'), '::before').content"
    )
    assert content == '"Tolerance: "'


@pytest.mark.parametrize("width", [320, 1280])
def test_axe_finds_nothing_with_the_navigation_in_sight(open_page, width):
    page = open_page(viewport={"width": width, "height": 900})
    page.evaluate("document.getElementById('section-clinical').scrollIntoView()")
    assert find_violations(page) == []


@pytest.mark.parametrize(
    ("width", "navigation"), [(320, ".bar"), (1000, ".bar"), (1200, ".contents"), (1900, ".contents")]
)
@pytest.mark.parametrize("script", [True, False], ids=["with script", "without"])
def test_a_navigation_stays_in_sight_at_the_end_of_the_page(open_page, width, navigation, script):
    page = open_page(viewport={"width": width, "height": 800}, java_script_enabled=script)
    page.locator("footer.end").scroll_into_view_if_needed()
    box = page.locator(navigation).bounding_box()
    assert 0 <= box["y"] < 800
    page.locator(navigation).get_by_role("link").last.click()
    heading = page.locator("#contents" if navigation == ".bar" else "#section-crosswalk").bounding_box()
    bar = page.locator(".bar").bounding_box()
    assert heading["y"] > (bar["height"] if bar else 0) - 1


def test_the_navigation_covers_no_text(open_page):
    page = open_page(viewport={"width": 1184, "height": 800})
    aside, main = page.locator(".contents").bounding_box(), page.locator("main > .cover").bounding_box()
    assert aside["x"] + aside["width"] <= main["x"]


def test_a_browser_prints_the_names_of_the_columns_on_every_page_of_a_table(open_page, tmp_path):
    if shutil.which("pdftotext") is None:
        pytest.skip("poppler's pdftotext is not installed")
    many = with_checks(*(make_check(Outcome.FAIL, id=f"check-{place}") for place in range(90)))
    path = tmp_path / "long.html"
    path.write_text(render_html(many))
    page = open_page(path)
    page.pdf(path=tmp_path / "printed.pdf", format="A4")
    out = subprocess.run(["pdftotext", "-layout", tmp_path / "printed.pdf", "-"], check=True, capture_output=True)
    pages = out.stdout.decode().split("\f")
    holding = [text for text in pages if "check-5" in text or "check-6" in text or "check-7" in text]
    assert len(holding) > 1
    for text in holding:
        assert "Reason and basis" in text
        assert "\u2195" not in text
