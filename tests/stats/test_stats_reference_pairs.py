"""Complementary pairs found from the masks, D from phi, persons; and every design that is refused by name."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.reference_scores import draw_halves, plant
from unlearn_audit.errors import MeasurementError
from unlearn_audit.stats import (
    PairedDifferences,
    adjust_benjamini_hochberg,
    bound_logit,
    find_pairs,
)
from unlearn_audit.stats.sign_flips import SignFlips

SEEDS = st.integers(0, 2**32 - 1)


# --- pairs


def test_models_side_by_side_are_paired():
    trained_on = draw_halves(12, 30, np.random.default_rng(0))

    assert find_pairs(trained_on).tolist() == [[k, k + 1] for k in range(0, 12, 2)]


@settings(deadline=None, max_examples=25)
@given(SEEDS)
def test_pairs_are_found_in_whatever_order_the_models_stand(seed):
    rng = np.random.default_rng(seed)
    trained_on = draw_halves(12, 30, rng)
    order = rng.permutation(12)

    found = find_pairs(trained_on[order])

    assert {frozenset(order[pair]) for pair in found} == {frozenset((k, k + 1)) for k in range(0, 12, 2)}
    assert (trained_on[order][found[:, 0]] != trained_on[order][found[:, 1]]).all()


def test_several_models_on_the_same_half_are_each_paired_once():
    half = np.array([True, False, True])
    trained_on = np.stack([half, half, ~half, ~half] * 3)

    found = find_pairs(trained_on)

    assert sorted(found.ravel()) == list(range(12))
    assert (trained_on[found[:, 0]] != trained_on[found[:, 1]]).all()


def test_one_record_is_enough_for_pairs():
    trained_on = np.array([True, False] * 6)[:, None]

    assert find_pairs(trained_on).tolist() == [[k, k + 1] for k in range(0, 12, 2)]


def test_references_without_pairs_are_refused_with_the_numbers_of_the_models():
    trained_on = draw_halves(12, 30, np.random.default_rng(1))
    trained_on[3, 0] ^= True

    with pytest.raises(MeasurementError, match=r"found 2 of 12 without a partner \(numbers 2, 3\)"):
        find_pairs(trained_on)


@pytest.mark.parametrize(("value", "which"), [(True, "every"), (False, "no")])
def test_records_that_all_models_saw_or_none_are_refused(value, which):
    trained_on = draw_halves(12, 30, np.random.default_rng(2))
    trained_on[:, 4] = value

    with pytest.raises(MeasurementError, match=f"found 1 of 30 that {which} reference model was trained on"):
        find_pairs(trained_on)


def test_too_few_pairs_are_refused_with_the_smallest_p_that_they_could_give():
    with pytest.raises(MeasurementError, match=r"at least 6 pairs of reference models \(12 models\), found 5") as found:
        find_pairs(draw_halves(10, 30, np.random.default_rng(3)))

    assert "below 1/16" in found.value.hint


def test_no_record_and_masks_that_are_none_are_refused():
    with pytest.raises(MeasurementError, match="at least one record in the audit set"):
        find_pairs(np.zeros((12, 0), dtype=bool))
    with pytest.raises(MeasurementError, match="boolean array"):
        find_pairs(np.zeros((12, 3)))


# --- differences


@settings(deadline=None, max_examples=25)
@given(SEEDS)
def test_differences_agree_with_a_loop_over_models(seed):
    rng = np.random.default_rng(seed)
    planted = plant(rng, models=12, records=10, left=1.0)
    order = rng.permutation(12)
    phi, trained_on = 30 * planted.references[order], planted.trained_on[order]

    found = PairedDifferences.of(phi, trained_on)

    for p, (a, b) in enumerate(find_pairs(trained_on)):
        for i in range(10):
            inside, outside = (a, b) if trained_on[a, i] else (b, a)
            expected = np.clip(phi[inside, i], -60, 60) - np.clip(phi[outside, i], -60, 60)
            assert found.values[i, p] == expected
            assert found.first_in[i, p] == trained_on[a, i]


def test_answers_beyond_the_bound_are_ties():
    trained_on = np.array([[True, False], [False, True]] * 6)
    phi = np.array([[149.0, -80.0], [61.0, -300.0]] * 6)

    found = PairedDifferences.of(phi, trained_on)

    assert found.values.tolist() == [[0.0] * 6] * 2
    assert found.ties == 1


def test_log_probabilities_held_at_minus_sixty_give_the_bounded_logit_of_two_classes():
    phi = np.linspace(-150, 150, 301)
    own, other = -np.logaddexp(0, -phi), -np.logaddexp(0, phi)

    held = np.maximum(own, -60) - np.maximum(other, -60)

    assert bound_logit(phi) == pytest.approx(held, abs=1e-12)


def test_phi_that_is_not_finite_or_of_another_shape_is_refused():
    trained_on = draw_halves(12, 4, np.random.default_rng(4))
    with pytest.raises(MeasurementError, match="finite log-odds, found 1 of 48"):
        PairedDifferences.of(np.where(np.arange(48).reshape(12, 4) == 7, np.nan, 0.0), trained_on)
    with pytest.raises(MeasurementError, match="phi of shape"):
        PairedDifferences.of(np.zeros((12, 5)), trained_on)


# --- groups and persons


def test_a_group_holds_its_own_records_and_may_not_be_empty():
    planted = plant(np.random.default_rng(5), models=12, records=6)
    differences = PairedDifferences.of(planted.references, planted.trained_on)
    mask = np.array([False, True, False, True, False, False])

    assert differences.select(mask).values.tolist() == differences.values[[1, 3]].tolist()
    with pytest.raises(MeasurementError, match="at least one record in the group"):
        differences.select(np.zeros(6, dtype=bool))
    with pytest.raises(MeasurementError, match="a boolean for each of 6 records"):
        differences.select(mask[:5])


def test_a_person_gets_the_mean_over_the_records():
    first = np.array([[True] * 6, [True] * 6, [False] * 6])
    values = np.array([[1.0] * 6, [4.0] * 6, [-2.0] * 6])

    found, names = PairedDifferences(values, first).average_by_person(np.array(["b", "b", "a"]))

    assert names.tolist() == ["a", "b"]
    assert found.values.tolist() == [[-2.0] * 6, [2.5] * 6]
    assert found.first_in.tolist() == [[False] * 6, [True] * 6]


def test_a_person_on_both_sides_of_a_pair_is_refused():
    first = np.array([[True] * 6, [True] * 5 + [False], [False] * 6])

    with pytest.raises(MeasurementError, match="found 1 of 2 persons on both"):
        PairedDifferences(np.zeros((3, 6)), first).average_by_person(np.array(["b", "b", "a"]))


# --- signs


def test_up_to_twelve_pairs_every_sign_vector_is_taken_once():
    flips = SignFlips.of(6, draws=99, rng=np.random.default_rng(0))

    assert flips.exact
    assert len(np.unique(flips.signs, axis=0)) == 64
    assert flips.signs[0].tolist() == [1.0] * 6
    assert flips.smallest == 1 / 32


def test_beyond_twelve_pairs_they_are_drawn_and_the_identity_counts():
    flips = SignFlips.of(13, draws=199, rng=np.random.default_rng(0))

    assert not flips.exact
    assert flips.signs.shape == (200, 13)
    assert flips.signs[0].tolist() == [1.0] * 13
    assert flips.test_mean(np.ones(13)).two_sided >= 1 / 200


def test_the_p_value_of_a_mean_agrees_with_counting_by_hand():
    by_pair = np.array([3.0, 1.0, 1.0, 1.0, 1.0, -1.0])  # sums of 6 or more: all up, or one of the ones down: 1 + 5

    found = SignFlips.of(6, draws=99, rng=np.random.default_rng(0)).test_mean(by_pair)

    assert found.above == 6 / 64
    assert found.two_sided == 12 / 64


@settings(deadline=None, max_examples=25)
@given(SEEDS)
def test_drawn_and_enumerated_p_values_agree(seed):
    rng = np.random.default_rng(seed)
    by_pair = rng.normal(0.3, 1, 10)
    exact = SignFlips.of(10, draws=99, rng=rng).test_mean(by_pair)
    drawn = SignFlips.draw(10, 4_999, rng).test_mean(by_pair)

    assert drawn.two_sided == pytest.approx(exact.two_sided, abs=0.04)
    assert drawn.above == pytest.approx(exact.above, abs=0.04)


def test_too_few_draws_and_no_pair_are_refused():
    with pytest.raises(MeasurementError, match="at least 99 drawn sign vectors"):
        SignFlips.of(20, draws=98, rng=np.random.default_rng(0))
    with pytest.raises(MeasurementError, match="at least one pair"):
        SignFlips.of(0, draws=99, rng=np.random.default_rng(0))


# --- Benjamini-Hochberg


@settings(deadline=None, max_examples=50)
@given(SEEDS, st.floats(0.01, 0.3))
def test_benjamini_hochberg_lists_what_the_step_up_rule_lists(seed, q):
    rng = np.random.default_rng(seed)
    p = rng.integers(1, 40, size=rng.integers(1, 30)) / 200

    rising = np.sort(p)
    passing = [i for i in range(len(p)) if rising[i] <= (i + 1) * q / len(p) + 1e-12]
    expected = p <= rising[passing[-1]] if passing else np.zeros(len(p), dtype=bool)

    assert (adjust_benjamini_hochberg(p) <= q + 1e-12).tolist() == expected.tolist()


def test_benjamini_hochberg_agrees_with_scipy():
    from scipy.stats import false_discovery_control

    p = np.random.default_rng(0).random(100) ** 2

    assert adjust_benjamini_hochberg(p) == pytest.approx(false_discovery_control(p))


def test_what_is_no_list_of_p_values_is_refused():
    for wrong in (np.array([]), np.array([0.5, 1.5]), np.array([np.nan]), np.ones((2, 2))):
        with pytest.raises(MeasurementError, match="p-values"):
            adjust_benjamini_hochberg(wrong)
