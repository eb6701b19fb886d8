"""Signals, fitted attacks, forgetting score."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.special import log_softmax
from sklearn.svm import SVC

from unlearn_audit.errors import MeasurementError
from unlearn_audit.records import Estimate, Interval, Unit, quote_text
from unlearn_audit.stats import (
    SIGNALS,
    compute_auc,
    compute_forgetting_score,
    estimate_auc,
    estimate_logistic_accuracy,
    estimate_svc_efficacy,
    score_confidence,
    score_correctness,
    score_entropy,
    score_logit,
    score_loss,
    score_modified_entropy,
)

LOGITS = hnp.arrays(np.float64, st.tuples(st.integers(1, 8), st.integers(2, 5)), elements=st.floats(-6, 6, width=32))


def make(logits):
    log_probs = log_softmax(np.asarray(logits, dtype=np.float64), axis=1)
    return log_probs, (np.arange(len(log_probs)) % log_probs.shape[1]).astype(np.int64)


def copied_modified_entropy(log_probs, labels):
    """Return the value of the widely copied mistake: log p for log(1 - p), columns picked across the batch."""
    probs = np.exp(log_probs)
    changed = probs.copy()
    changed[:, labels] = 1 - probs[:, labels]
    return -(changed * log_probs).sum(axis=1)


@given(LOGITS)
def test_signals_agree_with_their_formulas_written_with_probabilities(logits):
    log_probs, labels = make(logits)
    p = np.exp(log_probs)
    for row, label in enumerate(labels):
        q = p[row, label]
        others = [k for k in range(p.shape[1]) if k != label]
        entropy = -sum(p[row, k] * np.log(p[row, k]) for k in range(p.shape[1]))
        modified = -(1 - q) * np.log(q) - sum(p[row, k] * np.log(1 - p[row, k]) for k in others)

        assert q == pytest.approx(score_confidence(log_probs, labels)[row])
        assert np.log(q) == pytest.approx(score_loss(log_probs, labels)[row])
        assert np.log(q / (1 - q)) == pytest.approx(score_logit(log_probs, labels)[row], abs=1e-7)
        assert -entropy == pytest.approx(score_entropy(log_probs, labels)[row], abs=1e-9)
        assert -modified == pytest.approx(score_modified_entropy(log_probs, labels)[row], abs=1e-9)


def test_phi_of_two_classes_is_the_difference_of_the_logits_however_confident():
    logits = np.array([[400.0, -350.0], [0.0, 90.0], [45.0, 0.0]])
    log_probs = log_softmax(logits, axis=1)

    assert pytest.approx(score_logit(log_probs, np.array([0, 0, 0])).tolist()) == [750.0, -90.0, 45.0]
    assert score_confidence(log_probs, np.array([0, 0, 0]))[2] == 1.0, "while the confidence has run out of digits"


def test_modified_entropy_of_a_certain_model_is_finite():
    log_probs = log_softmax(np.array([[800.0, 0.0, 0.0], [800.0, 0.0, 0.0]]), axis=1)
    right, wrong = -score_modified_entropy(log_probs, np.array([0, 1]))

    assert pytest.approx(right) == 0.0
    assert pytest.approx(wrong) == 1_600.0 - np.log(2), "-log p_y = 800 and -log(1 - p_0) = 800 - log 2"


@given(
    hnp.arrays(np.float64, st.integers(2, 40), elements=st.floats(-60, 60), unique=True).map(lambda z: np.round(z, 3))
)
def test_with_two_classes_modified_entropy_orders_records_as_the_logit_does(margins):
    log_probs = log_softmax(np.column_stack([margins, np.zeros_like(margins)]), axis=1)
    labels = np.zeros(len(margins), dtype=np.int64)
    order = np.argsort(margins)
    scores = score_modified_entropy(log_probs, labels)[order]
    apart = np.diff(margins[order]) > 0

    assert (np.diff(scores)[apart] > 0).all()
    assert pytest.approx(scores) == -2 * np.exp(-np.logaddexp(0, margins[order])) * np.logaddexp(0, -margins[order])


def test_modified_entropy_finds_a_leak_of_a_model_that_is_sure_of_every_record():
    """Margins of 30 against 24: subtracting after the sum leaves nothing but rounding, and an AUC of .503."""
    rng = np.random.default_rng(0)
    margins = np.concatenate([rng.normal(30, 2, 300), rng.normal(24, 2, 300)])
    log_probs = log_softmax(np.column_stack([margins, np.zeros(600)]), axis=1)
    labels = np.zeros(600, dtype=np.int64)
    aucs = [
        compute_auc(scores[:300], scores[300:])
        for scores in (score_modified_entropy(log_probs, labels), score_logit(log_probs, labels))
    ]

    assert aucs[0] == pytest.approx(0.985, abs=5e-4)
    assert aucs[0] == aucs[1]


def test_modified_entropy_sees_confidently_wrong_records_where_the_copied_mistake_does_not():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 5, 400)
    predicted = labels.copy()
    predicted[200:] = (labels[200:] + rng.integers(1, 5, 200)) % 5  # the second half is confidently wrong
    logits = rng.normal(0, 0.5, (400, 5))
    logits[np.arange(400), predicted] += rng.normal(8, 1, 400)
    log_probs = log_softmax(logits, axis=1)

    ours = score_modified_entropy(log_probs, labels)
    theirs = -np.concatenate(
        [copied_modified_entropy(log_probs[:200], labels[:200]), copied_modified_entropy(log_probs[200:], labels[200:])]
    )
    assert compute_auc(ours[:200], ours[200:]) == 1.0
    assert 0.4 < compute_auc(theirs[:200], theirs[200:]) < 0.6


@given(LOGITS)
def test_a_record_scores_the_same_alone_as_in_a_batch(logits):
    log_probs, labels = make(logits)
    for signal in SIGNALS.values():
        together = signal.score(log_probs, labels)
        alone = [signal.score(log_probs[i : i + 1], labels[i : i + 1])[0] for i in range(len(labels))]

        assert together.tolist() == pytest.approx(alone, abs=1e-12)
        assert (len(labels),) == together.shape
        assert np.isfinite(together).all()


@pytest.mark.parametrize("name", sorted(SIGNALS))
def test_every_signal_is_higher_for_members(name):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 600)
    logits = rng.normal(0, 1, (600, 3))
    logits[np.arange(600), labels] += np.repeat([6.0, 0.5], 300)  # members are fitted, the others hardly
    scores = SIGNALS[name].score(log_softmax(logits, axis=1), labels)

    assert compute_auc(scores[:300], scores[300:]) > 0.65
    assert SIGNALS[name].title
    assert SIGNALS[name].source


def test_correctness_is_one_or_zero():
    log_probs, _ = make([[2.0, 0.0], [0.0, 2.0]])

    assert score_correctness(log_probs, np.array([0, 0])).tolist() == [1.0, 0.0]


@pytest.mark.parametrize("name", sorted(SIGNALS))
@pytest.mark.parametrize(
    ("log_probs", "labels", "message"),
    [
        (np.log([[0.5, 0.5]]), [0, 1], "log_probs 1, labels 2"),
        (np.log([[0.5, 0.5]]), [2], "labels from 0 to 1"),
        (np.log([[0.5, 0.5]]), [-1], "labels from 0 to 1"),
        ([[0.5, 0.5]], [0], "sum to one"),
        ([[np.nan, 0.0]], [0], "finite log-probabilities"),
        ([[0.0]], [0], "at least two classes"),
        (np.empty((0, 2)), [], "at least two classes"),
    ],
)
def test_what_are_no_log_probabilities_is_refused(name, log_probs, labels, message):
    with pytest.raises(MeasurementError, match=message):
        SIGNALS[name].score(np.asarray(log_probs, dtype=float), np.asarray(labels, dtype=np.int64))


# --- forgetting score


@pytest.mark.parametrize(
    ("low", "value", "high", "expected"),
    [
        (0.45, 0.5, 0.55, (0.9, 1.0, 1.0)),
        (0.6, 0.7, 0.8, (0.4, 0.6, 0.8)),
        (0.2, 0.3, 0.4, (0.4, 0.6, 0.8)),
        (0.4, 0.49, 0.7, (0.6, 0.98, 1.0)),
        (0.9, 1.0, 1.0, (0.0, 0.0, 0.2)),
    ],
)
def test_the_forgetting_score_folds_the_auc_and_its_ends(low, value, high, expected):
    ends = {"low": low, "high": high, "confidence": 0.95, "method": quote_text("m")}
    auc = Estimate(
        value=value, unit=Unit.AUC, n=9, interval=Interval(**ends, sides="two"), bounds=Interval(**ends, sides="one")
    )
    found = compute_forgetting_score(auc)

    assert expected == pytest.approx((found.interval.low, found.value, found.interval.high))
    assert expected[0] == pytest.approx(found.bounds.low)
    assert found.bounds.high >= found.value


def test_the_upper_bound_of_a_forgetting_score_errs_no_more_often_than_promised_at_chance():
    rng = np.random.default_rng(0)
    wrong = sum(
        compute_forgetting_score(estimate_auc(rng.random(60), rng.random(60), confidence=0.9)).bounds.high < 1
        for _ in range(400)
    )
    assert wrong <= 0.1 * 400 + 4.8 * np.sqrt(400 * 0.09)


def test_a_forgetting_score_of_something_else_is_refused():
    with pytest.raises(MeasurementError, match="expected an AUC with interval and bounds"):
        compute_forgetting_score(Estimate(value=0.5, unit=Unit.AUC, n=9))


# --- fitted attacks


def make_splits(lift, sizes=(150, 60, 90), seed=0):
    """Return log-probabilities, labels and masks; `lift` raises the true logit of retain, forget and test records."""
    rng = np.random.default_rng(seed)
    split = np.repeat(np.arange(3), sizes)
    labels = rng.integers(0, 2, len(split))
    logits = rng.normal(0, 1, (len(split), 2))
    logits[np.arange(len(split)), labels] += np.array(lift)[split]
    masks = {name: split == i for i, name in enumerate(("retain", "forget", "test"))}
    return log_softmax(logits, axis=1), labels.astype(np.int64), masks


def attack_svc(lift, **changes):
    log_probs, labels, masks = make_splits(lift)
    return estimate_svc_efficacy(log_probs, labels, **{**masks, **changes}, confidence=0.95)


def attack_logistic(lift, folds=5, seed=0):
    log_probs, labels, masks = make_splits(lift, seed=seed)
    del masks["retain"]
    return estimate_logistic_accuracy(
        log_probs, labels, **masks, confidence=0.95, rng=np.random.default_rng(1), folds=folds
    )


def test_the_svc_calls_forget_records_what_they_look_like():
    assert attack_svc((8.0, 8.0, 0.0)).value < 0.1, "not forgotten: they look like retain"
    assert attack_svc((8.0, 0.0, 0.0)).value > 0.8, "forgotten: they look like test"


def test_the_logistic_attack_finds_a_leak_and_nothing_where_nothing_is():
    assert attack_logistic((0.0, 6.0, 0.0)).value > 0.8
    assert pytest.approx(np.mean([attack_logistic((0.0, 0.0, 0.0), seed=s).value for s in range(10)]), abs=0.05) == 0.5


@pytest.mark.parametrize("attack", [attack_svc, attack_logistic])
def test_a_fitted_attack_is_repeatable_and_does_not_decide(attack):
    first, again = attack((3.0, 1.0, 0.0)), attack((3.0, 1.0, 0.0))

    assert first == again
    assert first.bounds is None
    assert first.interval.low <= first.value <= first.interval.high


def test_the_efficacy_hangs_on_no_drawn_subset():
    """The order of the records says nothing; subsets drawn of 600 retain records moved the figure by .03 either way."""
    log_probs, labels, masks = make_splits((4.0, 2.0, 0.0), sizes=(600, 60, 90))
    order = np.random.default_rng(3).permutation(len(labels))
    shuffled = {name: mask[order] for name, mask in masks.items()}

    assert estimate_svc_efficacy(log_probs, labels, **masks, confidence=0.95) == estimate_svc_efficacy(
        log_probs[order], labels[order], **shuffled, confidence=0.95
    )


def test_a_fitted_attack_on_an_empty_split_is_refused():
    with pytest.raises(MeasurementError, match="'forget'"):
        attack_svc((1.0, 1.0, 1.0), forget=np.zeros(300, dtype=bool))
    with pytest.raises(MeasurementError, match="'members'"):
        attack_svc((1.0, 1.0, 1.0), retain=np.zeros(300, dtype=bool))


def test_a_fitted_attack_on_constant_scores_is_refused():
    log_probs, labels, masks = np.full((300, 2), np.log(0.5)), np.zeros(300, dtype=np.int64), make_splits((0, 0, 0))[2]
    with pytest.raises(MeasurementError, match="constant scores"):
        estimate_svc_efficacy(log_probs, labels, **masks, confidence=0.95)
    del masks["retain"]
    with pytest.raises(MeasurementError, match="constant scores"):
        estimate_logistic_accuracy(log_probs, labels, **masks, confidence=0.95, rng=np.random.default_rng(0))


@pytest.mark.parametrize("folds", [1, 61])
def test_folds_that_hold_nothing_out_or_nothing_in_are_refused(folds):
    with pytest.raises(MeasurementError, match="from 2 to 60 folds"):
        attack_logistic((1.0, 1.0, 1.0), folds=folds)


def salun_svc(shadow_members, shadow_others, target):
    """Return SalUn's MIA-efficacy as its repository computes it: share of the target that the SVC calls non-member."""
    features = np.concatenate([shadow_members, shadow_others])[:, None]
    truth = np.concatenate([np.ones(len(shadow_members)), np.zeros(len(shadow_others))])
    classifier = SVC(C=3, gamma="auto", kernel="rbf").fit(features, truth)
    return 1 - classifier.predict(target[:, None]).mean()


@pytest.mark.parametrize("lift", [(8.0, 8.0, 0.0), (4.0, 1.0, 0.0), (2.0, 2.0, 2.0)])
def test_the_efficacy_is_that_of_salun_on_the_same_predictions(lift):
    log_probs, labels, masks = make_splits(lift, sizes=(90, 60, 90))
    confidence = score_confidence(log_probs, labels)
    expected = salun_svc(*(confidence[masks[name]] for name in ("retain", "test", "forget")))
    found = estimate_svc_efficacy(log_probs, labels, **masks, confidence=0.95)

    assert expected == pytest.approx(found.value)
