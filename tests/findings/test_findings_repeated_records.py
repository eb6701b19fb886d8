"""Records that stand in a split more than once, under other ids: the same answers, or ones that are nearly so."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unlearn_audit.findings.repeated_records import _MOST_NEAR, _have_near
from unlearn_audit.pipeline.audit import reach_verdicts
from unlearn_audit.records import Outcome
from unlearn_audit.selftest.scenarios import SCENARIOS
from unlearn_audit.selftest.simulation import Simulation, draw_evidence

POLICY = SCENARIOS["sound"].policy


def draw():
    return draw_evidence(Simulation(), np.random.default_rng(3))


def judge(evidence):
    (verdict,) = reach_verdicts(POLICY, evidence, plan=False)
    return {check.id: check for check in verdict.checks}


def causes(check):
    return {cause.code for reason in check.reasons for cause in reason.causes}


def take(evidence, rows, noise=0.0):
    rng = np.random.default_rng(0)

    def jitter(values):
        odds = values[rows, 1] - values[rows, 0] + noise * rng.standard_normal(len(rows))
        return np.column_stack([-np.logaddexp(0, odds), -np.logaddexp(0, -odds)])

    return replace(
        evidence,
        ids=np.array([f"r{i}" for i in range(len(rows))]),
        split=evidence.split[rows],
        label=evidence.label[rows],
        log_probs={name: jitter(values) for name, values in evidence.log_probs.items()},
        groups={},
    )


@pytest.mark.parametrize(("kept", "times", "noise"), [(1.0, 2, 1e-8), (1.0, 2, 1e-5), (0.2, 5, 1e-5), (0.1, 10, 1e-3)])
@pytest.mark.parametrize("split", ["test", "forget"])
def test_records_that_are_repeated_with_a_little_noise_let_nothing_pass(split, kept, times, noise):
    evidence = draw()
    inside = np.flatnonzero(evidence.split == split)
    chosen = np.random.default_rng(1).permutation(inside)[: round(kept * len(inside))]
    rows = np.r_[np.flatnonzero(evidence.split != split), np.repeat(chosen, times)]
    checks = judge(take(evidence, rows, noise))
    assert {check.outcome for check in checks.values()} <= {Outcome.NOT_RUN, Outcome.FAIL}
    assert causes(checks["kept"]) == {"records-nearly-repeated"}


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    models=st.integers(1, 4),
    own=st.sampled_from([1e-6, 0.01, 0.3, 1.0]),
    shape=st.sampled_from(["normal", "cauchy", "two peaks"]),
)
def test_unrelated_records_are_hardly_ever_near_whatever_their_density(seed, models, own, shape):
    """`own` is what the models do not share: at 1e-6 all of them say the same, and records lie on a line.

    There 0.058 have near ones on average, with a standard deviation of 0.013: 0.12 is more than four of them away.
    """
    rng = np.random.default_rng(seed)
    shared = {
        "normal": rng.standard_normal,
        "cauchy": rng.standard_cauchy,
        "two peaks": lambda n: rng.choice([-4.0, 4.0], n) + 0.01 * rng.standard_normal(n),
    }[shape](600)
    answers = shared[:, None] + own * rng.standard_normal((600, models))
    assert _have_near(answers, None, 600, rng).mean() <= _MOST_NEAR


def test_test_records_that_are_repeated_under_other_names_let_nothing_pass():
    evidence = draw()
    test = np.flatnonzero(evidence.split == "test")
    rows = np.r_[np.arange(len(evidence)), test[: len(test) // 10]]
    repeated = replace(
        evidence,
        ids=np.array([f"r{i}" for i in range(len(rows))]),
        split=evidence.split[rows],
        label=evidence.label[rows],
        log_probs={name: values[rows] for name, values in evidence.log_probs.items()},
        groups={},
    )
    checks = judge(repeated)
    assert {check.outcome for check in checks.values()} <= {Outcome.NOT_RUN, Outcome.FAIL}
    assert causes(checks["kept"]) == {"records-repeated"}


def test_like_images_of_one_patient_are_no_repeats_where_the_policy_clusters_by_patient():
    scenario = SCENARIOS["sound-clustered"]
    evidence = draw_evidence(scenario.simulation, np.random.default_rng(3))
    (verdict,) = reach_verdicts(scenario.policy, evidence, plan=False)
    assert all(check.outcome is not Outcome.NOT_RUN for check in verdict.checks)
