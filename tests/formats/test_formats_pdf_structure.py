"""What a PDF tells programs that read it aloud: headings of tables, lists, files that belong to it, its version."""

import re
from io import BytesIO

import pytest

from tests.support.waived_records import make_whole
from unlearn_audit.errors import ReportError
from unlearn_audit.formats.pdf import render_pdf, render_summary_pdf
from unlearn_audit.formats.pdf_structure import mend_structure
from unlearn_audit.signing.pades import sign_pdf

pypdf = pytest.importorskip("pypdf")
pytestmark = [pytest.mark.pdf]


def open_pdf(content):
    return pypdf.PdfReader(BytesIO(content)).trailer["/Root"]


def kids(element):
    found = element.get("/K", [])
    found = found.get_object() if hasattr(found, "get_object") else found
    listed = [kid.get_object() for kid in (found if isinstance(found, list) else [found])]
    return [kid for kid in listed if isinstance(kid, dict) and "/S" in kid]


def walk(element):
    for kid in kids(element):
        yield element, kid
        yield from walk(kid)


@pytest.fixture(scope="module", params=["report", "summary", "everything optional"])
def root(request, pdf, record):
    if request.param == "report":
        return open_pdf(pdf)
    return open_pdf(render_summary_pdf(record) if request.param == "summary" else render_pdf(make_whole()))


@pytest.fixture(scope="module")
def pairs(root):
    return list(walk(root["/StructTreeRoot"]))


def list_rows(table, part):
    return [row for group in kids(table) if group["/S"] == part for row in kids(group)]


def test_every_heading_of_a_table_says_whether_it_heads_a_row_or_a_column(pairs):
    tables = [element for _, element in pairs if element["/S"] == "/Table"]
    assert tables
    for table in tables:
        heads = [cell for row in list_rows(table, "/THead") for cell in kids(row)]
        assert [cell["/A"]["/Scope"] for cell in heads] == ["/Column"] * len(heads)
        for row in list_rows(table, "/TBody"):
            first, *others = kids(row)
            assert (first["/S"], first["/A"]["/Scope"]) == ("/TH", "/Row")
            assert {cell["/S"] for cell in others} <= {"/TD"}


def test_every_cell_names_the_headings_of_its_row_and_column_and_no_heading_is_named_by_none(pairs):
    for table in (element for _, element in pairs if element["/S"] == "/Table"):
        (heads,) = list_rows(table, "/THead")
        columns = [cell["/ID"] for cell in kids(heads)]
        for row in list_rows(table, "/TBody"):
            first, *others = kids(row)
            assert list(first["/A"]["/Headers"]) == columns[:1]
            for column, cell in zip(columns[1:], others, strict=True):
                assert list(cell["/A"]["/Headers"]) == [first["/ID"], column]


def test_the_index_of_headings_holds_each_once_in_order(root, pairs):
    named = list(root["/StructTreeRoot"]["/IDTree"]["/Names"])
    names, elements = named[::2], [reference.get_object() for reference in named[1::2]]
    assert names == sorted(set(names))
    assert [element["/ID"] for element in elements] == names
    assert set(names) == {element["/ID"] for _, element in pairs if "/ID" in element}


def test_a_list_holds_items_and_an_item_a_label_and_a_body(pairs):
    assert {kid["/S"] for parent, kid in pairs if parent.get("/S") == "/L"} == {"/LI"}
    for _, item in pairs:
        if item["/S"] == "/LI":
            assert [kid["/S"] for kid in kids(item)] in (["/Lbl", "/LBody"], ["/LBody"])
    assert all(parent.get("/S") == "/L" for parent, kid in pairs if kid["/S"] == "/LI")
    assert all(parent.get("/S") == "/LI" for parent, kid in pairs if kid["/S"] in ("/Lbl", "/LBody"))


def test_a_list_says_how_it_is_numbered(pairs):
    lists = [element for _, element in pairs if element["/S"] == "/L"]
    assert all(element["/A"]["/O"] == "/List" for element in lists)
    numbering = [element["/A"]["/ListNumbering"] for element in lists]
    assert set(numbering) <= {"/None", "/Decimal", "/Disc"}
    if len(lists) > 2:  # the full report: facts, contents, limits
        assert {"/None", "/Decimal", "/Disc"} == set(numbering)
        assert numbering.count("/Decimal") == 1


def test_a_table_that_runs_over_pages_is_one_table_with_one_caption_and_its_headings_once(pairs, root):
    tables = [element for _, element in pairs if element["/S"] == "/Table"]
    for table in tables:
        parts = [kid["/S"] for kid in kids(table)]
        assert parts[:2] == ["/Caption", "/THead"]
        assert set(parts[2:]) == {"/TBody"}
        assert len(list_rows(table, "/THead")) == 1
    if len(tables) > 1:
        pages = [{id(body["/Pg"].get_object()) for body in kids(table)[2:]} for table in tables]
        assert max(map(len, pages)) > 1


def test_all_marked_content_belongs_to_the_element_that_the_index_names_and_repeated_headings_to_none(root):
    numbers = root["/StructTreeRoot"]["/ParentTree"]["/Nums"]
    named = dict(zip(numbers[::2], numbers[1::2], strict=True))
    listed = set()
    for page in root["/Pages"]["/Kids"]:
        index = named[page.get_object()["/StructParents"]]
        content = page.get_object()["/Contents"].get_object().get_data()
        marked = {int(number) for number in re.findall(rb"/MCID (\d+)", content)}
        owners = {place for place, owner in enumerate(index) if isinstance(owner.get_object(), dict)}
        assert owners == marked
        listed |= {index[place].get_object()["/S"] for place in owners}
    assert {"/Span", "/NonStruct"} & listed


def test_an_element_points_at_the_one_that_holds_it(pairs):
    assert all(kid["/P"].get_object() == parent for parent, kid in pairs if "/S" in parent)


def test_the_attached_record_is_associated_once(root):
    (file,) = root["/AF"]
    assert file.get_object()["/AFRelationship"] == "/Data"


def test_a_signature_leaves_the_version_that_the_standards_are_made_of(pdf, key):
    signed = sign_pdf(pdf, key)
    assert pdf.startswith(b"%PDF-1.7")
    assert open_pdf(signed).get("/Version", "/1.7") == "/1.7"
    extensions = open_pdf(signed)["/Extensions"]
    assert {name: extension["/BaseVersion"] for name, extension in extensions.items()} == {"/ESIC": "/1.7"}


def test_a_document_without_structure_is_refused():
    import pydyf

    with pytest.raises(ReportError, match="expected one structure tree in the PDF, found 0"):
        mend_structure(pydyf.PDF())
