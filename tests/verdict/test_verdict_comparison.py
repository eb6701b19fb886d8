"""Against the last release: only bounds that lie apart are a difference, and a lost pass is a regression."""

import pytest

from tests.support.pipeline_records import make_check, with_bounds, with_checks
from unlearn_audit.records import Limit, Outcome
from unlearn_audit.verdict.comparison import Change, compare_records

CEILING, FLOOR, MIDDLE = Limit(at_most=0.5), Limit(at_least=0.5), Limit(at_least=0.4, at_most=0.6)


def change_of(now, before):
    (change,) = compare_records(with_checks(now), with_checks(before)).changes
    return change


@pytest.mark.parametrize(
    ("limit", "before", "now", "expected"),
    [
        (CEILING, (0.2, 0.3), (0.31, 0.4), Change.WORSE),
        (CEILING, (0.2, 0.3), (0.1, 0.19), Change.BETTER),
        (CEILING, (0.2, 0.3), (0.29, 0.9), Change.SAME),
        (CEILING, (0.2, 0.3), (0.3, 0.4), Change.SAME),
        (FLOOR, (0.8, 0.9), (0.6, 0.7), Change.WORSE),
        (FLOOR, (0.8, 0.9), (0.91, 0.99), Change.BETTER),
        (MIDDLE, (0.48, 0.52), (0.58, 0.7), Change.WORSE),
        (MIDDLE, (0.48, 0.52), (0.3, 0.42), Change.WORSE),
        (MIDDLE, (0.7, 0.8), (0.45, 0.55), Change.BETTER),
        (MIDDLE, (0.58, 0.62), (0.38, 0.42), Change.SAME),
        (MIDDLE, (0.4, 0.6), (0.55, 0.7), Change.SAME),
    ],
)
def test_better_and_worse_need_bounds_apart_in_the_direction_of_the_tolerance(limit, before, now, expected):
    assert change_of(with_bounds(*now, limit), with_bounds(*before, limit)).change is expected


def test_both_bounds_are_kept():
    change = change_of(with_bounds(0.3, 0.4, CEILING), with_bounds(0.1, 0.2, CEILING))

    assert [(b.low, b.high) for b in (change.before, change.after)] == [(0.1, 0.2), (0.3, 0.4)]


@pytest.mark.parametrize("outcome", [Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.NOT_RUN])
def test_from_pass_to_anything_else_is_a_regression_even_where_the_bounds_overlap(outcome):
    change = change_of(with_bounds(0.2, 0.51, CEILING, outcome), with_bounds(0.2, 0.49, CEILING))

    assert change.is_regression
    assert change.change is Change.SAME


@pytest.mark.parametrize("outcome", [Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.NOT_RUN])
def test_what_did_not_pass_before_is_no_regression(outcome):
    assert not change_of(make_check(Outcome.FAIL, id="a"), make_check(outcome, id="a")).is_regression


def test_a_passed_check_that_the_policy_no_longer_has_is_a_regression():
    before = with_checks(make_check(Outcome.PASS, id="kept"), make_check(Outcome.PASS, id="dropped"))
    comparison = compare_records(with_checks(make_check(Outcome.PASS, id="kept")), before)

    assert [(change.id, change.change) for change in comparison.regressions] == [("dropped", Change.GONE)]


def test_a_new_check_is_new_and_no_regression():
    change = compare_records(
        with_checks(make_check(Outcome.FAIL, id="a")), with_checks(make_check(Outcome.PASS, id="b"))
    ).changes[0]

    assert (change.change, change.is_regression) == (Change.NEW, False)


@pytest.mark.parametrize(
    "changed", [{"metric": "auroc"}, {"against": "retrained"}, {"among": "positive"}, {"at": "argmax"}]
)
def test_the_same_id_on_another_measurement_is_not_compared(changed):
    change = change_of(with_bounds(0.8, 0.9, CEILING), with_bounds(0.1, 0.2, CEILING, **changed))

    assert change.change is Change.UNKNOWN
    assert change.notes == ("the check of this id measured something else",)


def test_a_ceiling_that_became_a_floor_is_not_compared():
    assert change_of(with_bounds(0.8, 0.9, FLOOR), with_bounds(0.1, 0.2, CEILING)).change is Change.UNKNOWN


def test_without_bounds_nothing_is_claimed():
    change = change_of(make_check(Outcome.NOT_RUN, id="one"), with_bounds(0.1, 0.2, make_check(Outcome.FAIL).limit))

    assert change.change is Change.UNKNOWN
    assert change.is_regression
    assert change.notes == ("without bounds now",)


def test_a_loosened_tolerance_and_a_dropped_requirement_are_said():
    before = with_bounds(0.1, 0.2, Limit(at_most=0.3))
    change = change_of(with_bounds(0.1, 0.2, CEILING, required=False), before)

    assert change.notes == ("the tolerance was \u2264 0.3", "it is no longer required")


def test_what_else_differs_is_said():
    record = with_checks(make_check(Outcome.PASS))
    data = record.provenance.data.model_copy(update={"sha256": "f" * 64, "name": "Other"})
    other = record.model_copy(
        update={
            "policy_sha256": "0" * 64,
            "evidence_sha256": "0" * 64,
            "provenance": record.provenance.model_copy(update={"data": data, "seed": 2}),
        }
    )
    notes = " ".join(compare_records(record, other).notes)

    assert "The policy differs" in notes
    assert "The data differs: 'Other' then, 'DermaMNIST' now." in notes
    assert "The seeds differ" in notes
    assert "same evidence" not in notes


def test_that_the_baselines_signature_was_not_checked_is_always_said():
    record = with_checks(make_check(Outcome.PASS))

    assert "its signature was not checked" in compare_records(record, record).notes[0]
