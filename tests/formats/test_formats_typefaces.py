"""Letters of any script on paper: set in a face that has them, read out as they were written, never lost in silence."""

import base64
import re
import shutil
import subprocess
import unicodedata
from io import BytesIO

import pytest

from tests.support.record_factory import make_record
from tests.support.waived_records import with_policy
from unlearn_audit.formats.html import render_html
from unlearn_audit.formats.pdf import render_pdf, render_summary_pdf
from unlearn_audit.formats.typefaces import examine, find_fonts, read_characters, replace_letters
from unlearn_audit.records import Device

pytestmark = [pytest.mark.pdf]
pypdf = pytest.importorskip("pypdf")
WIDE = {
    "Chinese": "皮肤病变分类器、第2版",
    "traditional Chinese": "皮膚病變分類器",
    "Japanese": "ひふびょうへん カタカナ 分類器",
    "Korean": "피부 병변 분류기",
}
LEFTWARD = {"Arabic": "مصنف الجلد (نسخة 2)", "Hebrew": "מסווג נגעי עור (גרסה 2)", "Persian": "دسته‌بندی ضایعات پوست"}
THAI = "เครื่องมือ"


def name_all(text):
    """A record whose device, policy and audited model are called `text`."""
    record = with_policy(make_record(), applies_to=text, title=text)
    cards = tuple(
        card.model_copy(update={"title": text}) if card.name == "unlearned" else card
        for card in record.provenance.models
    )
    made = record.provenance.model_copy(update={"models": cards, "device": Device(name=text, version="2")})
    return record.model_copy(update={"provenance": made})


def read_first(content):
    return pypdf.PdfReader(BytesIO(content)).pages[0].extract_text()


def list_faces(content, tmp_path):
    if shutil.which("pdffonts") is None:
        pytest.skip("poppler's pdffonts is not installed")
    (tmp_path / "report.pdf").write_bytes(content)
    out = subprocess.run(["pdffonts", tmp_path / "report.pdf"], check=True, capture_output=True).stdout.decode()
    return {line.split()[0].partition("+")[2] for line in out.splitlines()[2:]}


@pytest.mark.parametrize("text", WIDE.values(), ids=WIDE)
def test_chinese_japanese_and_korean_are_printed_in_the_face_that_comes_along(text, tmp_path):
    content = render_summary_pdf(name_all(text))

    assert text in read_first(content)
    assert "\ufffd" not in read_first(content)
    faces = list_faces(content, tmp_path)
    assert "UA-CJK" in faces
    assert all(face.startswith("UA-") for face in faces)


@pytest.mark.parametrize("text", LEFTWARD.values(), ids=LEFTWARD)
def test_arabic_and_hebrew_are_printed_and_turn_no_bracket_of_the_report(text, tmp_path):
    content = render_summary_pdf(name_all(text))
    shown = read_first(content)

    assert {letter for letter in text if letter.isalpha()} <= set(shown)
    assert "\ufffd" not in shown
    assert len(re.findall(r"\(\S+ to \S+\)", shown)) > 10
    assert not re.search(r"\)\S+ to \S+\(", shown)
    assert "UA-CJK" not in list_faces(content, tmp_path)


def test_figures_name_a_model_by_its_role_where_its_title_runs_from_right_to_left():
    drawn = "".join(decode_figures(render_html(name_all(LEFTWARD["Arabic"]))))

    assert not any("\u0600" <= letter <= "\u06ff" for letter in drawn)
    assert ">unlearned<" in drawn


def decode_figures(page):
    return [base64.b64decode(found).decode() for found in re.findall("svg\\+xml;base64,([A-Za-z0-9+/=]+)", page)]


def test_page_one_names_the_letters_that_no_face_has_and_html_keeps_them(tmp_path):
    record = name_all(THAI)
    shown = " ".join(read_first(render_pdf(record)).split())

    assert "Missing letters. U+0E04, U+0E07, U+0E21, U+0E23 and 4 more: no typeface of this PDF has them" in shown
    assert "\ufffd" in shown
    assert THAI in render_html(record)
    assert "Missing letters" not in render_html(record)


def test_nothing_is_said_where_nothing_is_missing():
    assert "Missing letters" not in read_first(render_summary_pdf(make_record()))


@pytest.mark.thorough
def test_the_same_record_gives_the_same_bytes_in_every_script():
    for text in (WIDE["Korean"], LEFTWARD["Arabic"], THAI):
        assert render_summary_pdf(name_all(text)) == render_summary_pdf(name_all(text))


def test_the_faces_have_whole_scripts_and_share_nothing_but_spaces():
    folder = find_fonts()
    usual = read_characters(folder, ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf"))
    wide = read_characters(folder, ("WenQuanYiMicroHei.ttf",))

    assert set(range(0xAC00, 0xD7A4)) <= wide  # Hangul
    assert set(range(0x4E00, 0x9FA6)) <= wide  # the unified ideographs of Unicode 1.1
    assert {ord(letter) for text in WIDE.values() for letter in text} <= usual | wide
    assert all(unicodedata.category(chr(code)) == "Zs" for code in usual & wide)
    assert {" ", "\u00a0", "\u2009", "\u202f"} <= {chr(code) for code in wide}  # in the face of the letter before it


def test_letters_are_looked_for_in_figures_as_well():
    drawing = base64.b64encode(f"<svg>{THAI}</svg>".encode()).decode()
    page = f'<p>x</p><img src="data:image/svg+xml;base64,{drawing}">'
    needs = examine(page, find_fonts())

    assert set(needs.missing) == set(THAI)
    assert (needs.wide, needs.leftward) == (False, False)
    (shown,) = decode_figures(replace_letters(page, needs.missing))
    assert shown == f"<svg>{chr(0xFFFD) * len(THAI)}</svg>"
