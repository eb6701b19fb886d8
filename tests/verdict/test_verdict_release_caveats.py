"""What whoever releases must know besides: of the policy's proof, of the untouched original, of groups left out."""

import numpy as np
import pytest

from unlearn_audit.pipeline.audit import judge
from unlearn_audit.policy import Sizes
from unlearn_audit.records import Outcome
from unlearn_audit.selftest.scenarios import SCENARIOS
from unlearn_audit.selftest.simulation import Behaviour, Simulation, draw_evidence
from unlearn_audit.verdict.release_caveats import list_release_caveats

POLICY = SCENARIOS["sound"].policy


@pytest.fixture(scope="module")
def sound():
    return judge(POLICY, draw_evidence(Simulation(), np.random.default_rng(3)))


def list_codes(policy, record):
    return [message.code for message in list_release_caveats(policy, record.provenance, record.findings)]


def declare(record, test=1.0, share=1.0):
    splits = record.provenance.data.splits
    sizes = {
        "train": splits["retain"].n + splits["forget"].n,
        "validation": splits["validation"].n,
        "test": round(test * splits["test"].n),
    }
    positive = {
        "train": (splits["retain"].positive + splits["forget"].positive) / sizes["train"],
        "validation": splits["validation"].positive / sizes["validation"],
        "test": share * splits["test"].positive / splits["test"].n,
    }
    fields = {name: {"records": n, "positive": positive[name]} for name, n in sizes.items()}
    return POLICY.model_copy(update={"sizes": Sizes(**fields, forget=0.2)})


def test_a_policy_without_sizes_is_said_not_to_be_proved(sound):
    assert sound.outcome is Outcome.PASS
    assert list_codes(POLICY, sound) == ["policy-not-proved"]
    assert "was not proved" in sound.recommendation.text


@pytest.mark.parametrize("test", [0.6, 1.0, 1.8])
def test_a_proof_at_sizes_like_those_of_the_evidence_needs_no_word(sound, test):
    assert list_codes(declare(sound, test), sound) == []


@pytest.mark.parametrize(("test", "share"), [(0.1, 1.0), (10.0, 1.0), (1.0, 0.1)])
def test_a_proof_at_other_sizes_proves_nothing_of_this_audit(sound, test, share):
    """A policy that lets bad models pass at its true sizes is proved at sizes that leave everything open."""
    (caveat,) = list_release_caveats(declare(sound, test, share), sound.provenance, sound.findings)
    found = sound.provenance.data.splits["test"]
    assert caveat.code == "policy-proved-elsewhere"
    assert f"{found.n if share == 1.0 else found.positive:,} found" in caveat.text


def test_a_pass_that_the_untouched_original_gets_too_is_said_to_show_no_forgetting():
    """The original recognises the erased by less than the tolerances: as where strangers dilute the list."""
    checks = tuple(check for check in POLICY.checks if check.metric != "membership-tpr")
    policy = POLICY.model_copy(update={"checks": checks})
    faint = Simulation(original=Behaviour(forget_positive=0.15, forget_negative=0.15))
    record = judge(policy, draw_evidence(faint, np.random.default_rng(3)))
    assert record.outcome is Outcome.PASS
    assert list_codes(policy, record) == ["policy-not-proved", "original-passes-too"]
    assert "The untouched original passes every required check of forgetting as well" in record.recommendation.text


def test_without_a_check_of_forgetting_nothing_is_said_of_it(sound):
    checks = tuple(check for check in POLICY.checks if "membership" not in check.metric)
    assert list_codes(POLICY.model_copy(update={"checks": checks}), sound) == ["policy-not-proved"]
