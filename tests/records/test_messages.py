"""Messages: a code with details for programs, and one catalogue that makes the text."""

import ast
import json
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearn_audit.errors import MeasurementError
from unlearn_audit.records import Message, digest_of, quote_text, to_canonical_json, write_message
from unlearn_audit.records.messages import compose_text, find_reason, load_catalogue

SOURCES = Path(__file__).resolve().parents[2] / "src" / "unlearn_audit"
MEASURING = ("stats", "findings")


def list_calls(name):
    for path in sorted(SOURCES.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == name:
                yield path, node


def list_details(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_every_code_that_is_written_out_is_in_the_catalogue_with_the_details_it_names():
    catalogue = load_catalogue()
    for path, call in list_calls("write_message"):
        written = [node.value for node in ast.walk(call.args[0]) if isinstance(node, ast.Constant)]
        given_ = {keyword.arg for keyword in call.keywords}
        for code in written if isinstance(call.args[0], ast.Constant) else ():
            assert code in catalogue, (path.name, call.lineno, code)
            if None not in given_:
                assert list_details(catalogue[code]) == given_, (path.name, call.lineno, code)


def test_the_catalogue_has_no_text_that_nothing_says():
    sources = "".join(path.read_text("utf-8") for path in SOURCES.rglob("*.py"))
    unsaid = [code for code in load_catalogue() if f'"{code.removesuffix("-tolerated")}"' not in sources]

    assert unsaid == []


def test_nothing_is_refused_by_a_measurement_without_a_code():
    bare = [
        (path.name, call.lineno)
        for path, call in list_calls("MeasurementError")
        if path.relative_to(SOURCES).parts[0] in MEASURING and isinstance(call.args[0], ast.Constant | ast.JoinedStr)
    ]

    assert bare == []


def test_no_text_of_the_catalogue_names_a_section_of_the_pages():
    assert [text for text in load_catalogue().values() if "ection " in text] == []


def test_a_text_is_made_of_code_and_details():
    message = write_message("more-records-decide", needed=[
        write_message("records-of-group-needed", group="malignant", more=900, now=100),
        write_message("records-of-group-needed", group="benign", more=3600, now=400),
    ])  # fmt: skip

    assert message.text == (
        "If the estimate stays, more records like these decide it: about 900 malignant (now 100) and 3,600 benign "
        "(now 400)."
    )
    assert message.details["needed"][0] == {
        "code": "records-of-group-needed",
        "details": {"group": "malignant", "more": 900, "now": 100},
    }


def test_the_cause_of_a_reason_is_found_by_its_code():
    cause = write_message("no-model-to-compare-with", model="retrained")

    assert write_message("not-measured", cause=cause).causes == (cause,)
    assert write_message("nothing-measured").causes == ()


def test_an_empty_list_reads_as_none_and_a_share_in_per_cent():
    assert write_message("no-cluster-column", column="patient_id", have=[]).text.endswith("has the columns: none")
    assert write_message("scores-too-coarse", share=0.125).text.startswith("12.5 % of the pairs")


def test_what_somebody_else_wrote_is_quoted_whatever_stands_in_it():
    assert quote_text("{0} {x!r} {").text == "{0} {x!r} {"
    assert find_reason(MeasurementError("no such scanner")) == quote_text("no such scanner")
    assert find_reason(MeasurementError(write_message("no-records"), hint="h")).code == "no-records"


@pytest.mark.parametrize("details", [{}, {"found": 1}])
def test_an_unknown_code_or_a_missing_detail_is_refused(details):
    with pytest.raises(KeyError):
        write_message("no-such-code", **details)
    with pytest.raises(KeyError):
        write_message("split-too-small", **details)


numbers = st.integers(1 - 2**53, 2**53 - 1) | st.floats(-1e15, 1e15)


@given(st.text(), numbers, numbers)
def test_a_message_that_is_read_back_is_the_same_and_gives_the_same_text(words, low, high):
    message = write_message("limits-out-of-order", low=low, high=high)
    again = Message.model_validate_json(to_canonical_json(message.model_dump(mode="json")))

    assert again == message
    assert compose_text(again.code, again.details) == message.text
    assert digest_of(json.loads(to_canonical_json(quote_text(words).model_dump(mode="json"))))
