"""Looks: an audit that is repeated on one test split spends its error, and then nothing passes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from tests.support.record_factory import make_policy, make_provenance
from unlearn_audit.policy import charge_looks, describe_looks, describe_spent
from unlearn_audit.records import EarlierRun, Seal, Signer

HERE, ELSEWHERE = "a" * 64, "b" * 64
PROVENANCE = make_provenance()
SIGNER = Signer(kind="configured", subject="CN=Desk", fingerprint="1" * 64)


def plan(looks, confidence=0.95):
    policy = make_policy()
    return policy.model_copy(
        update={"protocol": policy.protocol.model_copy(update={"looks": looks, "confidence": confidence})}
    )


def run(number, at=None, spent=None, policy="c" * 64):
    return EarlierRun(record_sha256=f"{number:064x}", created="2026-03-01T00:00:00Z", case="c", policy="p 1",
                      policy_sha256=policy, evidence_sha256="d" * 64, model="m", outcome="fail",
                      test_sha256=at, spent=spent)  # fmt: skip


def charge(looks, *runs, seals=()):
    made = PROVENANCE.model_copy(update={"earlier_runs": runs, "seals": seals})
    return charge_looks(plan(looks), made, HERE)


def test_where_no_looks_are_planned_nothing_is_charged_and_the_reader_is_told_how_many_were_not():
    made = PROVENANCE.model_copy(update={"earlier_runs": (run(1), run(2))})
    assert charge(None, run(1)) is None
    assert describe_looks(None, PROVENANCE) is None
    assert "Earlier runs of this case: 2." in describe_looks(None, made).text


def test_each_look_has_an_equal_share_and_the_reader_is_told_what_is_left():
    found = charge(5, run(1, HERE, 0.01))
    assert (found.confidence, found.earlier, found.left, found.are_spent) == (0.99, 1, 3, False)
    assert "look 2 of 5 planned" in describe_looks(found, PROVENANCE).text
    assert "3 are left" in describe_looks(found, PROVENANCE).text


@pytest.mark.parametrize(
    ("earlier", "counts"),
    [
        (run(1, HERE, 0.01), True),
        (run(1, ELSEWHERE, 0.01), False),
        (run(1), True),  # of before there were looks: it may have been at these records
    ],
)
def test_an_earlier_run_counts_unless_it_says_that_its_records_were_others(earlier, counts):
    assert charge(5, earlier).earlier == int(counts)


def test_the_same_run_named_twice_is_one_look():
    assert charge(5, run(1), run(1), run(2)).earlier == 2


def test_a_sealed_policy_that_was_amended_is_a_look_unless_its_run_is_listed():
    sealed = Seal(envelope="{}", policy_id="p", policy_version="1", policy_sha256="e" * 64, sealed="2026-01-01",
                  signer=SIGNER, changes=("owner",))  # fmt: skip
    assert charge(5, seals=(sealed,)).earlier == 1
    assert charge(5, seals=(sealed.model_copy(update={"changes": ()}),)).earlier == 0
    assert charge(5, run(1, HERE, 0.01, policy="e" * 64), seals=(sealed,)).earlier == 1


def test_past_the_planned_looks_nothing_passes_and_the_message_names_both_numbers():
    looks = charge(2, run(1, HERE, 0.025), run(2, HERE, 0.025))
    assert describe_spent(charge(2, run(1, HERE, 0.025))) is None
    assert describe_spent(looks).code == "looks-spent"
    assert "plans 2 looks at one test split, and 2 were taken" in describe_spent(looks).text


def test_a_plan_that_is_amended_to_more_looks_buys_none():
    three = [run(number, HERE, 0.05 / 3) for number in range(3)]
    assert charge(30, *three).are_spent
    assert charge(30, *three[:2]).left == 9


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=40))
def test_whatever_is_planned_from_look_to_look_all_that_may_pass_share_the_error(plans):
    """Each look is listed by the next; only those that are not stopped can pass, and their shares sum to the error."""
    runs, at_risk = [], 0.0
    for number, planned in enumerate(plans):
        looks = charge(planned, *runs)
        at_risk += 0.0 if looks.are_spent else 1 - looks.confidence
        runs.append(run(number, HERE, 1 - looks.confidence))
    assert at_risk <= 0.05 * (1 + 1e-5)


@given(st.integers(1, 1000), st.integers(0, 1000))
def test_a_plan_has_exactly_as_many_looks_as_it_says(planned, taken):
    looks = charge(planned, *(run(number, HERE, 0.05 / planned) for number in range(min(taken, planned))))
    assert looks.are_spent == (min(taken, planned) >= planned)
    assert looks.left == max(0, planned - min(taken, planned) - 1)


def test_a_bad_model_that_is_audited_until_it_passes_passes_no_oftener_than_the_error():
    """20 looks at 300 positives, of which the model misses exactly what is tolerated, 10 %: Clopper-Pearson."""
    rng, n, limit, planned = np.random.default_rng(0), 300, 0.1, 20
    missed = rng.binomial(n, limit, size=(20_000, planned))

    def passes(confidence):
        return (beta.ppf(confidence, missed + 1, n - missed) <= limit).any(axis=1).mean()

    assert passes(charge(planned).confidence) <= 0.05
    assert passes(0.95) > 0.4  # what repeating bought before
