"""A check on membership rests on the attacks that it names; on all that the policy lists where it names none."""

import numpy as np
import pytest

from tests.support.policies import write_policy
from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.findings.measurement import measure
from unlearn_audit.pipeline.audit import name_known
from unlearn_audit.policy import InvalidPolicyError, parse_policy
from unlearn_audit.records import Outcome
from unlearn_audit.selftest.simulation import Simulation, draw_evidence
from unlearn_audit.verdict.rulings import rule_check
from unlearn_audit.verdict.summary import title_of


def read(choice, *, missed=""):
    checks = (
        f"{{id: missed, metric: false-negative-rate, at_most: 0.5, {missed} why: w}}",
        "{id: kept, metric: retain-accuracy, at_least: 0.5, why: w}",
        "{id: share, metric: positive-share, within: [0.05, 0.7], why: w}",
        "{id: found, metric: membership-tpr, at_most: 0.2, why: w}",
        "{id: forgotten-malignant, metric: membership-auc, among: positive, within: [0.38, 0.62], why: w}",
        f"{{id: forgotten, metric: membership-auc, within: [0.4, 0.6], {choice} why: w}}",
    )
    text = write_policy("attacked", checks, membership="{attacks: [logit, entropy], fpr: [0.01]}")
    return parse_policy(text, "policy.yaml", name_known())


@pytest.fixture(scope="module")
def findings():
    evidence = draw_evidence(Simulation(), np.random.default_rng(3))
    return measure(EvaluationContext(evidence, read("")), wants=lambda key: key.metric == "membership-auc")


def judge(findings, choice):
    policy = read(choice)
    check = next(check for check in policy.checks if check.id == "forgotten")
    own = [finding for finding in findings if finding.key.model == "unlearned"]
    return rule_check(check, own, policy).ruling


def spoil(findings, attack):
    """The same findings, in which one attack recognises nearly everybody."""

    def worsen(finding):
        estimate = finding.estimate
        beyond = {
            name: interval.model_copy(update={"low": 0.9, "high": 0.95})
            for name in ("bounds", "corrected")
            if (interval := getattr(estimate, name)) is not None
        }
        return finding.model_copy(update={"estimate": estimate.model_copy(update={"value": 0.92, **beyond})})

    return [worsen(finding) if finding.key.attack == attack else finding for finding in findings]


@pytest.mark.parametrize(
    ("choice", "outcome"),
    [("", Outcome.FAIL), ("attacks: [logit],", Outcome.PASS), ("attacks: [entropy],", Outcome.FAIL)],
)
def test_an_attack_that_recognises_everybody_fails_the_checks_that_ask_for_it(findings, choice, outcome):
    assert judge(findings, choice).outcome is Outcome.PASS
    assert judge(spoil(findings, "entropy"), choice).outcome is outcome


@pytest.mark.parametrize(
    ("choice", "outcome"),
    [("", Outcome.NOT_RUN), ("attacks: [logit],", Outcome.PASS), ("attacks: [entropy, logit],", Outcome.NOT_RUN)],
)
def test_an_attack_that_nobody_ran_is_missed_where_it_is_asked_for(findings, choice, outcome):
    without = [finding for finding in findings if finding.key.attack != "entropy"]
    assert judge(without, choice).outcome is outcome


def test_the_title_names_the_attacks_and_a_policy_without_them_has_the_digest_it_had():
    chosen, plain = read("attacks: [logit],"), read("")
    titled = read("attacks: [logit], title: Forgotten,")
    assert title_of(chosen.checks[-1], chosen).endswith("(logit)")
    assert title_of(titled.checks[-1], titled) == "Forgotten (logit)"
    assert "attacks" not in plain.checks[-1].model_dump(mode="json")
    assert chosen.digest() != plain.digest() == read("attacks: [],").digest()


@pytest.mark.parametrize(
    ("choice", "missed", "found"),
    [
        ("attacks: [magic],", "", "found 'magic'"),
        ("attacks: [confidence],", "", "expected one of membership.attacks, found 'confidence'"),
        ("attacks: [logit, logit],", "", "'logit' twice"),
        ("", "attacks: [logit],", "expected none for 'false-negative-rate'"),
    ],
)
def test_attacks_that_cannot_decide_a_check_are_refused_by_name(choice, missed, found):
    with pytest.raises(InvalidPolicyError, match=found):
        read(choice, missed=missed)
