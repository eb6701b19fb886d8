"""AUC, its change, ROC points: closed forms, naive twins, properties, coverage."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr
from sklearn.metrics import roc_auc_score, roc_curve

from tests.support.covering import assert_covers, count_hits
from unlearn_audit.errors import MeasurementError
from unlearn_audit.stats import (
    compute_auc,
    compute_delong_variance,
    compute_midranks,
    compute_roc,
    estimate_advantage,
    estimate_auc,
    estimate_auc_change,
    estimate_fnr_at_fpr,
    estimate_tpr_at_fpr,
)
from unlearn_audit.stats.auc import extend, place

SCORES = st.lists(st.integers(-4, 4).map(float), min_size=2, max_size=25).map(np.array)


def twin_auc(members, nonmembers):
    return np.mean([[(x > y) + 0.5 * (x == y) for y in nonmembers] for x in members])


def twin_variance(members, nonmembers):
    wins = np.array([[(x > y) + 0.5 * (x == y) for y in nonmembers] for x in members])
    return wins.mean(axis=1).var(ddof=1) / len(members) + wins.mean(axis=0).var(ddof=1) / len(nonmembers)


# --- AUC


def test_midranks_share_the_mean_of_their_places():
    assert compute_midranks(np.array([0.0, 7.0, 7.0, 7.0, 9.0])).tolist() == [1.0, 3.0, 3.0, 3.0, 5.0]


@given(SCORES, SCORES)
def test_auc_agrees_with_counting_pairs_and_with_scikit_learn(members, nonmembers):
    labels = np.repeat([1, 0], [len(members), len(nonmembers)])

    assert twin_auc(members, nonmembers) == pytest.approx(compute_auc(members, nonmembers))
    assert roc_auc_score(labels, np.concatenate([members, nonmembers])) == pytest.approx(
        compute_auc(members, nonmembers)
    )


@given(SCORES, SCORES)
def test_delong_variance_agrees_with_its_definition(members, nonmembers):
    assert twin_variance(members, nonmembers) == pytest.approx(compute_delong_variance(members, nonmembers), abs=1e-12)


def test_normal_scores_have_the_auc_that_theory_says():
    rng = np.random.default_rng(0)
    found = compute_auc(rng.normal(1.0, 1.0, 200_000), rng.normal(0.0, 1.0, 200_000))

    assert ndtr(1 / np.sqrt(2)) == pytest.approx(found, abs=0.003)


@pytest.mark.parametrize(("n", "half_width"), [(50, 0.114), (100, 0.080), (500, 0.036), (1_000, 0.025)])
def test_the_half_width_at_chance_is_as_known(n, half_width):
    rng = np.random.default_rng(1)
    widths = []
    for _ in range(20):
        found = estimate_auc(rng.random(n), rng.random(n), confidence=0.95).interval
        widths.append((found.high - found.low) / 2)

    assert half_width == pytest.approx(np.mean(widths), rel=0.04)


@given(SCORES, SCORES, st.sampled_from([0.5, 0.8, 0.95, 0.999]))
@settings(deadline=None)
def test_an_auc_estimate_mirrors_and_contains_its_value(members, nonmembers, confidence):
    if np.ptp(np.concatenate([members, nonmembers])) == 0:
        return
    found = estimate_auc(members, nonmembers, confidence=confidence)
    exchanged = estimate_auc(nonmembers, members, confidence=confidence)
    reversed_ = estimate_auc(-members, -nonmembers, confidence=confidence)

    assert 0 <= found.bounds.low <= found.value <= found.bounds.high <= 1
    assert 0 <= found.interval.low <= found.value <= found.interval.high <= 1
    assert found.bounds.low < found.bounds.high
    for mirrored in (exchanged, reversed_):
        assert 1 - found.value == pytest.approx(mirrored.value)
        assert 1 - found.bounds.high == pytest.approx(mirrored.bounds.low, abs=1e-9)
        assert 1 - found.interval.high == pytest.approx(mirrored.interval.low, abs=1e-9)


@given(st.permutations(range(12)))
def test_the_order_of_records_does_not_matter_to_an_auc(order):
    members, nonmembers = np.random.default_rng(0).normal(size=(2, 12))
    found, shuffled = (
        estimate_auc(members, nonmembers, confidence=0.9),
        estimate_auc(members[list(order)], nonmembers, confidence=0.9),
    )

    assert found.bounds.low == pytest.approx(shuffled.bounds.low, abs=1e-12)
    assert found.value == pytest.approx(shuffled.value, abs=1e-12)


def test_a_rising_transform_of_the_scores_changes_nothing():
    members, nonmembers = np.random.default_rng(0).normal(size=(2, 30))

    assert estimate_auc(members, nonmembers, confidence=0.9) == estimate_auc(
        np.exp(members), np.exp(nonmembers), confidence=0.9
    )


@pytest.mark.parametrize("size", [3, 20, 100])
def test_perfect_separation_is_not_certainty(size):
    members, nonmembers = np.arange(size) + 1_000.0, np.arange(size) * 1.0
    found = estimate_auc(members, nonmembers, confidence=0.95)

    assert compute_delong_variance(members, nonmembers) == 0.0
    assert (found.value, found.bounds.high) == (1.0, 1.0)
    # P(all separated) <= auc ** min(m, n), so nothing above this would be a valid lower bound
    assert found.bounds.low <= 0.05 ** (1 / size)
    assert found.interval.low < 1.0
    assert "worst-case" in found.interval.method.text


def test_constant_scores_have_an_auc_and_no_inference():
    members, nonmembers = np.full(9, 0.3), np.full(7, 0.3)

    assert compute_auc(members, nonmembers) == 0.5
    with pytest.raises(MeasurementError, match="no attack can be run on constant scores"):
        estimate_auc(members, nonmembers, confidence=0.95)


def test_constant_groups_apart_are_separated_not_constant():
    assert estimate_auc(np.full(9, 1.0), np.full(7, 0.0), confidence=0.95).value == 1.0


@pytest.mark.parametrize(
    ("members", "nonmembers", "message"),
    [
        (np.array([]), np.ones(3), "'members': expected a non-empty column"),
        (np.array([1.0, np.nan]), np.ones(3), "'members': expected finite numbers, found 1 of 2"),
        (np.ones(3), np.array([np.inf, -np.inf]), "'nonmembers': expected finite numbers, found 2 of 2"),
        (np.array([2.0]), np.array([0.0, 1.0]), "at least two independent records in each group, found 1"),
    ],
)
def test_scores_that_define_no_auc_are_refused(members, nonmembers, message):
    with pytest.raises(MeasurementError, match=message):
        estimate_auc(members, nonmembers, confidence=0.95)


def test_one_cluster_on_a_side_is_refused():
    with pytest.raises(MeasurementError, match="two independent records in each group, found 1"):
        estimate_auc(
            np.arange(5.0), np.arange(5.0), confidence=0.95, clusters=(np.zeros(5, dtype=int), np.arange(1, 6))
        )


def test_clusters_of_one_record_give_delongs_variance():
    members, nonmembers = np.random.default_rng(0).normal(size=(2, 30))
    alone = compute_delong_variance(members, nonmembers, clusters=(np.arange(30), np.arange(30, 60)))

    assert twin_variance(members, nonmembers) == pytest.approx(alone)


def test_copies_of_every_record_leave_the_variance_as_it_was():
    members, nonmembers = np.random.default_rng(0).normal(size=(2, 30))
    names = np.repeat(np.arange(60), 3)
    copied = compute_delong_variance(np.repeat(members, 3), np.repeat(nonmembers, 3), clusters=(names[:90], names[90:]))

    assert compute_delong_variance(members, nonmembers) == pytest.approx(copied, rel=1e-9)


def test_a_patient_on_both_sides_is_one_cluster():
    members = np.random.default_rng(0).normal(size=40)
    own, shared = (np.arange(40), np.arange(40, 80)), (np.arange(40), np.arange(40))

    # member and non-member images of one patient rise and fall together, so their difference varies less
    assert compute_delong_variance(members, members - 0.1, clusters=shared) < compute_delong_variance(
        members, members - 0.1, clusters=own
    )


@given(SCORES, SCORES, st.integers(0, 3), st.integers(0, 3), st.booleans())
def test_adding_a_record_beyond_the_scores_is_placing_it(members, nonmembers, ours, theirs, favourable):
    member, nonmember = (9.0, -9.0) if favourable else (-9.0, 9.0)
    # one group at a time, as the bounds do
    for own, other in ((ours, 0), (0, theirs)):
        expected = place(np.append(members, [member] * own), np.append(nonmembers, [nonmember] * other))
        found = extend(*place(members, nonmembers), own, other, favourable=favourable)

        assert [column.tolist() for column in expected] == [pytest.approx(column.tolist()) for column in found]


# --- change


def test_a_change_of_auc_is_the_difference_and_mirrors():
    rng = np.random.default_rng(0)
    before, after = (rng.normal(1, 1, 40), rng.normal(0, 1, 60)), (rng.normal(0.2, 1, 40), rng.normal(0, 1, 60))
    there, back = (estimate_auc_change(*pair, confidence=0.95) for pair in ((before, after), (after, before)))

    assert compute_auc(*after) - compute_auc(*before) == pytest.approx(there.value)
    assert -there.bounds.low == pytest.approx(back.bounds.high)
    assert -there.interval.low == pytest.approx(back.interval.high)
    assert there.bounds.low < there.value < there.bounds.high


def test_the_paired_variance_agrees_with_its_definition():
    rng = np.random.default_rng(0)
    first, second = (rng.normal(size=20), rng.normal(size=25)), (rng.normal(size=20), rng.normal(size=25))
    wins = [np.array([[(x > y) * 1.0 for y in pair[1]] for x in pair[0]]) for pair in (first, second)]
    difference = wins[1] - wins[0]
    expected = difference.mean(axis=1).var(ddof=1) / 20 + difference.mean(axis=0).var(ddof=1) / 25
    found = estimate_auc_change(first, second, confidence=0.95).interval

    assert 2 * 1.959964 * np.sqrt(expected) == pytest.approx(found.high - found.low, rel=1e-6)


def test_two_models_that_rank_alike_are_not_known_to_be_alike():
    pair = np.random.default_rng(0).normal(size=(2, 50))
    found = estimate_auc_change((pair[0], pair[1]), (pair[0] * 2, pair[1] * 2), confidence=0.95)

    assert found.value == 0.0
    assert found.bounds.low < 0 < found.bounds.high
    assert found.interval.low < 0 < found.interval.high


def test_a_change_between_different_records_is_refused():
    with pytest.raises(MeasurementError, match="before 5, after 4"):
        estimate_auc_change((np.arange(5.0), np.arange(3.0)), (np.arange(4.0), np.arange(3.0)), confidence=0.95)


def test_a_change_against_constant_scores_is_refused():
    with pytest.raises(MeasurementError, match="constant scores after"):
        estimate_auc_change((np.arange(5.0), np.arange(3.0)), (np.ones(5), np.ones(3)), confidence=0.95)


# --- ROC


@given(SCORES, SCORES)
def test_the_roc_curve_is_that_of_scikit_learn_and_its_area_the_auc(members, nonmembers):
    roc = compute_roc(members, nonmembers)
    labels = np.repeat([1, 0], [len(members), len(nonmembers)])
    fpr, tpr, _ = roc_curve(labels, np.concatenate([members, nonmembers]), drop_intermediate=False)

    assert fpr.tolist() == pytest.approx(roc.fpr.tolist())
    assert tpr.tolist() == pytest.approx(roc.tpr.tolist())
    assert (roc.fpr[0], roc.tpr[0], roc.fpr[-1], roc.tpr[-1]) == (0.0, 0.0, 1.0, 1.0)
    assert compute_auc(members, nonmembers) == pytest.approx(np.trapezoid(roc.tpr, roc.fpr))


def test_constant_scores_reach_the_far_corner_in_one_step():
    roc = compute_roc(np.ones(4), np.ones(6))

    assert (roc.fpr.tolist(), roc.tpr.tolist()) == ([0.0, 1.0], [0.0, 1.0])


@given(SCORES, SCORES, st.sampled_from([0.1, 0.25, 0.5, 0.8]))
def test_tpr_at_fpr_is_the_best_point_of_the_curve_within_the_rate(members, nonmembers, fpr):
    if fpr * len(nonmembers) < 1:
        return
    roc = compute_roc(members, nonmembers)
    found = estimate_tpr_at_fpr(members, nonmembers, fpr, confidence=0.95)

    assert roc.tpr[roc.fpr <= fpr + 1e-12].max() == pytest.approx(found.value)
    assert found.bounds.low <= found.value <= found.bounds.high


def test_tied_scores_are_not_split_to_reach_a_rate():
    members, nonmembers = np.array([1.0, 1.0, 1.0]), np.array([1.0] * 5 + [0.0] * 5)

    assert estimate_tpr_at_fpr(members, nonmembers, 0.2, confidence=0.95).value == 0.0
    assert estimate_tpr_at_fpr(members, nonmembers, 0.5, confidence=0.95).value == 1.0


def test_a_rate_below_one_in_all_nonmembers_is_refused():
    with pytest.raises(MeasurementError, match=r"at least 1000 non-members for a false-positive rate of 0\.001"):
        estimate_tpr_at_fpr(np.arange(9.0), np.arange(999.0), 0.001, confidence=0.95)
    estimate_tpr_at_fpr(np.arange(9.0), np.arange(1000.0), 0.001, confidence=0.95)


@pytest.mark.parametrize("fpr", [0.0, 1.0, 20.0])
def test_a_false_positive_rate_is_a_fraction(fpr):
    with pytest.raises(MeasurementError, match="false-positive rate between 0 and 1"):
        estimate_tpr_at_fpr(np.arange(9.0), np.arange(9.0), fpr, confidence=0.95)


def test_fnr_at_fpr_is_the_complement():
    rng = np.random.default_rng(0)
    positives, negatives = rng.normal(1, 1, 80), rng.normal(0, 1, 200)
    found = estimate_tpr_at_fpr(positives, negatives, 0.2, confidence=0.95)
    missed = estimate_fnr_at_fpr(positives, negatives, 0.2, confidence=0.95)

    assert 1 - found.value == pytest.approx(missed.value)
    assert 80 - found.events == missed.events
    assert (1 - found.bounds.high, 1 - found.interval.low) == (missed.bounds.low, missed.interval.high)


def test_the_advantage_is_the_largest_gap_between_the_curves():
    assert estimate_advantage(np.array([2.0, 3.0]), np.array([0.0, 1.0]), confidence=0.95).value == 1.0
    assert estimate_advantage(np.array([0.0]), np.array([1.0]), confidence=0.95).value == 0.0


# --- coverage


def normal(mean, spread=1.0):
    return lambda rng, size: rng.normal(mean, spread, size)


def contaminated(rng, size):
    return np.where(rng.random(size) < 0.03, -5, 3) + rng.normal(size=size)


def often(share):
    return lambda rng, size: (rng.random(size) < share).astype(float)


MIX = 0.97 * ndtr(3 / np.sqrt(2)) + 0.03 * ndtr(-5 / np.sqrt(2))
GROUPS = [
    ("chance", normal(0), normal(0), 0.5),
    ("leak", normal(1), normal(0), ndtr(1 / np.sqrt(2))),
    ("nearly separated", normal(4), normal(0), ndtr(4 / np.sqrt(2))),
    ("unequal spread", normal(6, 4), normal(0, 0.5), ndtr(6 / np.sqrt(16.25))),
    ("few at the bottom", contaminated, normal(0), MIX),
    ("heavily tied", often(0.99), often(0.95), 0.99 * 0.05 + 0.5 * (0.99 * 0.95 + 0.01 * 0.05)),
]


@pytest.mark.parametrize(("members", "nonmembers"), [(20, 20), (50, 200), (20, 400)])
@pytest.mark.parametrize("case", GROUPS, ids=lambda case: case[0])
def test_the_bound_on_an_auc_covers(case, members, nonmembers):
    _, ours, theirs, truth = case

    def ends(scores):
        try:
            return estimate_auc(*scores, confidence=0.95).bounds
        except MeasurementError:  # all tied by chance: nothing is claimed, so nothing is claimed wrongly
            return estimate_auc(np.array([0.0, 1.0]), np.array([0.0, 1.0]), confidence=0.999).bounds

    assert_covers(
        ends,
        lambda rng: (ours(rng, members), theirs(rng, nonmembers)),
        truth,
        np.random.default_rng(30),
        repeats=300,
    )


def test_the_plain_delong_interval_does_not_cover_near_separation():
    hits = count_hits(
        lambda scores: estimate_auc(*scores, confidence=0.95).interval,
        lambda rng: (rng.normal(3, 1, 20), rng.normal(0, 1, 400)),
        ndtr(3 / np.sqrt(2)),
        np.random.default_rng(31),
        300,
    )
    assert hits["both"] < 0.93 * 300


def test_the_interval_of_an_auc_covers_where_it_is_used_most():
    assert_covers(
        lambda scores: estimate_auc(*scores, confidence=0.95).interval,
        lambda rng: (rng.normal(0.2, 1, 60), rng.normal(0, 1, 100)),
        ndtr(0.2 / np.sqrt(2)),
        np.random.default_rng(32),
    )


@pytest.mark.parametrize("alike", [0.5, 0.99])
def test_the_bound_on_a_change_of_auc_covers(alike):
    # both models see the same image: their scores share a part, the more so the more alike they are
    def draw(rng):
        pairs = []
        for size, mean in ((30, (2.0, 1.0)), (60, (0.0, 0.0))):
            common = rng.normal(size=size)
            noise = rng.normal(size=(2, size)) * np.sqrt(1 - alike)
            pairs.append([np.sqrt(alike) * common + noise[i] + mean[i] for i in (0, 1)])
        return (pairs[0][0], pairs[1][0]), (pairs[0][1], pairs[1][1])

    assert_covers(
        lambda pair: estimate_auc_change(*pair, confidence=0.95).bounds,
        draw,
        ndtr(1 / np.sqrt(2)) - ndtr(2 / np.sqrt(2)),
        np.random.default_rng(33),
        repeats=300,
    )


def test_the_bound_on_a_clustered_auc_covers_and_the_plain_one_does_not():
    def draw(rng):
        scores, names = [], []
        for start, mean in ((0, 0.5), (1_000, 0.0)):
            who = np.repeat(np.arange(25), rng.integers(1, 9, 25))
            scores.append(mean + np.sqrt(0.8) * rng.normal(size=25)[who] + np.sqrt(0.2) * rng.normal(size=len(who)))
            names.append(who + start)
        return (*scores, tuple(names))

    truth = ndtr(0.5 / np.sqrt(2))
    assert_covers(
        lambda drawn: estimate_auc(*drawn[:2], confidence=0.95, clusters=drawn[2]).bounds,
        draw,
        truth,
        np.random.default_rng(34),
        repeats=300,
    )
    plain = count_hits(
        lambda drawn: estimate_auc(*drawn[:2], confidence=0.95).bounds, draw, truth, np.random.default_rng(34), 300
    )
    assert plain["high"] < 0.9 * 300


@pytest.mark.parametrize(("fpr", "members", "nonmembers"), [(0.01, 100, 300), (0.2, 40, 100), (0.2, 400, 100)])
@pytest.mark.parametrize("rounded", [False, True])
def test_the_bound_on_tpr_at_fpr_covers_the_true_curve(fpr, members, nonmembers, rounded):
    rng = np.random.default_rng(35)

    def draw(own):
        scores = own.normal(1, 1, members), own.normal(0, 1, nonmembers)
        return tuple(np.round(s, 1) for s in scores) if rounded else scores

    edges = np.arange(-6, 8, 0.1) if rounded else np.linspace(-6, 8, 200_001)
    shift = 0.05 if rounded else 0.0
    reached = ndtr(-(edges - shift)) <= fpr
    truth = ndtr(1 - (edges[reached] - shift)).max()
    assert_covers(
        lambda scores: estimate_tpr_at_fpr(*scores, fpr, confidence=0.95).bounds, draw, truth, rng, repeats=300
    )


def test_the_bound_on_the_advantage_covers():
    assert_covers(
        lambda scores: estimate_advantage(*scores, confidence=0.95).bounds,
        lambda rng: (rng.normal(1, 1, 60), rng.normal(0, 1, 100)),
        2 * ndtr(0.5) - 1,
        np.random.default_rng(36),
    )


def test_tpr_bounds_of_clusters_of_one_record_are_those_of_records():
    rng = np.random.default_rng(8)
    members, nonmembers = rng.normal(0.5, 1, 60), rng.normal(size=200)
    plain = estimate_tpr_at_fpr(members, nonmembers, 0.05, confidence=0.95).bounds
    alone = estimate_tpr_at_fpr(
        members, nonmembers, 0.05, confidence=0.95, clusters=(np.arange(60), np.arange(60, 260))
    ).bounds

    assert (alone.low, alone.high) == pytest.approx((plain.low, plain.high), abs=1e-8)


def test_a_few_records_that_are_fully_exposed_do_not_stay_below_a_limit_on_tpr():
    """Eight in a hundred erased records stand out beyond all others: their AUC says little, the TPR at .01 says it."""
    rng = np.random.default_rng(9)
    members, nonmembers = rng.normal(size=401), rng.normal(size=2_005)
    members[:32] += 12
    found = estimate_tpr_at_fpr(members, nonmembers, 0.01, confidence=0.95, attacks=4)

    assert estimate_auc(members, nonmembers, confidence=0.95).value < 0.57
    assert found.bounds.low > 0.05
    assert found.corrected.low < found.bounds.low


@pytest.mark.thorough
def test_the_bounds_on_tpr_of_clustered_records_cover_and_those_of_records_do_not():
    def draw(rng):
        clusters = [np.repeat(np.arange(count), 8) + start for count, start in ((30, 0), (60, 30))]
        scores = [
            0.95 * rng.normal(size=90)[who] + np.sqrt(1 - 0.95**2) * rng.normal(size=len(who)) for who in clusters
        ]
        return scores, tuple(clusters)

    def ends(drawn, clustered):
        scores, clusters = drawn
        return estimate_tpr_at_fpr(*scores, 0.1, confidence=0.95, clusters=clusters if clustered else None).bounds

    assert_covers(lambda drawn: ends(drawn, True), draw, 0.1, np.random.default_rng(10), repeats=60)
    plain = count_hits(lambda drawn: ends(drawn, False), draw, 0.1, np.random.default_rng(10), 200)
    assert min(plain["low"], plain["high"]) < 0.9 * 200
