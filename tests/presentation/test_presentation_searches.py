"""The account of a search stands in the report: every setting, why it does not hold, and which was chosen."""

import pytest

from tests.support.record_factory import make_estimate, make_provenance, make_record
from unlearn_audit.formats.html import render_html
from unlearn_audit.presentation.sections.grid import Mark
from unlearn_audit.presentation.sections.index import Index
from unlearn_audit.presentation.sections.searches import present_searches
from unlearn_audit.presentation.wording import NONE
from unlearn_audit.records import (
    HyperparameterSearch,
    Outcome,
    PairsOfConfiguration,
    TriedConfiguration,
    Unit,
    quote_text,
    write_message,
)


def make_search(chosen):
    return HyperparameterSearch(
        method="salun-cra",
        tried=(
            TriedConfiguration(
                parameters={"epochs": 1, "keep": 0.5, "form": "entropy"},
                seconds=3.0,
                risk=make_estimate(0.31, Unit.COST_PER_CASE),
                forgetting=make_estimate(0.55, Unit.AUC),
                holds=True,
                reason=write_message("all-pass-on-validation", n=3),
            ),
            TriedConfiguration(
                parameters={"epochs": 2, "keep": 0.5, "form": "entropy"},
                holds=False,
                reason=write_message("not-made", error="training diverged <b>here</b>"),
            ),
        ),
        chosen=chosen,
        reason=quote_text("Of 2 settings 1 hold on validation." if chosen is not None else "None of 2 settings holds."),
    )


@pytest.fixture
def record():
    return make_record(provenance=make_provenance().model_copy(update={"searches": (make_search(0),)}))


def test_every_setting_has_a_row_and_the_chosen_one_is_marked(record):
    (grid,) = present_searches(Index(record))

    assert [row[0].text for row in grid.rows] == ["1", "2"]
    assert [row[0].below for row in grid.rows] == ["chosen", None]
    assert [row[1].text for row in grid.rows] == ["epochs = 1", "epochs = 2"]
    assert grid.notes == ("Of 2 settings 1 hold on validation.", "The same in all: form = entropy, keep = 0.5.")


def test_a_setting_that_failed_says_why_and_shows_no_number(record):
    failed = present_searches(Index(record))[0].rows[1]

    assert failed[-1].below == "Not made: training diverged <b>here</b>."
    assert [cell.text for cell in failed[2:5]] == [NONE] * 3


def test_the_page_shows_the_search_escaped(record):
    page = render_html(record)

    assert "Settings of salun-cra that were tried" in page
    assert "diverged &lt;b&gt;here&lt;/b&gt;" in page


def record_of_pairs(*outcomes):
    """A record of a search whose settings were asked over pairs with these outcomes and reasons; None for not asked."""
    search = make_search(None)
    pairs = [None if one is None else PairsOfConfiguration(outcome=one[0], reason=one[1]) for one in outcomes]
    tried = tuple(s.model_copy(update={"pairs": one}) for s, one in zip(search.tried, pairs, strict=True))
    searches = (search.model_copy(update={"tried": tried}),)
    return make_record(provenance=make_provenance().model_copy(update={"searches": searches}))


def test_what_reference_models_say_stands_beside_a_setting_and_why_below():
    because = write_message("not-made", error="reference model 3: training diverged")
    (grid,) = present_searches(Index(record_of_pairs((Outcome.NOT_RUN, because), None)))

    assert grid.heads[-1] == "Over pairs of reference models"
    first, second = (row[-1] for row in grid.rows)
    assert isinstance(first, Mark)
    assert first.word == "not run"
    assert second.text == "not asked"
    assert grid.notes[1] == "Setting 1: Not made: reference model 3: training diverged."


def test_that_nobody_looked_is_said_once_for_all_settings():
    because = write_message("pairs-not-asked", cause=write_message("no-reference-models-in-evidence"))
    record = record_of_pairs((Outcome.NOT_RUN, because), (Outcome.NOT_RUN, because))
    (grid,) = present_searches(Index(record))

    assert [row[-1].word for row in grid.rows] == ["not run", "not run"]
    assert len(grid.notes) == 2
    assert "Over pairs of reference models" in render_html(record)


def test_without_checks_over_pairs_there_is_no_column_for_them(record):
    assert "Over pairs of reference models" not in present_searches(Index(record))[0].heads


def test_without_a_search_there_is_no_table():
    assert present_searches(Index(make_record())) == ()
