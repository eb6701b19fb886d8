"""Canonical JSON is RFC 8785 of NFC-normalised text: held against the library and the examples of the standard."""

import enum
import unicodedata

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from unlearn_audit.records.canonical import to_canonical_json

_TEXT = st.text(max_size=8)  # surrogates as well: both must refuse them
_NUMBERS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(1e-8, 1e-3),
    st.floats(1e14, 1e23),
    st.integers(-(2**54), 2**54),
    st.floats(-1, 1).map(lambda number: round(number, 6)),
)
_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), _NUMBERS, _TEXT),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(_TEXT, inner, max_size=4), st.tuples(inner, inner)
    ),
    max_leaves=12,
)


def normalise(value):
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    if isinstance(value, dict):
        return {normalise(key): normalise(item) for key, item in value.items()}
    return [normalise(item) for item in value] if isinstance(value, list | tuple) else value


def attempt(write, value):
    try:
        return write(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError):
        return "refused"


@settings(max_examples=400, deadline=None)
@given(_VALUES)
def test_it_is_the_librarys_canonical_form_of_the_normalised_value(value):
    assert attempt(to_canonical_json, value) == attempt(lambda given: rfc8785.dumps(normalise(given)), value)


@pytest.mark.parametrize(
    ("number", "written"),
    [(0.0, b"0"), (-0.0, b"0"), (1e21, b"1e+21"), (1e20, b"100000000000000000000"), (1e-6, b"0.000001"),
     (1e-7, b"1e-7"), (0.00001, b"0.00001"), (5e-324, b"5e-324"), (1.7976931348623157e308, b"1.7976931348623157e+308"),
     (333333333.33333329, b"333333333.3333333"), (4.5, b"4.5"), (2e-3, b"0.002"), (-1.0, b"-1"), (True, b"true")],
)  # fmt: skip
def test_numbers_are_written_as_ecmascript_writes_them(number, written):
    assert to_canonical_json(number) == written


def test_keys_are_sorted_by_utf_16_and_not_by_code_point():
    assert to_canonical_json({"\uff5e": 1, "\U0001f600": 2, "a": 3}) == '{"a":3,"\U0001f600":2,"\uff5e":1}'.encode()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 2**53, "\ud800", {"\ud800": 1}, {1: 2}])
def test_what_has_no_canonical_form_is_refused(value):
    with pytest.raises((rfc8785.CanonicalizationError, UnicodeEncodeError)):
        to_canonical_json(value)


def test_text_that_looks_the_same_is_the_same():
    assert to_canonical_json({"e\u0301": "e\u0301"}) == to_canonical_json({"\u00e9": "\u00e9"})


def test_words_of_enumerations_are_their_values():
    colour = enum.StrEnum("Colour", {"RED": "red"})

    assert to_canonical_json([colour.RED, {"a": colour.RED}]) == b'["red",{"a":"red"}]'
