import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearn_audit.presentation.wording import (
    clip,
    format_apart,
    format_limit,
    format_number,
    format_parameters,
    format_percent,
    format_seconds,
    group_digits,
)
from unlearn_audit.records import Limit, Unit


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.5, "0.500"),
        (0.0512, "0.0512"),
        (1.2345, "1.23"),
        (123.45, "123"),
        (-0.0123, "\u22120.0123"),
        (0, "0"),
        (1.0, "1.00"),
    ],
)
def test_numbers_have_three_significant_digits(value, shown):
    assert shown == format_number(value)


def test_counts_are_whole_and_grouped():
    assert format_number(12005, Unit.COUNT) == "12\u2009005"


def test_a_small_number_is_never_printed_as_zero():
    assert format_number(4e-7) == "<0.00001"
    assert format_number(-4e-7) == ">\u22120.00001"


def test_digits_are_added_until_the_side_of_the_tolerance_shows():
    assert format_apart(0.02004, (0.02, None)) == "0.02004"
    assert format_apart(0.02, (0.02, None)) == "0.0200"


@given(st.floats(1e-6, 1e6), st.sampled_from([0.02, 0.5, 1.0, 10.0]))
def test_a_value_beyond_its_tolerance_is_never_shown_as_equal_to_it(value, limit):
    if value != limit:
        assert format_apart(value, (limit,)) != format_number(limit)


@given(st.floats(-1e9, 1e9))
def test_any_number_is_printed_without_exponent(value):
    assert "e" not in format_number(value)


def test_a_tolerance_is_printed_as_the_policy_says_it():
    assert format_limit(Limit(at_most=0.05)) == "\u2264\xa00.05"
    assert format_limit(Limit(at_least=-0.1, at_most=0.1)) == "\u22120.1 to 0.1"


def test_seconds_are_said_in_the_unit_a_person_would_use():
    assert [format_seconds(s) for s in (9.5, 84, 180, 7200, None)] == [
        "9.5\u202fs",
        "84\u202fs",
        "3.0\u202fmin",
        "2.0\u202fh",
        "\u2014",
    ]


def test_shares_parameters_digests_and_long_texts_are_readable():
    assert [format_percent(0.2), format_percent(0.125)] == ["20\u202f%", "12.5\u202f%"]
    assert format_parameters({"b": [1, {"c": "x"}], "a": 0.5}) == "a = 0.5, b = [1, {c = x}]"
    assert format_parameters({}) == "\u2014"
    assert group_digits("abcdef", 4) == "abcd ef"
    assert clip("abcdefgh", 4) == "abc\u2026"
