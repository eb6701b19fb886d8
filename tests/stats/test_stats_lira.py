"""LiRA and U-LiRA: closed forms, naive twins, and the null at which they must find nothing."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, invgamma, norm, t

from tests.support.reference_scores import draw_halves, plant
from unlearn_audit.errors import MeasurementError
from unlearn_audit.stats import (
    Ensemble,
    Variance,
    VariancePrior,
    compute_auc,
    estimate_auc,
    fit_variance_prior,
    predict_logit,
    score_lira,
    score_lira_offline,
    shrink_variances,
)

SEEDS = st.integers(0, 2**32 - 1)


def find_auc(planted, scores):
    return compute_auc(*planted.split(scores))


# --- variances


def test_the_prior_is_recovered_from_variances_that_were_drawn_from_it():
    rng = np.random.default_rng(0)
    truth = invgamma.rvs(4 / 2, scale=4 * 9.0 / 2, size=20_000, random_state=rng)  # weight 4, usual 9
    variances = truth * rng.chisquare(7, 20_000) / 7

    prior = fit_variance_prior(variances, np.full(20_000, 7.0))

    assert pytest.approx(4, rel=0.1) == prior.weight
    assert pytest.approx(9, rel=0.05) == prior.usual


def test_records_that_share_one_variance_are_pooled():
    rng = np.random.default_rng(1)
    variances = 2.0 * rng.chisquare(3, 500) / 3

    prior = fit_variance_prior(variances, np.full(500, 3.0))
    moderated, freedom = shrink_variances(variances, np.full(500, 3.0), VariancePrior(2.0, np.inf))

    assert prior.weight > 50
    assert pytest.approx(2.0, rel=0.1) == prior.usual
    assert moderated.tolist() == [2.0] * 500
    assert np.isinf(freedom).all()


def test_a_moderated_variance_lies_between_the_own_and_the_usual_one():
    found, freedom = shrink_variances(np.array([1.0, 9.0]), np.array([6.0, 6.0]), VariancePrior(3.0, 2.0))

    assert found.tolist() == [(2 * 3 + 6 * 1) / 8, (2 * 3 + 6 * 9) / 8]
    assert freedom.tolist() == [8.0, 8.0]


def test_moderated_variances_are_nearer_to_the_truth_than_own_or_pooled_ones():
    rng = np.random.default_rng(2)
    truth = np.exp(rng.normal(0, 1, 2_000))
    own = truth * rng.chisquare(3, 2_000) / 3
    moderated, _ = shrink_variances(own, np.full(2_000, 3.0), fit_variance_prior(own, np.full(2_000, 3.0)))

    def miss(variances):
        return np.abs(np.log(variances / truth)).mean()

    assert miss(moderated) < 0.9 * min(miss(own), miss(np.full(2_000, own.mean())))


def test_records_whose_models_agree_exactly_do_not_spoil_the_prior():
    rng = np.random.default_rng(3)
    variances = rng.chisquare(3, 400) / 3
    with_zeros = np.concatenate([variances, np.zeros(20)])

    plain = fit_variance_prior(variances, np.full(400, 3.0))
    found = fit_variance_prior(with_zeros, np.full(420, 3.0))
    moderated, _ = shrink_variances(with_zeros, np.full(420, 3.0), found)

    assert pytest.approx(plain.usual, rel=0.1) == found.usual
    assert (moderated > 0).all()


@pytest.mark.parametrize(
    ("variances", "freedom", "message"),
    [([0.0, 0.0], [1.0, 1.0], "all say exactly the same"), ([1.0, 1.0], [0.0, 1.0], "at least two reference models")],
)
def test_variances_that_say_nothing_are_refused(variances, freedom, message):
    with pytest.raises(MeasurementError, match=message):
        fit_variance_prior(np.array(variances), np.array(freedom))


# --- predictions


def test_the_bayesian_prediction_is_the_posterior_predictive_of_the_normal_model():
    """A record's predictive density, integrated numerically over mean and variance, against the closed form."""
    rng = np.random.default_rng(4)
    planted = plant(rng, models=8, records=60)
    chosen = planted.trained_on
    found = predict_logit(planted.references, chosen, Variance.BAYES)
    own = planted.references[chosen[:, 0], 0]
    n = len(own)
    variances = np.array([planted.references[chosen[:, i], i].var(ddof=1) for i in range(60)])
    prior = fit_variance_prior(variances, np.full(60, n - 1.0))
    posterior = invgamma((prior.weight + n - 1) / 2, scale=(prior.weight * prior.usual + (n - 1) * own.var(ddof=1)) / 2)
    grid = posterior.ppf((np.arange(20_000) + 0.5) / 20_000)
    for phi in (-3.0, 1.0, 7.0):
        mixture = norm.pdf(phi, own.mean(), np.sqrt(grid * (1 + 1 / n))).mean()
        at = np.full(60, phi)
        assert np.log(mixture) == pytest.approx(found.compute_log_density(at)[0], abs=2e-3)


@pytest.mark.parametrize("variance", list(Variance))
def test_a_log_density_agrees_with_scipy(variance):
    planted = plant(np.random.default_rng(5), models=8, records=40)
    found = predict_logit(planted.references, planted.trained_on, variance)
    frozen = (
        norm(found.location, found.scale)
        if np.isinf(found.freedom).all()
        else t(found.freedom, found.location, found.scale)
    )

    assert found.compute_log_density(planted.target).tolist() == pytest.approx(frozen.logpdf(planted.target).tolist())


def test_scores_agree_with_a_loop_over_records():
    planted = plant(np.random.default_rng(6), models=12, records=30, left=1.0)
    expected = []
    for i in range(30):
        inside = planted.references[planted.trained_on[:, i], i]
        outside = planted.references[~planted.trained_on[:, i], i]
        expected.append(
            norm.logpdf(planted.target[i], inside.mean(), inside.std(ddof=1))
            - norm.logpdf(planted.target[i], outside.mean(), outside.std(ddof=1))
        )

    found = score_lira(planted.target, planted.references, planted.trained_on, Variance.RECORD)

    assert expected == pytest.approx(found.tolist())


def test_offline_scores_order_records_as_the_papers_probability_does():
    planted = plant(np.random.default_rng(7), models=12, records=30, left=1.0)
    outside = np.where(planted.trained_on, np.nan, planted.references)
    probability = norm.cdf(planted.target, np.nanmean(outside, axis=0), np.nanstd(outside, axis=0, ddof=1))

    found = score_lira_offline(planted.target, planted.references, planted.trained_on, Variance.RECORD)

    assert norm.cdf(found).tolist() == pytest.approx(probability.tolist())


# --- what it finds


@pytest.mark.parametrize("shift", [0.5, 1.0, 2.0])
def test_with_many_models_a_planted_shift_has_the_auc_of_the_closed_form(shift):
    """Every record N(mu, 1) OUT and N(mu + d, 1) IN: the likelihood ratio has AUC Phi(d / sqrt 2)."""
    rng = np.random.default_rng(8)
    aucs = [
        find_auc(planted, score_lira(planted.target, planted.references, planted.trained_on))
        for planted in (plant(rng, models=128, records=800, left=shift, scatter=0.0) for _ in range(6))
    ]

    assert norm.cdf(shift / np.sqrt(2)) == pytest.approx(np.mean(aucs), abs=0.02)


def test_a_threshold_on_phi_finds_less_because_records_differ():
    planted = plant(np.random.default_rng(9), models=64, records=1_000, left=1.0, scatter=0.0)

    calibrated = find_auc(planted, score_lira(planted.target, planted.references, planted.trained_on))

    assert calibrated > find_auc(planted, planted.target) + 0.08


def read_table_of_variances():
    """Return the table of docs/attacks.md: models to the mean AUC with own, pooled and Bayesian variance."""
    text = (Path(__file__).parents[2] / "docs" / "attacks.md").read_text()
    rows = re.findall(r"^\| (\d+) \| (\.\d+) \| (\.\d+) \| (\.\d+) \|$", text, re.MULTILINE)
    return {int(models): tuple(map(float, aucs)) for models, *aucs in rows}


@pytest.mark.parametrize(("models", "documented"), read_table_of_variances().items())
def test_the_bayesian_variance_finds_at_least_as_much_as_own_and_pooled_ones(models, documented):
    rng = np.random.default_rng(10)
    plants = [plant(rng, models=models, records=300, left=1.0) for _ in range(60)]
    own, pooled, bayes = (
        np.mean([find_auc(p, score_lira(p.target, p.references, p.trained_on, variance)) for p in plants])
        for variance in (Variance.RECORD, Variance.POOLED, Variance.BAYES)
    )

    assert bayes >= max(own, pooled) - 0.005
    assert documented == pytest.approx((own, pooled, bayes), abs=0.02)


def test_with_many_models_the_bayesian_density_becomes_the_papers():
    planted = plant(np.random.default_rng(11), models=512, records=200, left=1.0)
    ours, theirs = (
        score_lira(planted.target, planted.references, planted.trained_on, variance)
        for variance in (Variance.BAYES, Variance.RECORD)
    )

    assert np.corrcoef(ours, theirs)[0, 1] > 0.99


def test_over_unlearning_is_found_above_one_half_too():
    """The ratio knows that IN lies below OUT: low answers are what gives a record away."""
    planted = plant(np.random.default_rng(12), models=32, records=600, left=-1.5)
    arguments = planted.target, planted.references, planted.trained_on

    assert find_auc(planted, score_lira(*arguments)) > 0.75
    assert find_auc(planted, score_lira_offline(*arguments)) < 0.3, "the offline form looks upwards only"
    assert find_auc(planted, planted.target) < 0.45, "and so does a threshold"


def test_a_leak_that_pushes_half_of_the_records_up_and_half_down_is_invisible_to_a_threshold():
    rng = np.random.default_rng(13)
    ways = np.where(np.arange(600) % 2, 1.5, -1.5)
    planted = plant(rng, models=32, records=600)
    references = planted.references + ways * planted.trained_on
    target = planted.target + ways * planted.forget

    assert abs(find_auc(planted, target) - 0.5) < 0.05
    assert find_auc(planted, score_lira(target, references, planted.trained_on)) > 0.75


# --- the null


@pytest.mark.parametrize("models", [4, 6, 16])
@pytest.mark.parametrize("harder", [0.0, 3.0])
def test_where_nothing_is_left_the_auc_is_one_half_whatever_the_records_are(models, harder):
    """`harder`: the forget records are no random draw. A threshold takes that for a leak, the ratio does not."""
    rng = np.random.default_rng(14)
    plants = [plant(rng, models=models, records=200, harder=harder) for _ in range(120)]
    aucs = [find_auc(p, score_lira(p.target, p.references, p.trained_on)) for p in plants]
    threshold = np.mean([find_auc(p, p.target) for p in plants])

    assert np.mean(aucs) == pytest.approx(0.5, abs=4.8 * np.std(aucs) / np.sqrt(120))
    assert (threshold < 0.3) == (harder > 0)


@settings(deadline=None, max_examples=25)
@given(SEEDS)
def test_exchanging_the_two_models_of_every_pair_changes_the_sign_of_every_score(seed):
    planted = plant(np.random.default_rng(seed), models=6, records=20, left=1.0)
    score = score_lira(planted.target, planted.references, planted.trained_on)
    exchanged = score_lira(planted.target, planted.references, ~planted.trained_on)

    assert (-score).tolist() == pytest.approx(exchanged.tolist(), abs=1e-9)


def test_out_of_models_that_were_not_unlearned_takes_a_side_effect_for_a_leak():
    """The method lifts the phi of all records, seen or not, each by its own amount, and leaves nothing behind.

    OUT from models that went through the method knows that; OUT from retrained ones does not, and where the forget
    records are not drawn at random it finds a difference between them and the controls that is no memory.
    """
    rng = np.random.default_rng(15)
    right, wrong = [], []
    for _ in range(40):
        planted = plant(rng, models=16, records=300, harder=3.0)
        lifted = planted.references + 0.8 * np.maximum(planted.references, 0)
        target = planted.target + 0.8 * np.maximum(planted.target, 0)
        mixed = np.where(planted.trained_on, lifted, planted.references)
        right.append(find_auc(planted, score_lira(target, lifted, planted.trained_on)))
        wrong.append(find_auc(planted, score_lira(target, mixed, planted.trained_on)))

    assert np.mean(right) == pytest.approx(0.5, abs=0.03)
    assert abs(np.mean(wrong) - 0.5) > 0.08


def test_an_attacked_model_among_its_own_references_is_found_where_nothing_leaks():
    """In-sample: with two models on a side the AUC is 0.92, although no model remembers anything."""
    rng = np.random.default_rng(16)
    plants = [plant(rng, models=4, records=300) for _ in range(60)]
    inside = [
        compute_auc(scores[p.trained_on[0]], scores[~p.trained_on[0]])
        for p in plants
        for scores in [score_lira(p.references[0], p.references, p.trained_on, Variance.RECORD)]
    ]
    held_out = [find_auc(p, score_lira(p.target, p.references, p.trained_on)) for p in plants]

    assert np.mean(inside) == pytest.approx(0.92, abs=0.01)
    assert np.mean(held_out) == pytest.approx(0.5, abs=0.02)


def make_ensemble(planted):
    loss = -np.logaddexp(0, -planted.references)
    empty = np.empty((len(loss), 0))
    return Ensemble(planted.references, loss, planted.trained_on, empty, empty)


@pytest.mark.parametrize(("models", "unfair"), [(6, 0.42), (8, 0.46), (16, 0.48)])
def test_a_reference_model_is_attacked_without_its_partner_or_the_sides_are_not_alike(models, unfair):
    """Left out alone, the side that it was on has one model fewer, and its records score lower: nothing leaks."""
    rng = np.random.default_rng(17)
    with_partner, without = [], []
    for _ in range(120):
        planted = plant(rng, models=models, records=200)
        seen, attacked = planted.trained_on[0], planted.references[0]
        rest = make_ensemble(planted).leave_out(0)
        for aucs, references, trained_on in (
            (without, rest.logit, rest.trained_on),
            (with_partner, planted.references[1:], planted.trained_on[1:]),
        ):
            scores = score_lira(attacked, references, trained_on)
            aucs.append(compute_auc(scores[seen], scores[~seen]))

    assert np.mean(without) == pytest.approx(0.5, abs=4.8 * np.std(without) / np.sqrt(120))
    assert np.mean(with_partner) == pytest.approx(unfair, abs=0.015)
    assert np.mean(with_partner) < np.mean(without)


def test_models_that_do_not_come_in_complementary_pairs_are_refused():
    planted = plant(np.random.default_rng(18), models=6, records=20)
    ensemble = make_ensemble(planted)
    shuffled = Ensemble(
        ensemble.logit, ensemble.loss, np.roll(planted.trained_on, 1, axis=0), ensemble.population, ensemble.retain
    )

    assert ensemble.leave_out(3).count == 4
    with pytest.raises(MeasurementError, match="in pairs"):
        shuffled.leave_out(0)


@settings(deadline=None, max_examples=25)
@given(SEEDS, st.floats(0.1, 10), st.floats(-50, 50))
def test_moving_and_stretching_all_answers_changes_no_score(seed, stretch, move):
    planted = plant(np.random.default_rng(seed), models=8, records=30, left=1.0)
    before = score_lira(planted.target, planted.references, planted.trained_on)
    after = score_lira(stretch * planted.target + move, stretch * planted.references + move, planted.trained_on)

    assert before.tolist() == pytest.approx(after.tolist(), abs=1e-5, rel=1e-5)


@settings(deadline=None, max_examples=25)
@given(SEEDS)
def test_the_order_of_records_and_of_models_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    planted = plant(rng, models=8, records=30, left=1.0)
    records, models = rng.permutation(30), rng.permutation(8)
    before = score_lira(planted.target, planted.references, planted.trained_on)
    after = score_lira(
        planted.target[records],
        planted.references[np.ix_(models, records)],
        planted.trained_on[np.ix_(models, records)],
    )

    assert before[records].tolist() == pytest.approx(after.tolist(), abs=1e-9)


@pytest.mark.parametrize("score", [score_lira, score_lira_offline])
def test_too_few_models_on_a_side_are_refused(score):
    planted = plant(np.random.default_rng(19), models=2, records=20)
    with pytest.raises(MeasurementError, match="at least two reference models on each side of every record, found 1"):
        score(planted.target, planted.references, planted.trained_on)


@pytest.mark.parametrize("score", [score_lira, score_lira_offline])
@pytest.mark.parametrize("variance", list(Variance))
def test_models_that_all_say_the_same_are_refused(score, variance):
    trained_on = draw_halves(6, 20, np.random.default_rng(20))
    with pytest.raises(MeasurementError, match="expected reference models that differ"):
        score(np.zeros(20), np.ones((6, 20)), trained_on, variance)


@pytest.mark.parametrize("spread", [0.25, 0.5, 2.0, 4.0])
def test_with_four_models_the_bounds_hold_where_forget_answers_scatter_more_or_less_than_the_controls(spread):
    """Nothing leaks. Two priors, one a side, differ by chance, and that lies in the scores of one group more."""
    rng = np.random.default_rng(22)
    forget = np.arange(300) < 150
    hits = {"one": np.zeros(2), "apart": np.zeros(2)}
    for _ in range(300):
        scale = np.where(forget, spread, 1.0) * np.exp(rng.normal(0, 0.3, 300))
        mean, trained_on = rng.normal(2, 2, 300), draw_halves(4, 300, rng)
        references = mean + scale * rng.normal(size=(4, 300))
        target = mean + scale * rng.normal(size=300)
        inside, outside = (
            predict_logit(references, side).compute_log_density(target) for side in (trained_on, ~trained_on)
        )
        for name, scores in (("one", score_lira(target, references, trained_on)), ("apart", inside - outside)):
            bounds = estimate_auc(scores[forget], scores[~forget], confidence=0.95).bounds
            hits[name] += [bounds.low <= 0.5, bounds.high >= 0.5]

    assert (hits["one"] >= binom.ppf(1e-6, 300, 0.95)).all()
    assert hits["one"].min() >= 0.94 * 300
    assert hits["apart"].min() < 0.94 * 300


def test_under_the_null_the_attack_says_leak_no_more_often_than_promised():
    """Over many audits the 5 % largest AUCs lie where a rank test with these numbers of records puts them."""
    rng = np.random.default_rng(21)
    reach = 0.5 + norm.ppf(0.95) * np.sqrt((100 + 100 + 1) / (12 * 100 * 100))
    plants = [plant(rng, models=8, records=200) for _ in range(300)]
    wrong = sum(find_auc(p, score_lira(p.target, p.references, p.trained_on)) > reach for p in plants)

    assert wrong <= binom.ppf(1 - 1e-6, 300, 0.05)
