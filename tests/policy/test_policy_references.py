"""`membership.references`: how many reference models, in pairs; absent means none and moves no digest."""

import pytest


@pytest.fixture
def write(small):
    """The small policy with reference models."""

    def _write(section):
        assert small.count("membership:\n") == 1
        return small.replace("membership:\n", f"membership:\n  references: {section}\n")

    return _write


def test_reference_models_are_asked_for_by_their_number(read, write):
    assert read(write("{models: 16}")).membership.references.models == 16


def test_absent_means_none_and_stands_in_no_digest(read, small, write):
    """A policy written before there were reference models has the digest that it had then."""
    policy = read(small)

    assert policy.membership.references is None
    assert "references" not in policy.model_dump(mode="json")["membership"]
    assert read(write("{models: 16}")).digest() != policy.digest()


@pytest.mark.parametrize(
    ("models", "hint"),
    [
        ("5", "did you mean 6?"),
        ("2", None),
        ("1000", None),
        ("0", None),
        ('"16"', "write it without quotes; did you mean 16?"),
    ],
)
def test_a_number_that_makes_no_pairs_or_no_sense_is_refused(write, refuse, models, hint):
    (problem,) = refuse(write(f"{{models: {models}}}"))

    assert problem.expected == "an even number of at least 4 and at most 512"
    assert hint is None or problem.hint == hint


def test_an_unknown_key_is_refused_with_the_nearest(write, refuse):
    problems = refuse(write("{model: 16}"))

    assert any("did you mean 'models'" in (problem.hint or "") for problem in problems)
