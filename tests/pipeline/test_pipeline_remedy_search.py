"""The search for a remedy's setting: validation alone chooses, all that was tried is told, no collapse is chosen."""

from dataclasses import replace

import numpy as np
import pytest

from unlearn_audit.errors import CaseError, PolicyError
from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.pipeline.audit import name_known
from unlearn_audit.pipeline.remedy_search import (
    conclude,
    judge_configuration,
    leave_out_references,
    put_validation_for_test,
)
from unlearn_audit.policy import parse_policy
from unlearn_audit.records import Estimate, Interval, ModelCard, TriedConfiguration, Unit, quote_text

CARD = ModelCard(
    name="compared-tried", role="compared", method="salun-cra", title="SalUn-CRA", parameters={"keep": 0.5}
)
SIZES = (600, 300, 900, 1200)


@pytest.fixture
def stand_in(make_evidence):
    def make(**quality):
        models = ("original", "retrained", "unlearned", "compared-tried")
        evidence = put_validation_for_test(make_evidence(models, sizes=SIZES, **quality))
        cards = (*[c for c in evidence.provenance.models if c.name != CARD.name], CARD)
        return replace(evidence, provenance=evidence.provenance.model_copy(update={"models": cards}))

    return make


def tried(risk, *, holds=True):
    bounds = Interval(low=0.0, high=risk, confidence=0.95, method=quote_text("planted"), sides="one")
    estimate = Estimate(value=risk / 2, unit=Unit.COST_PER_CASE, n=10, bounds=bounds)
    return TriedConfiguration(parameters={}, risk=estimate, holds=holds, reason=quote_text("planted"))


# --- the stand-in for the test split ---


def test_no_test_record_is_left_in_the_stand_in(make_evidence):
    evidence = make_evidence(sizes=SIZES)
    stand_in = put_validation_for_test(evidence)
    test_ids = set(evidence.ids[evidence.select("test")])

    assert not any(str(name).split(" (")[0] in test_ids for name in stand_in.ids)
    assert len(stand_in) == 600 + 300 + 900 + 900


def test_the_stand_in_has_each_validation_record_twice_with_the_same_answers(make_evidence):
    stand_in = put_validation_for_test(make_evidence(sizes=SIZES))
    validation, test = stand_in.select("validation"), stand_in.select("test")

    for values in stand_in.log_probs.values():
        assert np.array_equal(values[validation], values[test])
    assert np.array_equal(stand_in.label[validation], stand_in.label[test])
    assert np.array_equal(stand_in.groups["patient_id"][validation], stand_in.groups["patient_id"][test])


def test_without_validation_records_there_is_no_search(make_evidence):
    evidence = make_evidence(sizes=SIZES)
    moved = replace(evidence, split=np.where(evidence.split == "validation", "retain", evidence.split))

    with pytest.raises(CaseError, match="validation records to search"):
        put_validation_for_test(moved)


def test_attacks_whose_controls_are_test_records_have_no_say_in_the_search(change_policy):
    policy = change_policy("attacks: [confidence, modified-entropy]", "attacks: [confidence, u-lira, rmia]")

    assert leave_out_references(policy).membership.attacks == ("confidence",)


def test_a_search_without_a_simple_attack_is_refused(change_policy):
    policy = change_policy("attacks: [confidence, modified-entropy]", "attacks: [u-lira]")

    with pytest.raises(CaseError, match=r"needs no reference models .* found u-lira"):
        leave_out_references(policy)


# --- one setting ---


def test_a_setting_that_forgot_and_kept_its_use_holds(policy, stand_in):
    setting = judge_configuration(policy, stand_in(), CARD)

    assert setting.holds, setting.reason
    assert setting.parameters == {"keep": 0.5}
    assert setting.risk is not None
    assert setting.risk.bounds is not None


def test_a_setting_that_remembers_does_not_hold_and_says_which_check(policy, stand_in):
    setting = judge_configuration(policy, stand_in(compared_tried=(3.0, 3.0, 0.0)), CARD)

    assert not setting.holds
    assert "Membership AUC" in setting.reason.text
    assert setting.forgetting is not None
    assert setting.forgetting.value > 0.6


def test_a_collapsed_setting_never_holds_though_it_looks_forgotten(policy, stand_in):
    evidence = stand_in()
    flat = np.full_like(evidence.log_probs[CARD.name], np.log([0.99, 0.01]))
    setting = judge_configuration(policy, replace(evidence, log_probs={**evidence.log_probs, CARD.name: flat}), CARD)

    assert not setting.holds
    assert "Share called positive" in setting.reason.text


def test_clinical_checks_do_not_decide_whether_a_setting_holds(change_policy, stand_in):
    """They decide on the test split; here risk ranks the settings that hold."""
    strict = change_policy("metric: global-risk, at_most: 0.5", "metric: global-risk, at_most: 0.001")

    assert judge_configuration(strict, stand_in(), CARD).holds


# --- the choice ---


def test_the_lowest_upper_bound_of_risk_among_those_that_hold_is_chosen():
    search = conclude("salun-cra", [tried(0.5), tried(0.1, holds=False), tried(0.3), tried(0.4)])

    assert search.chosen == 2
    assert search.reason.text == (
        "Of 4 configurations 3 hold on validation; number 3 has the lowest upper bound of Global Risk there, 0.300."
    )


def test_of_equal_settings_the_first_is_chosen():
    assert conclude("salun-cra", [tried(0.3), tried(0.3)]).chosen == 0


def test_where_nothing_holds_nothing_is_chosen_and_retraining_remains():
    search = conclude(
        "salun-cra", [tried(0.5, holds=False), TriedConfiguration(parameters={}, holds=False, reason=quote_text("x"))]
    )

    assert search.chosen is None
    assert "retraining" in search.reason.text


# --- in the policy ---

REMEDY = "{method: salun-cra}"


@pytest.mark.parametrize(
    ("remedy", "message"),
    [
        ("{method: salun-cra, search: {keep: []}}", "a list of values to try"),
        ("{method: salun-cra, search: {keep: 0.5}}", "a list"),
        ("{method: salun-cra, search: {keep: [0.5, 0.5]}}", "each value once"),
        ("{method: salun-cra, search: {kept: [0.5]}}", "did you mean 'keep'?"),
        ("{method: salun-cra, search: {keep: [0.5, 50]}}", "did you mean 0.5?"),
        ("{method: salun-cra, search: {form: [entropy, entropic]}}", "did you mean 'entropy'?"),
        ("{method: salun-cra, parameters: {keep: 0.5}, search: {keep: [0.3]}}", "it in one of the two"),
        (
            "{method: salun-cra, search: {epochs: [1,2,3,4,5], learning_rate: [1,2,3,4,5,6,7,8,9,10,.1,.2,.3]}}",
            "at most 64",
        ),
    ],
)
def test_a_search_that_cannot_be_made_is_refused_at_its_place(change_policy, remedy, message):
    with pytest.raises(PolicyError) as caught:
        change_policy(REMEDY, remedy)

    assert message in f"{caught.value.message} {caught.value.hint}"
    assert "remediation[0].search" in caught.value.message


def test_every_combination_is_a_setting_on_top_of_the_fixed_parameters(change_policy):
    remedy = change_policy(
        REMEDY, "{method: salun-cra, parameters: {epochs: 2}, search: {keep: [0.3, 1.0], form: [entropy, uniform]}}"
    ).remediation[0]

    assert [setting.parameters for setting in remedy.settings] == [
        {"epochs": 2, "keep": 0.3, "form": "entropy"},
        {"epochs": 2, "keep": 0.3, "form": "uniform"},
        {"epochs": 2, "keep": 1.0, "form": "entropy"},
        {"epochs": 2, "keep": 1.0, "form": "uniform"},
    ]


def test_every_setting_that_may_be_tried_costs_confidence(change_policy, make_evidence):
    evidence = make_evidence(("original", "retrained", "unlearned", "remedied-salun-cra"))
    plain = change_policy(REMEDY, "{method: salun-cra, parameters: {keep: 0.3}}")
    searched = change_policy(REMEDY, "{method: salun-cra, search: {keep: [0.3, 0.5, 0.7]}}")

    assert EvaluationContext(evidence, plain).confidence_for("remedied-salun-cra") == pytest.approx(1 - 0.05 / 4)
    assert EvaluationContext(evidence, searched).confidence_for("remedied-salun-cra") == pytest.approx(1 - 0.05 / 8)


def test_audited_model_and_remedies_share_one_error(change_policy, make_evidence):
    """On the limit, the audited model at .05 and three remedies sharing another gave a false release in up to .08."""
    evidence = make_evidence(("original", "retrained", "unlearned", "remedied-salun-cra"))
    for remedies in (REMEDY, "{method: salun-cra, search: {keep: [0.3, 0.5, 0.7]}}"):
        context = EvaluationContext(evidence, change_policy(REMEDY, remedies))
        tries = sum(len(remedy.settings) for remedy in context.policy.remediation)
        errors = [1 - context.confidence_for(model) for model in ("unlearned", "remedied-salun-cra")]

        assert errors[0] + tries * errors[1] == pytest.approx(0.05)
        assert context.confidence_for("original") == 0.95


@pytest.mark.parametrize(
    ("attacks", "left"),
    [("[confidence, u-lira]", ("confidence",)), ("[confidence]", ("confidence",)), ("[u-lira]", None)],
)
def test_a_check_keeps_those_of_its_own_attacks_that_a_search_can_run(attacks, left):
    """One that asks for attacks with reference models alone decides on the chosen setting, and not in the search."""
    text = (
        "schema: unlearn-audit/policy/v1\nid: a\nversion: '1'\ntitle: A\nowner: A\napplies_to: A\n"
        "task: {positive: [malignant]}\ncosts: {false_negative: 10, rationale: A}\nchecks:\n"
        "  - {id: a, metric: global-risk, at_most: 1, why: A}\n"
        "  - {id: b, metric: membership-auc, among: positive, within: [0.4, 0.6], why: A}\n"
        f"  - {{id: d, metric: membership-auc, within: [0.4, 0.6], attacks: {attacks}, why: A}}\n"
        "  - {id: c, metric: retain-accuracy, at_least: 0.5, why: A}\n"
        "membership: {attacks: [confidence, u-lira], references: {models: 8}}\n"
    )
    found = {check.id: check for check in leave_out_references(parse_policy(text, "a.yaml", name_known())).checks}

    assert (found["d"].attacks if "d" in found else None) == left
    assert found["b"].attacks == ()


def test_a_policy_without_a_search_keeps_its_digest():
    """The field came later: an old policy must stay the one that old reports were judged by."""
    text = (
        "schema: unlearn-audit/policy/v1\nid: a\nversion: '1'\ntitle: A\nowner: A\napplies_to: A\n"
        "task: {positive: [malignant]}\ncosts: {false_negative: 10, rationale: A}\nchecks:\n"
        "  - {id: a, metric: global-risk, at_most: 1, why: A}\n"
        "  - {id: b, metric: membership-auc, among: positive, within: [0.4, 0.6], why: A}\n"
        "  - {id: c, metric: retain-accuracy, at_least: 0.5, why: A}\n"
        "remediation: [{method: salun-cra}]\n"
    )

    fields = parse_policy(text, "a.yaml", name_known()).model_dump(mode="json")

    assert fields["remediation"] == [{"method": "salun-cra", "parameters": {}}]
