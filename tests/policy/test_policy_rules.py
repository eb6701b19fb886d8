"""Parts that contradict one another, checks that decide nothing, and policies that leave a side unguarded."""

import pytest
from pydantic import ValidationError

from tests.support.policy_tables import KNOWN, METRICS, survives
from unlearn_audit.policy import Check, InvalidPolicyError, KnownNames, MethodChoice, MetricTraits, Policy, parse_policy
from unlearn_audit.policy.rules import validate_consistency


@pytest.mark.parametrize(
    ("limits", "path", "found"),
    [
        ("title: No limit", "checks[0]", "none of them"),
        ("at_most: 0.1\n    at_least: 0.05", "checks[0].at_least", "at_most and at_least"),
    ],
)
def test_a_check_has_exactly_one_limit(small, limits, path, found):
    with pytest.raises(InvalidPolicyError) as caught:
        parse_policy(small.replace("at_most: 0.1", limits), "p.yaml", KnownNames())
    (problem,) = caught.value.problems
    assert (problem.path, problem.found) == (path, found)
    assert problem.expected == "exactly one of at_most, at_least, within"


def test_a_band_has_its_low_end_first(refuse_change):
    problem = refuse_change("within: [0.4, 0.6]", "within: [0.6, 0.4]")
    assert (problem.path, problem.hint) == ("checks[1].within", "did you mean [0.4, 0.6]?")


def test_a_band_without_width_is_refused(refuse_change):
    assert refuse_change("within: [0.4, 0.6]", "within: [0.5, 0.5]").hint is None


def test_an_id_belongs_to_one_check(refuse_change):
    problem = refuse_change("id: kept", "id: missed")
    assert (problem.path, problem.line) == ("checks[2].id", 24)
    assert problem.hint == "checks[0] has it already: results are told apart by it"


def test_a_check_is_read_at_an_operating_point_of_the_task(refuse_change):
    problem = refuse_change("why: Safety", "why: Safety\n    at: sensitivity 0.9")
    assert (problem.path, problem.expected) == ("checks[0].at", "one of task.operating_points")
    assert problem.hint == "the task has: argmax, sensitivity 0.95"


def test_an_operating_point_has_one_spelling(read, small):
    policy = read(small.replace("sensitivity 0.95]", "sensitivity .950]").replace(
        "why: Safety", "why: Safety\n    at: sensitivity 0.95"
    ))  # fmt: skip
    assert [str(point) for point in policy.task.operating_points] == ["argmax", "sensitivity 0.95"]
    assert str(policy.checks[0].at) == "sensitivity 0.95"


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ("positive: [malignant]", "positive: [malignant, malignant]", "task.positive[1]"),
        ("sensitivity 0.95]", "sensitivity 0.95, sensitivity .95]", "task.operating_points[2]"),
        ("[confidence, logit]", "[logit, logit]", "membership.attacks[1]"),
        ("fpr: [0.01]", "fpr: [0.01, 0.010]", "membership.fpr[1]"),
    ],
)
def test_a_list_names_nothing_twice(refuse_change, old, new, path):
    assert refuse_change(old, new).path == path


def test_cost_ratios_increase(refuse_change):
    problem = refuse_change("false_positive: 1", "false_positive: 1\n  ratios: [1, 5, 2]")
    assert (problem.path, problem.found) == ("costs.ratios[2]", "2 after 5")


def test_a_miss_costs_at_least_as_much_as_a_false_alarm(refuse_change):
    problem = refuse_change("false_negative: 20", "false_negative: 0.05")
    assert problem.hint == "are the two swapped? 'positive' is what must not be missed"


def test_the_two_classes_have_two_names(refuse_change):
    assert refuse_change("positive: [malignant]", "positive: [x]\n  positive_name: benign").path == "task.negative_name"


@pytest.mark.parametrize(
    "value", ["/home/somebody/model.pt", "../weights", "C:\\data", "~/x", "https://example.org", "{a: 1}", "[[1]]", "~"]
)
def test_a_parameter_cannot_be_a_path_or_an_address_even_where_the_method_is_unknown(small, value):
    text = small.replace("form: entropy", f"form: {value}")
    with pytest.raises(
        InvalidPolicyError, match=r"remediation\[0\].parameters.form: expected a number, true, false, a word"
    ):
        parse_policy(text, "p.yaml", KnownNames())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  model: mlp", "  model: /home/somebody/net.py"),
        ("  dataset: breast-cytology", "  dataset: ./data.npz"),
        ("  confidence: 0.95", "  cluster: /home/somebody/lesions.csv"),
        ("metric: retain-accuracy", "metric: metrics/mine.py"),
        ("- method: salun-cra", "- method: my.module:method"),
        ("[confidence, logit]", "[confidence, ../attack.py]"),
    ],
)
def test_a_policy_has_nowhere_to_put_a_file_of_this_machine(small, old, new):
    with pytest.raises(InvalidPolicyError, match="cannot be used: 1 mistake"):
        parse_policy(small.replace(old, new), "p.yaml", KnownNames())


@pytest.mark.parametrize(
    ("old", "new", "path", "hint"),
    [
        ("metric: retain-accuracy", "metric: retain_acuracy", "checks[2].metric", "did you mean 'retain-accuracy'?"),
        ("[confidence, logit]", "[confidence, loggit]", "membership.attacks[1]", "did you mean 'logit'?"),
        ("  - method: salun-cra", "  - method: salun_cra", "remediation[0].method", "did you mean 'salun-cra'?"),
        ("{method: salun}", "{method: saloon}", "reference_case.unlearn.method", "did you mean 'salun'?"),
        ("dataset: breast-cytology", "dataset: derma", "reference_case.dataset", "did you mean 'dermamnist'?"),
        ("  model: mlp", "  model: vit", "reference_case.model", "known: mlp, resnet18-small"),
    ],
)
def test_a_name_that_no_table_holds_is_refused_with_the_nearest(refuse_change, old, new, path, hint):
    problem = refuse_change(old, new)
    assert (problem.path, problem.hint) == (path, hint)


def test_a_change_needs_a_model_that_it_is_measured_from(refuse_change):
    problem = refuse_change("metric: false-negative-rate", "metric: false-negative-rate-increase")
    assert (problem.path, problem.found) == ("checks[0].against", "nothing")
    assert problem.hint == "add for example 'against: original'"


def test_a_metric_that_compares_nothing_takes_no_model(refuse_change):
    problem = refuse_change("why: Safety", "against: original\n    why: Safety")
    assert (problem.path, problem.line) == ("checks[0].against", 18)
    assert problem.expected == "no comparison for 'false-negative-rate'"


def test_a_comparison_that_the_metric_does_not_make_is_refused(refuse_change):
    problem = refuse_change("metric: membership-auc\n", "metric: membership-auc-difference\n    against: original\n")
    assert (problem.path, problem.expected) == ("checks[1].against", "'retrained' for 'membership-auc-difference'")


def test_a_population_that_the_metric_is_not_measured_on_is_refused(refuse_change):
    problem = refuse_change("among: positive", "among: positives")
    assert problem.expected == "'all' or 'negative' or 'positive' for 'membership-auc'"
    assert problem.hint == "did you mean 'positive'?"


def test_a_metric_without_operating_point_takes_none(refuse_change):
    problem = refuse_change("why: Utility", "at: argmax\n    why: Utility")
    assert problem.path == "checks[2].at"


def test_a_metric_that_only_describes_can_be_in_no_check(refuse_change):
    assert (
        refuse_change("why: Utility", "why: U\n  - {id: b, metric: brier, at_most: 1, why: w}").path
        == "checks[3].metric"
    )


def test_a_limit_on_the_wrong_side_is_refused(refuse_change):
    """'At least 10 % missed' would pass a model for missing enough."""
    problem = refuse_change("at_most: 0.1", "at_least: 0.1")
    assert (problem.path, problem.expected) == ("checks[0].at_least", "at_most for 'false-negative-rate'")


@pytest.mark.parametrize(
    ("old", "new"),
    [("at_most: 0.1", "at_most: 1"), ("at_least: 0.9", "at_least: 0"), ("within: [0.4, 0.6]", "within: [0, 1]")],
)
def test_a_limit_that_cannot_be_missed_is_refused(refuse_change, old, new):
    assert refuse_change(old, new).hint == "a check that cannot fail checks nothing"


@pytest.mark.parametrize(
    ("old", "new", "hint"),
    [
        ("at_most: 0.1", "at_most: 10", "it is a fraction; did you mean 0.1?"),
        ("at_least: 0.9", "at_least: 90", "it is a fraction; did you mean 0.9?"),
        ("within: [0.4, 0.6]", "within: [40, 60]", "it is a fraction; did you mean 0.4?"),
        ("at_most: 0.1", "at_most: -0.1", None),
    ],
)
def test_a_limit_lies_where_the_metric_can(refuse_change, old, new, hint):
    assert refuse_change(old, new).hint == hint


@pytest.mark.parametrize(
    ("check", "kind", "reason"),
    [
        ("missed", "clinical", "would not be seen to miss malignancies"),
        ("forgotten", "forgetting", "an untouched model is perfectly safe, and forgot nothing"),
        ("kept", "utility", "a destroyed model looks perfectly forgotten"),
    ],
)
def test_no_side_is_left_unguarded(refuse_change, check, kind, reason):
    """What merely informs guards nothing."""
    problem = refuse_change(f"id: {check}", f"id: {check}\n    required: false")
    assert problem.expected == f"at least one required {kind} check"
    assert reason in str(problem.hint)


def test_all_records_alone_do_not_show_forgetting(refuse_change):
    """Methods that spare malignant records hide their memory among the benign ones."""
    problem = refuse_change("among: positive", "among: all")
    assert problem.expected == "a required forgetting check with 'among: positive'"


def test_an_optional_check_among_positives_does_not_count(refuse, small):
    text = small.replace("among: positive", "among: positive\n    required: false").replace(
        "  - id: kept", "  - {id: f2, metric: membership-auc, within: [0.4, 0.6], why: w}\n  - id: kept"
    )
    assert [p.expected for p in refuse(text)] == ["a required forgetting check with 'among: positive'"]


def test_a_table_that_refuses_unknown_names_in_its_own_way_can_be_passed(small):
    """The product's tables raise an error of their own for a name they do not hold."""

    class Stubborn(dict):
        def __missing__(self, key):
            raise AssertionError(key)

        def get(self, key, default=None):
            raise AssertionError(key)

    known = KnownNames(metrics=Stubborn(METRICS), methods=Stubborn(KNOWN.methods))
    assert parse_policy(small, "p.yaml", known).id == "small"


@pytest.mark.parametrize("junk", ["3", "[]", "{}", "~", "text", "[3, {}, [], ~]", "{id: [], metric: {}, within: {}}"])
@pytest.mark.parametrize(
    "section", ["task", "costs", "checks", "membership", "protocol", "remediation", "reference_case"]
)
def test_no_shape_of_a_section_breaks_the_reader(small, section, junk):
    """It is read, or refused with at least one problem; it never crashes."""
    lines, kept, inside = small.splitlines(), [], False
    for line in lines:
        inside = line.startswith(f"{section}:") or (inside and line.startswith(" "))
        kept += [] if inside else [line]
    text = "\n".join([*kept, f"{section}: {junk}"])
    assert survives(text)


def test_a_policy_made_in_python_is_held_to_the_same_rules(read, small):
    data = read(small).model_dump()
    data["checks"][2]["id"] = "missed"
    with pytest.raises(ValidationError, match="an id of its own for each check"):
        Policy.model_validate(data)


def test_a_check_made_in_python_has_exactly_one_limit():
    with pytest.raises(ValidationError, match="exactly one of at_most, at_least, within"):
        Check(id="a", metric="b", why="c")


def test_a_method_chosen_in_python_carries_no_path():
    with pytest.raises(ValidationError, match="expected a number, true, false, a word"):
        MethodChoice(method="salun", parameters={"weights": "/home/somebody/model.pt"})


def test_the_rules_step_over_what_is_malformed():
    assert (
        list(validate_consistency({"checks": 3, "task": [], "costs": "x", "membership": None, "remediation": [1]}))
        == []
    )


def test_traits_say_nothing_by_default_that_would_refuse_a_plain_check():
    traits = MetricTraits(title="A metric", kind="utility")
    assert traits.limits == {"at_most", "at_least", "within"}
    assert traits.against == {None}
