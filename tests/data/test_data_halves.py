"""Halves of the candidates: complementary, stratified, the same whatever else is asked for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearn_audit.data import draw_halves
from unlearn_audit.errors import CaseError
from unlearn_audit.stats import compute_auc, score_lira


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
def test_all_test_records_are_controls(layout):
    """With 60 to forget and 200 to test, 60 controls leave a bound of U-LiRA's AUC a third further off than 200 do."""
    forget, test, classes, models, seed = layout
    split, label = make_split(forget=forget, test=test, classes=classes)

    candidates = draw_halves(split, label, models, seed).candidates

    assert (candidates == np.isin(split, ["forget", "test"])).all()


@given(layouts, st.integers(2, 12))
def test_the_records_of_a_cluster_are_on_one_side_and_the_sides_stay_even(layout, patients):
    forget, test, classes, models, seed = layout
    split, label = make_split(forget=forget, test=test, classes=classes)
    numbers = np.random.default_rng(seed).integers(0, patients, len(split))
    clusters = np.where(numbers == 0, "", np.char.add(split, numbers.astype(str)))
    drawn = draw_halves(split, label, models, seed, clusters)
    known = drawn.candidates & (clusters != "")
    sizes = [int((drawn.candidates & (clusters == name)).sum()) for name in np.unique(clusters[known])] or [1]

    assert (drawn.trained_on.sum(axis=0)[drawn.candidates] == models // 2).all()
    for first, second in zip(drawn.own[::2], drawn.own[1::2], strict=True):
        for name in np.unique(clusters[known]):
            assert len(np.unique(first[known & (clusters == name)])) == 1
        assert abs(int(first.sum()) - int(second.sum())) <= max(sizes) * 2 * classes


def test_records_of_unknown_cluster_are_clusters_of_their_own():
    split, label = make_split(forget=40, test=60)
    own = draw_halves(split, label, 2, 0, np.full(len(split), "")).own

    assert own[0][split == "forget"].sum() == 20


def test_one_cluster_of_candidates_cannot_be_shared():
    split, label = make_split()
    with pytest.raises(CaseError, match="at least two clusters of candidates"):
        draw_halves(split, label, 4, 0, np.full(len(split), "one"))


def test_halves_that_divide_patients_hide_what_a_model_remembers():
    """A model that unlearned nothing, of patients with eight near-copies each: what it learned of one it knows of all.

    Where the halves divide patients, models that never trained on a record trained on its copies: OUT looks like IN.
    """
    split, label = make_split(retain=0, forget=160, test=160, validation=0)
    patients = (np.arange(320) // 8).astype(str)
    rng = np.random.default_rng(5)

    def attack(clusters):
        trained_on = draw_halves(split, label, 16, 1, clusters).trained_on
        known = np.stack(
            [np.bincount(patients.astype(int), weights=row)[patients.astype(int)] > 0 for row in trained_on]
        )
        mean = rng.normal(2, 1, 320)
        references = mean + 2.0 * known + rng.normal(size=(16, 320))
        target = mean + 2.0 * (split == "forget") + rng.normal(size=320)
        scores = score_lira(target, references, trained_on)
        return compute_auc(scores[split == "forget"], scores[split == "test"])

    assert attack(patients) > 0.85
    assert attack(None) < 0.75


def test_more_models_extend_a_smaller_ensemble():
    split, label = make_split()

    assert (draw_halves(split, label, 8, 3).trained_on[:4] == draw_halves(split, label, 4, 3).trained_on).all()


def test_another_seed_draws_other_halves():
    split, label = make_split()
    first, second = draw_halves(split, label, 4, 3), draw_halves(split, label, 4, 4)

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
