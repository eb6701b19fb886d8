"""Cytology evidence with 32 reference models, read patient by patient: what an independent program found there."""

from pathlib import Path

import numpy as np
import pytest

from unlearn_audit.evidence.parquet import read_evidence
from unlearn_audit.stats import (
    PairedDifferences,
    estimate_paired_recognition,
    find_worst_record,
    score_logit,
)

EVIDENCE = Path(__file__).parents[1] / "golden" / "evidence" / "breast-cytology-32-references.parquet"


@pytest.fixture(scope="module")
def evidence():
    return read_evidence(EVIDENCE)


@pytest.fixture(scope="module")
def differences(evidence):
    references, audit_set = evidence.references, evidence.references.candidates
    labels = evidence.label[audit_set]
    return {
        name: PairedDifferences.of(
            np.stack([score_logit(model[audit_set], labels) for model in log_probs]),
            references.trained_on[:, audit_set],
        )
        for name, log_probs in {"none": references.log_probs, **references.unlearned}.items()
    }


@pytest.fixture(scope="module")
def malignant(evidence):
    audit_set = evidence.references.candidates
    return np.isin(evidence.label[audit_set], evidence.positive)


@pytest.mark.parametrize(
    ("method", "largest", "beyond"),
    [("unlearned", 16.3, {4}), ("remedied-salun-cra", 20.8, {8}), ("remedied-warm-restart", 13.9, {5, 6})],
)
def test_every_approximate_method_leaves_records_recognised(differences, method, largest, beyond):
    found = find_worst_record(differences[method], alpha=0.05, draws=4_999, rng=np.random.default_rng(0))

    assert found.largest == pytest.approx(largest, abs=0.05)
    assert found.p == 1 / 5_000
    assert found.beyond.sum() in beyond  # the critical value is drawn: one record lies on it


def test_both_controls_stand_where_they_must(differences):
    plain, retrained = (
        find_worst_record(differences[name], alpha=0.05, draws=4_999, rng=np.random.default_rng(0))
        for name in ("none", "remedied-retrain")
    )

    assert plain.p == 1 / 5_000
    assert plain.largest > 35
    assert plain.beyond.sum() == 9
    assert retrained.p == pytest.approx(0.88, abs=0.03)
    assert not retrained.beyond.any()
    assert not retrained.recognised.any()


@pytest.mark.parametrize(
    ("method", "among", "expected"),
    [
        ("none", "all", (0.552, 0.571, 0.590)),
        ("unlearned", "all", (0.425, 0.444, 0.462)),
        ("remedied-salun-cra", "malignant", (0.564, 0.591, 0.618)),
        ("remedied-warm-restart", "all", (0.529, 0.552, 0.575)),
        ("remedied-retrain", "all", (0.463, 0.487, 0.511)),
    ],
)
def test_paired_recognition_agrees_with_the_independent_program(differences, malignant, method, among, expected):
    group = differences[method] if among == "all" else differences[method].select(malignant)
    found = estimate_paired_recognition(group, confidence=0.90, draws=4_999, rng=np.random.default_rng(0)).probability

    assert (found.interval.low, found.value, found.interval.high) == pytest.approx(expected, abs=6e-4)


def test_over_all_records_retraining_lies_within_a_band_of_a_twentieth(differences, malignant):
    """44 malignant records and 16 pairs know the probability to within .06: too little for a band of .05."""

    def fits(method, mask=None):
        group = differences[method] if mask is None else differences[method].select(mask)
        found = estimate_paired_recognition(group, confidence=0.95, draws=99, rng=np.random.default_rng(0))
        return found.probability.bounds.low >= 0.45 and found.probability.bounds.high <= 0.55

    assert fits("remedied-retrain")
    assert not any(fits(method) for method in ("none", "unlearned", "remedied-warm-restart"))
    assert fits("remedied-salun-cra")  # on average: its malignant records are above .55, its benign ones below .5
    assert not any(fits(method, malignant) for method in differences)
