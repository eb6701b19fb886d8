"""The file that names whom to forget."""

import pytest

from unlearn_audit.data import ForgetList, read_forget_ids
from unlearn_audit.errors import CaseError
from unlearn_audit.records import write_message


@pytest.fixture
def read(tmp_path):
    def write_and_read(content, columns=("lesion_id", "patient_id")):
        (tmp_path / "forget.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_forget_ids(tmp_path / "forget.csv", columns)

    return write_and_read


def test_a_plain_list_names_records(read):
    assert read("r00\nr01\n") == ForgetList(None, ("r00", "r01"))


@pytest.mark.parametrize("header", ["id", "record_id", "image_id", "ID", " Image_ID "])
def test_a_header_may_say_that_records_are_named(read, header):
    assert read(f"{header}\nr00\n") == ForgetList(None, ("r00",))


@pytest.mark.parametrize("column", ["lesion_id", "patient_id"])
def test_a_header_may_name_a_group_column(read, column):
    assert read(f"{column}\na\nb\n") == ForgetList(column, ("a", "b"))


def test_any_column_of_the_data_may_be_the_header_and_keeps_its_spelling(read):
    assert read("site\nnorth\n", columns=("Site",)) == ForgetList("Site", ("north",))


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfid\r\nr00\r\nr01\r\n",
        b'"id"\n"r00"\n "r01" \n',
        b"id\n\n  r00\n\t\nr01  \n\n",
        b"id;reason\nr00;withdrawn\nr01;\n",
        b"reason\tid\nwithdrawn\tr00\n\tr01\n",
        b'reason,id\n"moved, no address",r00\n,r01\n',
    ],
)
def test_the_dress_of_the_file_does_not_matter(read, content):
    assert read(content) == ForgetList(None, ("r00", "r01"))


def test_repeated_ids_count_once_with_a_note(read):
    assert read("r00\nr01\nr00\nr00\n") == ForgetList(
        None, ("r00", "r01"), (write_message("forget-list-repeats", repeated=2, example="r00"),)
    )


def test_of_several_columns_the_record_ids_count(read):
    assert read("patient_id,image_id\np,r00\n") == ForgetList(
        None, ("r00",), (write_message("forget-list-column-not-read", columns="'patient_id'", read="image_id"),)
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "expected ids to forget in {path}, found an empty file"),
        ("\n \n,,\n", "expected ids to forget in {path}, found an empty file"),
        ("lesion_id\n", "expected ids to forget in {path}, found a header and nothing below it"),
        ("lesion_id,patient_id\na,b\n", "{path}: expected one column of ids, found 'lesion_id', 'patient_id'"),
        ("id,image_id\na,b\n", "{path}: expected one column of ids, found 'id', 'image_id'"),
        (
            "r00,r01\n",
            "expected a header with one of id, image_id, lesion_id, patient_id, record_id, found the columns",
        ),
        ("id,why\nr00,x\n,y\n", "{path}: line 3: expected an id, found an empty cell"),
        ("id,why\nr00\n", "{path}: line 2: expected 2 values, found 1"),
        ("r00\nr01,r02\n", "{path}: line 2: expected 1 values, found 2"),
        ('id\n"r00\nr01\n', "{path}: line 3: expected one id a line, found a quote left open"),
        ("id\nr00\n".encode("utf-16"), "{path}: expected text in UTF-8, found other bytes"),
    ],
)
def test_a_list_that_cannot_be_meant_is_refused(read, tmp_path, content, message):
    with pytest.raises(CaseError) as refusal:
        read(content)
    assert message.format(path=tmp_path / "forget.csv") in refusal.value.message


def test_an_absent_file_is_refused(tmp_path):
    with pytest.raises(CaseError, match=r"expected a list of ids to forget at .*gone.csv, found none"):
        read_forget_ids(tmp_path / "gone.csv")


def test_a_list_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("unlearn_audit.data.forget_list._LARGEST", 40)
    endless = tmp_path / "ids.csv"
    endless.symlink_to("/dev/zero")

    with pytest.raises(CaseError, match="expected a list of ids of at most 40 bytes, found more"):
        read_forget_ids(endless)
