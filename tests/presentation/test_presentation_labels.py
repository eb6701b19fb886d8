"""Labels of figures: as much as there is room for, told apart, and readable where letters are set one by one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearn_audit.presentation.figures.drawing import count_columns, fit_label


def test_what_fits_stays_whole():
    assert fit_label("SalUn (audited)", 30, "unlearned") == "SalUn (audited)"


def test_the_role_goes_before_a_letter_does():
    assert fit_label("From scratch at cost (compared)", 24, "x") == "From scratch at cost"


def test_names_that_differ_at_their_end_stay_apart():
    first, second = (
        fit_label(f"From scratch at the cost of {name} (compared)", 27, "x") for name in ("SalUn-CRA", "Warm restart")
    )
    assert first != second
    assert first.endswith("SalUn-CRA")
    assert second.endswith("Warm restart")


@pytest.mark.parametrize("text", ["مصنف", "מסווג", "Model מסווג"])
def test_what_runs_from_right_to_left_is_named_otherwise(text):
    assert fit_label(text, 30, "unlearned") == "unlearned"


@given(st.text(min_size=0, max_size=80), st.integers(5, 40))
def test_no_label_is_wider_than_its_room(text, longest):
    assert count_columns(fit_label(text, longest, "instead")) <= max(longest, len("instead"))
