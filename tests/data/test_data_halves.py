"""Halves of the candidates: complementary, stratified, the same whatever else is asked for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearn_audit.data import draw_halves
from unlearn_audit.errors import CaseError


def make_split(retain=30, forget=20, test=40, classes=2, validation=5):
    sizes = {"retain": retain, "forget": forget, "validation": validation, "test": test}
    split = np.repeat(list(sizes), list(sizes.values()))
    return split, np.random.default_rng(1).integers(0, classes, len(split))


layouts = st.tuples(
    st.integers(1, 40), st.integers(1, 40), st.integers(2, 5), st.sampled_from([2, 4, 6, 16]), st.integers(0, 9)
)


@given(layouts)
def test_every_candidate_is_trained_on_by_half_of_the_models_and_every_retained_record_by_all(layout):
    forget, test, classes, models, seed = layout
    split, label = make_split(forget=forget, test=test, classes=classes)

    halves = draw_halves(split, label, models, seed)

    seen = halves.trained_on.sum(axis=0)
    assert (seen[halves.candidates] == models // 2).all()
    assert (seen[split == "retain"] == models).all()
    assert not seen[~halves.candidates & (split != "retain")].any()
    assert (halves.trained_on[::2] ^ halves.trained_on[1::2])[:, halves.candidates].all()


@given(layouts)
def test_halves_are_stratified_and_of_equal_size(layout):
    """Within each split and class the two halves differ by at most one record, and so they do in all."""
    forget, test, classes, models, seed = layout
    split, label = make_split(forget=forget, test=test, classes=classes)

    own = draw_halves(split, label, models, seed).own

    for first, second in zip(own[::2], own[1::2], strict=True):
        assert abs(int(first.sum()) - int(second.sum())) <= 1
        for name in ("forget", "test"):
            for c in range(classes):
                stratum = (split == name) & (label == c)
                assert abs(int(first[stratum].sum()) - int(second[stratum].sum())) <= 1
    assert own.any(axis=1).all()


@given(layouts)
def test_controls_are_as_many_as_are_forgotten_or_all_of_test(layout):
    forget, test, classes, models, seed = layout
    split, label = make_split(forget=forget, test=test, classes=classes)

    candidates = draw_halves(split, label, models, seed).candidates

    assert candidates[split == "forget"].all()
    assert candidates[split == "test"].sum() == min(forget, test)
    assert not candidates[np.isin(split, ["retain", "validation"])].any()


def test_controls_have_the_classes_of_the_forgotten_where_test_has_enough():
    split, label = make_split(forget=20, test=200)
    label[split == "forget"] = np.arange(20) < 15

    candidates = draw_halves(split, label, 4, 0).candidates

    assert label[candidates & (split == "test")].sum() == 15


def test_more_models_extend_a_smaller_ensemble():
    split, label = make_split()

    assert (draw_halves(split, label, 8, 3).trained_on[:4] == draw_halves(split, label, 4, 3).trained_on).all()


def test_another_seed_draws_other_halves_and_other_controls():
    split, label = make_split()
    first, second = draw_halves(split, label, 4, 3), draw_halves(split, label, 4, 4)

    assert (first.candidates != second.candidates).any()
    assert (first.own != second.own).any()


def test_pairs_differ_from_one_another():
    split, label = make_split()
    own = draw_halves(split, label, 16, 3).own

    assert len(np.unique(own, axis=0)) == 16


@pytest.mark.parametrize("models", [0, 1, 5])
def test_models_that_are_no_pairs_are_refused(models):
    with pytest.raises(CaseError, match=f"in pairs, found {models}"):
        draw_halves(*make_split(), models, 0)


def test_a_lone_candidate_cannot_be_shared():
    with pytest.raises(CaseError, match="at least two candidates") as caught:
        draw_halves(*make_split(forget=1, test=0), 4, 0)

    assert "--references 0" in caught.value.hint
