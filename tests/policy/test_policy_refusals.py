"""Every mistake is told with its line, its dotted path, what is allowed, and what was probably meant; all at once."""

import pytest

from tests.support.policy_tables import KNOWN
from unlearn_audit.errors import ExitCode, PolicyError
from unlearn_audit.policy import InvalidPolicyError, KnownNames, Problem, load_policy, locate_checks, parse_policy


@pytest.mark.parametrize(
    ("old", "new", "line", "column", "path", "expected", "hint"),
    [
        (
            "confidence: 0.95", "confidence: 95", 32, 15, "protocol.confidence",
            "a number of at least 0.5 and below 1", "it is a fraction; did you mean 0.95?",
        ),
        (
            "confidence: 0.95", "confidence: 95%", 32, 15, "protocol.confidence",
            "a number of at least 0.5 and below 1", "write a fraction, not a percentage; did you mean 0.95?",
        ),
        (
            "confidence: 0.95", "confidence: '0.95'", 32, 15, "protocol.confidence",
            "a number of at least 0.5 and below 1", "write it without quotes; did you mean 0.95?",
        ),
        (
            "confidence: 0.95", "confidence: 0,95", 32, 15, "protocol.confidence",
            "a number of at least 0.5 and below 1", "write a decimal point; did you mean 0.95?",
        ),
        (
            "resamples: 10000", "resamples: 100", 33, 14, "protocol.resamples",
            "a whole number of at least 1,000 and at most 1,000,000", "the default is 10,000",
        ),
        (
            "resamples: 10000", "resamples: 10_000", 33, 14, "protocol.resamples",
            "a whole number of at least 1,000 and at most 1,000,000", "write it without grouping; did you mean 10000?",
        ),
        (
            "resamples: 10000", "resamples: 2000.5", 33, 14, "protocol.resamples",
            "a whole number of at least 1,000 and at most 1,000,000", "the default is 10,000",
        ),
        (
            "resamples: 10000", "resamples: true", 33, 14, "protocol.resamples",
            "a whole number of at least 1,000 and at most 1,000,000", None,
        ),
        (
            "forget: 0.2", "forget: 20", 42, 11, "reference_case.forget",
            "a number above 0 and below 1", "it is a fraction; did you mean 0.2?",
        ),
        (
            "forget: 0.2", "forget: 20 %", 42, 11, "reference_case.forget",
            "a number above 0 and below 1", "write a fraction, not a percentage; did you mean 0.2?",
        ),
        (
            "false_negative: 20", "false_negative: -20", 11, 19, "costs.false_negative",
            "a number above 0 and at most 1,000,000", "it is a size, without a sign; did you mean 20?",
        ),
        (
            "false_negative: 20", "false_negative: 0", 11, 19, "costs.false_negative",
            "a number above 0 and at most 1,000,000", None,
        ),
        (
            "rationale: Because", "rationale: Because\n  prevalence: 2", 14, 15, "costs.prevalence",
            "a number above 0 and below 1", "it is a fraction; did you mean 0.02?",
        ),
        (
            "false_negative: 20", "false-negative: 20", 11, 3, "costs.false-negative",
            "a key that is known here", "did you mean 'false_negative'?",
        ),
        (
            "why: Safety", "why: Safety\n    atmost: 0.2", 19, 5, "checks[0].atmost",
            "a key that is known here", "did you mean 'at_most'?",
        ),
        (
            "owner: Somebody", "owner: Somebody\nconfidence: 0.9", 6, 1, "confidence",
            "a key that is known here", "it belongs into 'protocol'",
        ),
        ("owner: Somebody\n", "", 1, 1, "owner", "some text", "who may change it"),
        (
            "    why: Safety\n", "", 15, 5, "checks[0].why",
            "some text", "the reason for this tolerance, as printed in the report",
        ),
        ("why: Safety", "why: '  '", 18, 10, "checks[0].why", "some text", "a reader needs a sentence here"),
        ('version: "1.0"', "version: 1.0", 3, 10, "version", "some text", 'put it in quotes: "1.0"'),
        (
            "id: small", "id: Small Policy", 2, 5, "id",
            "lower-case letters, digits and hyphens, at most 63", "did you mean 'small-policy'?",
        ),
        (
            "positive: [malignant]", "positive: [0]", 8, 14, "task.positive[0]",
            "some text", 'put it in quotes: "0"',
        ),
        (
            "positive: [malignant]", "positive: malignant", 8, 13, "task.positive",
            "a list of at least 1 entry, each some text", "write it as a list: [malignant]",
        ),
        (
            "sensitivity 0.95]", "sensitivity 95]", 9, 30, "task.operating_points[1]",
            "'argmax', 'cost-optimal', 'threshold 0.3' or 'sensitivity 0.95'", "did you mean 'sensitivity 0.95'?",
        ),
        (
            "sensitivity 0.95]", "threshold 0]", 9, 30, "task.operating_points[1]",
            "'argmax', 'cost-optimal', 'threshold 0.3' or 'sensitivity 0.95'", None,
        ),
        (
            "  model: mlp", "  model: mlp\n  retrain: yes", 42, 12, "reference_case.retrain",
            "true or false", "write true",
        ),
        (
            "at_most: 0.1", "at_most: true", 17, 14, "checks[0].at_most", "a number", None,
        ),
        (
            "at_most: 0.1", "at_most: 10%", 17, 14, "checks[0].at_most",
            "a number", "write a fraction, not a percentage; did you mean 0.1?",
        ),
        (
            "within: [0.4, 0.6]", "within: [0.4]", 22, 13, "checks[1].within", "a list of 2 entries", None,
        ),
        (
            "form: entropy", "form: entropic", 38, 13, "remediation[0].parameters.form",
            "one of 'entropy', 'uniform'", "did you mean 'entropy'?",
        ),
        (
            "      keep: 0.5", "      keep: 50", 37, 13, "remediation[0].parameters.keep",
            "a number above 0 and at most 1", "it is a fraction; did you mean 0.5?",
        ),
        (
            "      keep: 0.5", "      kept: 0.5", 37, 7, "remediation[0].parameters.kept",
            "a key that is known here", "did you mean 'keep'?",
        ),
        (
            "unlearn: {method: salun}", "unlearn: {method: salun, parameters: {form: entropy}}", 43, 41,
            "reference_case.unlearn.parameters.form", "a key that is known here",
            "known: epochs, keep, labels, learning_rate, schedule",
        ),
        (
            "policy/v1", "policy/v2", 1, 9, "schema", "'unlearn-audit/policy/v1'",
            "this version of unlearn-audit reads unlearn-audit/policy/v1 only; another version wrote this file",
        ),
        (
            "schema: unlearn-audit/policy/v1", "schema: unlearn-audit/policy/v1\nschema_: unlearn-audit/policy/v1",
            2, 1, "schema_", "a key that is known here", "did you mean 'schema'?",
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place_and_what_was_meant(  # noqa: PLR0917 - the columns of the table above
    refuse_change, old, new, line, column, path, expected, hint
):
    problem = refuse_change(old, new)
    assert (problem.line, problem.column, problem.path) == (line, column, path)
    assert (problem.expected, problem.hint) == (expected, hint)


def test_a_policy_without_mistakes_is_read(read, small):
    policy = read(small)
    assert policy.checks[0].at_most == 0.1
    assert policy.protocol.confidence == 0.95
    assert policy.reference_case is not None
    assert policy.reference_case.recipe.epochs == 20


def test_an_empty_list_of_checks_is_refused(refuse, small):
    start, end = small.index("checks:"), small.index("membership:")
    problems = refuse(small[:start] + "checks: []\n" + small[end:])
    assert {p.path for p in problems} == {"checks"}
    assert any(p.found == "an empty list" for p in problems)


def test_all_mistakes_come_at_once_and_in_the_order_of_the_file(golden):
    """The message is kept as a file: changing its words is a decision, seen in review."""
    text = (golden / "mistakes.yaml").read_text(encoding="utf-8")
    with pytest.raises(InvalidPolicyError) as caught:
        parse_policy(text, "mistakes.yaml", KNOWN)
    actual = caught.value.message + "\n"
    assert len(caught.value.problems) >= 12
    assert [(p.line, p.column) for p in caught.value.problems] == sorted(
        (p.line, p.column) for p in caught.value.problems
    )
    assert (golden / "mistakes.txt").read_text(encoding="utf-8") == actual


def test_nothing_of_the_validation_library_shows_through(golden):
    text = (golden / "mistakes.yaml").read_text(encoding="utf-8")
    with pytest.raises(InvalidPolicyError) as caught:
        parse_policy(text, "mistakes.yaml", KNOWN)
    for word in ("pydantic", "Input should", "Field required", "Extra inputs", "Value error", "NoneType", "dict"):
        assert word not in caught.value.message


def test_a_refusal_is_a_policy_error_that_exits_2(refuse, small):
    error = InvalidPolicyError("p.yaml", refuse(small.replace("id: small", "id: 1")))
    assert isinstance(error, PolicyError)
    assert error.exit_code == ExitCode.USAGE


def test_one_mistake_is_announced_in_the_singular():
    error = InvalidPolicyError("p.yaml", [Problem(3, 1, "a.b", "2", "1", "count again")])
    assert error.message == (
        "p.yaml cannot be used: 1 mistake\np.yaml:3:1: a.b: expected 1, found 2\n    hint: count again"
    )


def test_a_misspelt_key_is_one_mistake_and_not_two(refuse_change):
    assert refuse_change("rationale: Because", "rational: Because").path == "costs.rational"


def test_two_policies_in_one_file_name_are_read_by_their_path(tmp_path, small):
    path = tmp_path / "mine.yaml"
    path.write_text(small, encoding="utf-8")
    assert load_policy(path, KNOWN).id == "small"


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(PolicyError, match=r"absent\.yaml, could not read it: no such file"):
        load_policy(tmp_path / "absent.yaml", KNOWN)


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(PolicyError, match="could not read it: is a directory"):
        load_policy(tmp_path, KNOWN)


def test_without_tables_names_are_not_checked(small):
    text = small.replace("retain-accuracy", "my-own-metric").replace("mlp", "my-own-model")
    assert parse_policy(text, "p.yaml", KnownNames()).checks[2].metric == "my-own-metric"


def test_the_line_of_each_check_can_be_pointed_at(small):
    assert locate_checks(small, "p.yaml") == {"missed": 15, "forgotten": 19, "kept": 24}


def test_a_long_value_is_shown_shortened(refuse_change):
    problem = refuse_change("id: small", f"id: {'X' * 500}")
    assert len(problem.found) < 80
