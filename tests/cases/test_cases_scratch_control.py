"""Beside every remedy stands a model trained from scratch at the same cost: what the remedy is worth, and to whom."""

from types import SimpleNamespace

import numpy as np
import pytest

from unlearn_audit.cases import add_control
from unlearn_audit.cases.collection import collect
from unlearn_audit.cases.scratch_control import find_cost_share
from unlearn_audit.methods import METHODS
from unlearn_audit.pipeline.audit import judge, run_audit
from unlearn_audit.policy import MethodChoice
from unlearn_audit.records import Outcome, Verdict, ignore_progress
from unlearn_audit.verdict.recommendation import recommend

TESTED = ("references: {models: 4}", "references: {models: 12}, recognition: {shift: 3}")


@pytest.mark.parametrize(
    ("method", "parameters", "share"),
    [
        ("warm-restart", {"epochs_share": 0.1}, 0.1),
        ("salun-cra", {"epochs": 5}, 5 / 200),
        ("fine-tune", {"epochs": 50}, 0.25),
        ("fine-tune", {"epochs": 200}, None),
        ("retrain", {}, None),
        ("ssd", {}, None),
    ],
)
def test_cost_is_the_share_of_the_originals_epochs(method, parameters, share):
    assert find_cost_share(METHODS[method].parse(parameters), 200) == share


def test_a_remedy_of_a_whole_training_or_from_scratch_has_no_control(build):
    case = build()

    for method in ("retrain", "scratch", "ssd"):
        assert add_control(case, MethodChoice(method=method), "remedied") is case


def test_each_remedy_of_a_run_stands_beside_its_control_in_record_and_evidence(referenced, ask):
    audit = run_audit(referenced(), ask())

    card = audit.record.provenance.find_model("scratch-for-warm-restart")
    assert (card.role, card.control_for) == ("compared", "remedied-warm-restart")
    assert card.title == "From scratch at the cost of Warm restart"
    assert card.parameters == {"epochs_share": 0.25}
    assert [verdict.model for verdict in audit.record.verdicts] == [
        "unlearned", "remedied-warm-restart", "scratch-for-warm-restart", "remedied-retrain",
    ]  # fmt: skip
    assert "scratch-for-warm-restart" in audit.evidence.references.unlearned
    assert judge(referenced(), audit.evidence).to_bytes() == audit.record.to_bytes()


def test_a_test_of_single_records_gets_its_positive_control(build):
    references = collect(build(policy=[TESTED]), ignore_progress).references

    own = references.trained_on & references.candidates
    assert "retrained" in references.unlearned
    assert not np.array_equal(references.unlearned["retrained"], references.log_probs)
    assert own.any()


def test_without_such_a_test_nothing_is_retrained_for_it(build):
    assert "retrained" not in collect(build(), ignore_progress).references.unlearned


def verdict(model, outcome):
    return Verdict.model_construct(model=model, outcome=outcome, checks=(), reasons=(), confidence=0.95)


def describe(*controls):
    cards = [
        SimpleNamespace(name="unlearned", role="unlearned", title="SalUn", control_for=None, reissued=None),
        SimpleNamespace(name="remedied-a", role="remedied", title="A", control_for=None, reissued=None),
        *(
            SimpleNamespace(name=name, role="compared", title=name, control_for="remedied-a", reissued=None)
            for name in controls
        ),
    ]
    return SimpleNamespace(models=cards, searches=(), find_model=lambda name: next(c for c in cards if c.name == name))


@pytest.mark.parametrize(
    ("remedy", "control", "text"),
    [
        (Outcome.PASS, Outcome.PASS, "Unlearning bought nothing here that these checks see"),
        (Outcome.PASS, Outcome.FAIL, "A model trained from scratch at the same cost does not (fail)."),
        (Outcome.FAIL, Outcome.PASS, "trained from scratch at the cost of A passes every required check: train anew"),
    ],
)
def test_the_recommendation_says_what_the_remedy_bought(remedy, control, text):
    verdicts = [verdict("unlearned", Outcome.FAIL), verdict("remedied-a", remedy), verdict("control", control)]

    assert text in recommend(verdicts, describe("control")).text


def test_without_a_control_nothing_is_said_of_one():
    verdicts = [verdict("unlearned", Outcome.FAIL), verdict("remedied-a", Outcome.PASS)]

    assert "scratch" not in recommend(verdicts, describe()).text
